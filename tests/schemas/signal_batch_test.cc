#include "schemas/signal_batch.h"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "common/rng.h"
#include "schemas/gen/signals_generated.h"
#include "schemas/verified.h"

namespace wayside::schemas {
namespace {

constexpr WallMs kTime{1'637'291'564'120};

std::vector<SignalValue> every_type() {
  return {{"Vehicle.Odometer", kTime, std::int64_t{std::numeric_limits<std::int64_t>::min()}},
          {"Vehicle.Counter", kTime, std::uint64_t{std::numeric_limits<std::uint64_t>::max()}},
          {"Vehicle.Speed", kTime, -0.0},
          {"Vehicle.Temperature", kTime, -0.0F},
          {"Vehicle.Broken", kTime, std::bit_cast<double>(0x7FF8'0000'0000'1234ULL)},
          {"Vehicle.IsMoving", kTime, false},
          {"Vehicle.Label", kTime, std::string("caf\xC3\xA9\0x", 7)}};
}

// Equality of bits: 0.0 == -0.0 and NaN != NaN are no help here.
bool same_bits(const SignalData& a, const SignalData& b) {
  if (a.index() != b.index()) return false;
  if (const auto* x = std::get_if<double>(&a)) {
    return std::bit_cast<std::uint64_t>(*x) == std::bit_cast<std::uint64_t>(std::get<double>(b));
  }
  if (const auto* x = std::get_if<float>(&a)) {
    return std::bit_cast<std::uint32_t>(*x) == std::bit_cast<std::uint32_t>(std::get<float>(b));
  }
  return a == b;
}

bool refused(const Bytes& payload) {
  const auto outcome = verify_signal_batch(payload);
  return !outcome.ok() && outcome.reason() == Reason::PAYLOAD_INVALID && !parse_signal_batch(payload).ok();
}

Bytes with_signal(const SignalValue& signal) { return build_signal_batch(1, "vss-6.0", {&signal, 1}); }

}  // namespace

TEST_CASE("a SignalBatch comes back bit for bit, minus zero and NaN payloads included") {
  const auto signals = every_type();
  const Bytes payload = build_signal_batch(42, "vss-6.0+ab12", signals);
  const auto info = verify_signal_batch(payload);
  REQUIRE(info.ok());
  CHECK(info->sequence == 42);
  CHECK(info->catalogue == "vss-6.0+ab12");
  CHECK(info->count == signals.size());
  const auto parsed = parse_signal_batch(payload);
  REQUIRE(parsed.ok());
  REQUIRE(parsed->signals.size() == signals.size());
  for (std::size_t i = 0; i < signals.size(); ++i) {
    CAPTURE(signals[i].path);
    CHECK(parsed->signals[i].path == signals[i].path);
    CHECK(parsed->signals[i].t == signals[i].t);
    CHECK(same_bits(parsed->signals[i].value, signals[i].value));
  }
}

TEST_CASE("a SignalBatch reads the same from an address that is not aligned") {
  const auto signals = every_type();
  const Bytes payload = build_signal_batch(7, "", signals);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    Bytes moved(shift, 0);
    moved.insert(moved.end(), payload.begin(), payload.end());
    const auto parsed = parse_signal_batch(ByteView(moved).subspan(shift));
    REQUIRE(parsed.ok());
    CHECK(parsed->signals.size() == signals.size());
  }
}

TEST_CASE("a SignalBatch out of range is refused") {
  const SignalValue good{"Vehicle.Speed", kTime, 1.5};
  CHECK_FALSE(refused(with_signal(good)));
  SECTION("no signal") { CHECK(refused(build_signal_batch(1, "vss", {}))); }
  SECTION("1,024 signals pass, 1,025 do not") {
    const std::vector<SignalValue> most(kSignalsMax, good);
    CHECK_FALSE(refused(build_signal_batch(1, "vss", most)));
    const std::vector<SignalValue> more(kSignalsMax + 1, good);
    CHECK(refused(build_signal_batch(1, "vss", more)));
  }
  SECTION("path") {
    for (const std::string& path : {std::string(), std::string("Vehicle/Speed"), std::string("Vehicle.Sp\0ed", 13),
                                    std::string("+"), std::string("Vehicle.#"), std::string(256, 'a')}) {
      CAPTURE(path);
      CHECK(refused(with_signal({path, kTime, 1.5})));
    }
    CHECK_FALSE(refused(with_signal({std::string(255, 'a'), kTime, 1.5})));
  }
  SECTION("time") {
    CHECK(refused(with_signal({"A", {-1}, 1.5})));
    CHECK(refused(with_signal({"A", {kTimeMsMax + 1}, 1.5})));
    CHECK_FALSE(refused(with_signal({"A", {kTimeMsMax}, 1.5})));
  }
  SECTION("string value") {
    CHECK_FALSE(refused(with_signal({"A", kTime, std::string(1024, 'x')})));
    CHECK(refused(with_signal({"A", kTime, std::string(1025, 'x')})));
    for (const char* bad : {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "\xE2\x82"}) {
      CHECK(refused(with_signal({"A", kTime, std::string(bad)})));
    }
  }
  SECTION("catalogue") {
    CHECK(refused(build_signal_batch(1, "vss 6", {&good, 1})));
    CHECK(refused(build_signal_batch(1, std::string(65, 'v'), {&good, 1})));
  }
}

TEST_CASE("a union type that this release does not know is refused") {
  Bytes payload = with_signal({"Vehicle.Speed", kTime, 1.5});
  auto* signal = GetMutableSignalBatch(payload.data())->mutable_signals()->GetMutableObject(0);
  // The type lies in the table as one byte: found by its vtable entry, since unions have no mutator.
  auto* table = reinterpret_cast<flatbuffers::Table*>(signal);
  std::uint8_t* type = table->GetAddressOf(Signal::VT_VALUE_TYPE);
  REQUIRE(type != nullptr);
  for (const int unknown : {0, 7, 255}) {
    *type = static_cast<std::uint8_t>(unknown);
    CHECK(refused(payload));
  }
  *type = static_cast<std::uint8_t>(Value::Int64Value);  // the same width: verifies, and is an integer
  CHECK_FALSE(refused(payload));
}

TEST_CASE("no damaged SignalBatch is read outside its bytes") {
  const Bytes payload = build_signal_batch(42, "vss-6.0", every_type());
  for (std::size_t size = 0; size < payload.size(); ++size) {
    const Bytes cut(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(size));
    (void)parse_signal_batch(cut);  // the sanitizers judge
  }
  SeededRng rng(20211119);
  std::size_t survivors = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes damaged = payload;
    for (std::uint64_t flips = 1 + rng.below(3); flips > 0; --flips) {
      damaged[rng.below(damaged.size())] = static_cast<std::uint8_t>(rng.next());
    }
    const auto verified = verify_signal_batch(damaged);
    const auto parsed = parse_signal_batch(damaged);
    REQUIRE(verified.ok() == parsed.ok());
    if (parsed.ok()) ++survivors;
  }
  CHECK(survivors > 0);  // damage in values alone does not show: that is what CRC and signatures are for
  CHECK(survivors < 20'000);
}

}  // namespace wayside::schemas
