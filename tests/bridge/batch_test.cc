// Batches: what goes in comes out bit by bit, and what a peer makes up is refused.
#include "bridge/batch/batch.h"

#include <zstd.h>

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdio>
#include <limits>

#include "bridge/batch/decimal.h"
#include "bridge/batch/frame.h"
#include "bridge/batch/packed.h"
#include "common/rng.h"
#include "schemas/gen/batch_generated.h"
#include "schemas/record.h"
#include "schemas/signal_batch.h"
#include "spool/chain.h"

namespace batch = wayside::bridge::batch;
namespace spool = wayside::spool;
using namespace wayside;
using schemas::SignalData;
using schemas::SignalValue;

namespace {

constexpr std::int64_t kNow = 1'732'000'000'000;

// Records of a lane as a reader gives them.
class Lanes {
 public:
  void add(const schemas::RecordView& record, std::int64_t at = kNow) {
    Bytes body;
    schemas::encode_record(record, body);
    add_body(body, at);
  }
  void add_body(const Bytes& body, std::int64_t at = kNow, bool lost = false) {
    const Offset offset = first + records.size();
    const Digest before = records.empty() ? Digest{} : records.back().after;
    records.push_back(
        {offset, {at}, body, spool::chain(before, offset, {at}, body), spool::framed_bytes(body.size()), lost});
  }
  void add_signals(const std::string& vehicle, std::uint64_t sequence, const std::vector<SignalValue>& signals,
                   std::int64_t at = kNow) {
    const Bytes payload = schemas::build_signal_batch(sequence, "vss-6.0", signals);
    schemas::RecordView record;
    record.vehicle = vehicle;
    const std::string topic = "v1/" + vehicle + "/state";
    record.topic = topic;
    record.payload = payload;
    record.cohort = "compact";
    record.sequence = sequence;
    record.epoch = 1'731'999'000'123;
    record.signal_batch = true;
    add(record, at);
  }
  [[nodiscard]] batch::EncodeInput input() const {
    batch::EncodeInput in;
    in.uuid.bytes[5] = 77;
    in.session = 9;
    in.lane = Lane::state;
    in.number = 4;
    in.first = first;
    in.before.bytes[1] = 3;
    in.now = {kNow + 1000};
    in.records = &records;
    return in;
  }

  Offset first{1'000'000};
  std::vector<spool::ReadRecord> records;
};

batch::Encoded encoded(const Lanes& lanes, const std::vector<batch::Rule>& rules = {},
                       const batch::Limits& limits = {}) {
  auto out = batch::encode(lanes.input(), rules, limits);
  REQUIRE(out.ok());
  return std::move(out).value();
}

batch::Decoded decoded(const Bytes& message, const batch::Limits& limits = {}) {
  auto out = batch::decode(message, limits);
  if (!out) FAIL(code(out.reason()));
  return std::move(out).value();
}

// Equal bits: a NaN is equal to itself only if its payload is, and 0.0 is not -0.0.
bool same_bits(const SignalData& left, const SignalData& right) {
  if (left.index() != right.index()) return false;
  if (const auto* value = std::get_if<double>(&left)) {
    return std::bit_cast<std::uint64_t>(*value) == std::bit_cast<std::uint64_t>(std::get<double>(right));
  }
  if (const auto* value = std::get_if<float>(&left)) {
    return std::bit_cast<std::uint32_t>(*value) == std::bit_cast<std::uint32_t>(std::get<float>(right));
  }
  return left == right;
}

void check_same(const batch::Delivered& out, const spool::ReadRecord& in) {
  const auto record = schemas::decode_record(in.body);
  REQUIRE(record.ok());
  REQUIRE(out.offset == in.offset);
  REQUIRE(out.committed == in.time);
  REQUIRE(out.vehicle == record->vehicle);
  REQUIRE(out.topic == record->topic);
  REQUIRE(out.cohort == record->cohort);
  REQUIRE(out.mid == record->mid);
  REQUIRE(out.epoch == record->epoch);
  REQUIRE(out.sequence == record->sequence);
  const auto want = schemas::parse_signal_batch(record->payload);
  if (!record->signal_batch || !want) {
    REQUIRE_FALSE(out.signal_batch);
    REQUIRE(out.payload == Bytes(record->payload.begin(), record->payload.end()));
    return;
  }
  REQUIRE(out.signal_batch);
  const auto have = schemas::parse_signal_batch(out.payload);
  REQUIRE(have.ok());
  REQUIRE(have->sequence == want->sequence);
  REQUIRE(have->catalogue == want->catalogue);
  REQUIRE(out.catalogue == want->catalogue);
  REQUIRE(have->signals.size() == want->signals.size());
  for (std::size_t i = 0; i < want->signals.size(); ++i) {
    REQUIRE(have->signals[i].path == want->signals[i].path);
    REQUIRE(have->signals[i].t == want->signals[i].t);
    REQUIRE(same_bits(have->signals[i].value, want->signals[i].value));
  }
}

void check_round_trip(const Lanes& lanes) {
  const auto message = encoded(lanes);
  REQUIRE(message.count == lanes.records.size());
  const auto out = decoded(message.message);
  REQUIRE(out.delivered.size() == lanes.records.size());
  for (std::size_t i = 0; i < out.delivered.size(); ++i) check_same(out.delivered[i], lanes.records[i]);
}

double bits_double(std::uint64_t bits) { return std::bit_cast<double>(bits); }
float bits_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }

SignalData any_value(Rng& rng) {
  switch (rng.below(8)) {
    case 0: return static_cast<std::int64_t>(rng.next());
    case 1: return rng.next();
    case 2: return bits_double(rng.next());
    case 3: return bits_float(static_cast<std::uint32_t>(rng.next()));
    case 4: return rng.below(2) == 0;
    case 5: return std::string(rng.below(20), static_cast<char>('a' + rng.below(26)));
    case 6: return static_cast<double>(rng.below(100'000)) / 100;
    default: return static_cast<float>(rng.below(1000)) / 10.0F;
  }
}

// A frame around a FlatBuffer made from a good one by `change`.
template <typename Change>
Reason refusal_of(const Bytes& message, Change change) {
  auto raw = batch::decompress(message, 4U << 20U);
  REQUIRE(raw.ok());
  change(*schemas::GetMutableBatch(raw->data()));
  const auto out = batch::decode(batch::compress(raw.value(), 3).value(), {});
  REQUIRE_FALSE(out.ok());
  return out.reason();
}

}  // namespace

TEST_CASE("a batch says whose it is and what it covers") {
  Lanes lanes;
  lanes.add_signals("WVWZZZ1JZXW000001", 1, {{"Vehicle.Speed", {kNow}, 12.5}});
  lanes.add_signals("WVWZZZ1JZXW000001", 2, {{"Vehicle.Speed", {kNow + 1}, 13.0}});
  const auto message = encoded(lanes);
  CHECK(message.first == lanes.first);
  CHECK(message.count == 2);
  CHECK(message.samples == 2);
  CHECK(message.after == lanes.records.back().after);
  CHECK(message.framed_bytes == lanes.records[0].framed_bytes + lanes.records[1].framed_bytes);
  const auto out = decoded(message.message);
  CHECK(out.uuid == lanes.input().uuid);
  CHECK(out.session == 9);
  CHECK(out.lane == Lane::state);
  CHECK(out.number == 4);
  CHECK(out.first == lanes.first);
  CHECK(out.count == 2);
  CHECK(out.before == lanes.input().before);
  CHECK(out.after == message.after);
  CHECK(out.framed_bytes == message.framed_bytes);
  CHECK(out.key_frame);
  REQUIRE(out.runs.size() == 1);
  CHECK(out.runs[0].outcome == batch::Outcome::deliver);
  CHECK(out.runs[0].first == lanes.first);
  CHECK(out.runs[0].count == 2);
  CHECK(out.runs[0].cohorts.at("compact").delivered == 2);
}

TEST_CASE("values of all six types come back with the very same bits") {
  using Limit64 = std::numeric_limits<std::int64_t>;
  const std::vector<std::vector<SignalData>> columns = {
      {Limit64::min(), Limit64::max(), std::int64_t{0}, std::int64_t{-1}, Limit64::min(), Limit64::min() + 1},
      {std::uint64_t{0}, UINT64_MAX, std::uint64_t{1}, std::uint64_t{1} << 63U, UINT64_MAX, std::uint64_t{7}},
      {0.0, -0.0, bits_double(0x7FF0000000000001), bits_double(0xFFF8DEADBEEF0001), HUGE_VAL, 5e-324},
      {0.1, 0.2, 0.3, 12.34, -7.5, 1e9},
      {0.0F, -0.0F, bits_float(0x7F800001), bits_float(0xFFC0BEEF), -HUGE_VALF, bits_float(1)},
      {0.1F, 0.2F, 16777216.0F, -3.5F, 0.0F, 99.9F},
      {true, false, true, true, false, false},
      {std::string(), std::string("on"), std::string("off"), std::string("on"), std::string("h\xC3\xA9"),
       std::string(1024, 'x')}};
  Lanes lanes;
  for (std::size_t i = 0; i < 6; ++i) {
    std::vector<SignalValue> signals;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      signals.push_back({"Vehicle.S" + std::to_string(c), {kNow + static_cast<std::int64_t>(i * c)}, columns[c][i]});
    }
    lanes.add_signals(i % 2 == 0 ? "CAR-A" : "CAR-B", i + 1, signals, kNow + static_cast<std::int64_t>(i) * 7);
  }
  check_round_trip(lanes);
}

TEST_CASE("times, order, repeats and changing types inside one SignalBatch come back") {
  Lanes lanes;
  lanes.add_signals("CAR", 7, {{"B", {schemas::kTimeMsMax}, 1.5}, {"A", {0}, std::int64_t{3}}, {"B", {5}, 2.5}});
  lanes.add_signals("CAR", UINT64_MAX, {{"A", {kNow}, 3.0}, {"B", {kNow}, std::string("x")}, {"A", {kNow}, true}}, 0);
  lanes.add_signals("CAR", 1, {{"A", {kNow - 100'000'000'000}, std::int64_t{3}}}, kNow * 2);
  check_round_trip(lanes);
}

TEST_CASE("payloads that are not ours travel as bytes, with every field of their record") {
  Lanes lanes;
  const Bytes payload = {0, 1, 2, 0xFF};
  schemas::RecordView record;
  record.vehicle = "CAR-1";
  record.topic = "v1/CAR-1/event/crash";
  record.payload = payload;
  record.mid = "m-1";
  record.epoch = UINT64_MAX;
  record.sequence = 5;
  lanes.add(record);
  record.topic = "v1/CAR-10/event/x";  // not its own: kept whole
  record.payload = {};
  record.mid = {};
  record.cohort = "other-cohort";
  lanes.add(record);
  record.topic = "x/CAR-1/=/a";
  record.signal_batch = true;  // claims to be one and is not
  record.payload = payload;
  lanes.add(record);
  check_round_trip(lanes);
  const auto out = decoded(encoded(lanes).message);
  CHECK(out.runs.at(0).cohorts.at("other").delivered == 1);
  CHECK(out.runs.at(0).cohorts.at("other-cohort").delivered == 2);
}

TEST_CASE("random records of many vehicles come back, whatever their values") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    SeededRng rng(seed);
    Lanes lanes;
    for (std::uint64_t i = 1 + rng.below(60); i > 0; --i) {
      std::vector<SignalValue> signals;
      for (std::uint64_t s = 1 + rng.below(12); s > 0; --s) {
        signals.push_back({"Vehicle.P" + std::to_string(rng.below(9)),
                           {static_cast<std::int64_t>(rng.below(schemas::kTimeMsMax))},
                           any_value(rng)});
      }
      lanes.add_signals("CAR-" + std::to_string(rng.below(5)), rng.next(), signals,
                        static_cast<std::int64_t>(rng.below(kNow)));
    }
    check_round_trip(lanes);
  }
}

TEST_CASE("a record that cannot be decoded is lost, its neighbours are delivered") {
  Lanes lanes;
  lanes.add_signals("CAR", 1, {{"A", {kNow}, 1.0}});
  lanes.add_body({1, 2, 3});
  lanes.add_body({}, kNow, true);
  lanes.add_signals("CAR", 2, {{"A", {kNow}, 2.0}});
  schemas::RecordView record;
  record.vehicle = "not a name";
  record.topic = "v1/x/state";
  lanes.add(record);
  const auto out = decoded(encoded(lanes).message);
  REQUIRE(out.delivered.size() == 2);
  CHECK(out.delivered[1].offset == lanes.first + 3);
  REQUIRE(out.runs.size() == 4);
  CHECK(out.runs[1].outcome == batch::Outcome::lost);
  CHECK(out.runs[1].first == lanes.first + 1);
  CHECK(out.runs[1].count == 2);
  CHECK(out.runs[1].cohorts.at("other").lost == 2);
  CHECK(out.runs[3].count == 1);
}

TEST_CASE("what is older than its rule's TTL is expired, by cohort") {
  Lanes lanes;
  lanes.add_signals("CAR", 1, {{"A", {kNow}, 1.0}}, kNow - 5000);
  lanes.add_signals("CAR", 2, {{"A", {kNow}, 2.0}}, kNow - 4000);
  lanes.add_signals("CAR", 3, {{"A", {kNow}, 3.0}}, kNow);
  const std::vector<batch::Rule> rules = {{"v1/{vehicle}/event/#", batch::Policy::history, 1},
                                          {"v1/{vehicle}/state/#", batch::Policy::history, 5000},
                                          {"#", batch::Policy::history, 1}};
  const auto out = decoded(encoded(lanes, rules).message);  // now is kNow + 1000: 6000, 5000 and 1000 ms old
  REQUIRE(out.delivered.size() == 2);
  REQUIRE(out.runs.size() == 2);
  CHECK(out.runs[0].outcome == batch::Outcome::expired);
  CHECK(out.runs[0].count == 1);
  CHECK(out.runs[0].cohorts.at("compact").expired == 1);
}

TEST_CASE("latest compacts a SignalBatch only if every signal of it comes again from the same vehicle") {
  Lanes lanes;
  lanes.add_signals("CAR", 1, {{"A", {kNow}, 1.0}, {"B", {kNow}, 1.0}});  // B never comes again
  lanes.add_signals("CAR", 2, {{"A", {kNow}, 2.0}});                      // overwritten by 4
  lanes.add_signals("VAN", 1, {{"A", {kNow}, 2.0}, {"B", {kNow}, 2.0}});  // another vehicle
  lanes.add_signals("CAR", 3, {{"A", {kNow}, 3.0}, {"C", {kNow}, 3.0}});  // overwritten by 4 and 5 together
  lanes.add_signals("CAR", 4, {{"A", {kNow}, 4.0}});
  lanes.add_signals("CAR", 5, {{"C", {kNow}, 5.0}});
  const std::vector<batch::Rule> latest = {{"v1/+/state", batch::Policy::latest, 0}};
  const auto out = decoded(encoded(lanes, latest).message);
  std::vector<std::uint64_t> delivered;
  for (const auto& record : out.delivered) delivered.push_back(record.offset - lanes.first);
  CHECK(delivered == std::vector<std::uint64_t>{0, 2, 4, 5});
  CHECK(out.runs.at(1).outcome == batch::Outcome::compacted);
  CHECK(out.runs.at(1).cohorts.at("compact").compacted == 1);
  CHECK(out.runs.at(1).cohorts.at("compact").resent == 0);
  CHECK(decoded(encoded(lanes).message).delivered.size() == 6);
}

TEST_CASE("what is expired overwrites nothing") {
  Lanes lanes;
  lanes.add_signals("CAR", 1, {{"A", {kNow}, 1.0}}, kNow);
  lanes.add_signals("CAR", 2, {{"A", {kNow}, 2.0}}, kNow - 100'000);
  const auto out = decoded(encoded(lanes, {{"v1/+/state", batch::Policy::latest, 50'000}}).message);
  REQUIRE(out.delivered.size() == 1);
  CHECK(out.delivered[0].sequence == 1);
  CHECK(out.runs.at(1).outcome == batch::Outcome::expired);
}

TEST_CASE("a batch takes what fits its limits, and at least one record") {
  Lanes lanes;
  schemas::RecordView record;
  record.vehicle = "CAR";
  record.topic = "v1/CAR/bulk/log";
  const Bytes payload(10'000, 7);
  record.payload = payload;
  for (int i = 0; i < 50; ++i) lanes.add(record);
  batch::Limits limits;
  limits.raw_bytes_max = 100'000;
  const auto some = encoded(lanes, {}, limits);
  CHECK(some.count == 9);
  CHECK(some.raw_bytes <= limits.raw_bytes_max);
  CHECK(some.after == lanes.records[8].after);
  CHECK(decoded(some.message, limits).delivered.size() == 9);
  limits.raw_bytes_max = 1;
  CHECK(encoded(lanes, {}, limits).count == 1);
  limits = {};
  limits.records_max = 3;
  CHECK(encoded(lanes, {}, limits).count == 3);
  limits = {};
  limits.payload_bytes_max = 50'000;
  CHECK(encoded(lanes, {}, limits).count == 2);
}

TEST_CASE("no mixture of outcomes and signals makes a batch that its own verifier refuses") {
  Lanes lanes;
  for (std::uint64_t i = 0; i < 9'000; ++i) {
    lanes.add_signals("CAR", i, {{"Vehicle.P" + std::to_string(i), {kNow}, 1.0}}, i % 2 == 0 ? kNow : 0);
  }
  const auto message = encoded(lanes, {{"#", batch::Policy::history, 60'000}});
  CHECK(message.count > 2'000);
  CHECK(decoded(message.message).count == message.count);
}

TEST_CASE("decimal fractions are found exactly or not at all") {
  CHECK(batch::decimal_of(12.34, 2) == 1234);
  CHECK_FALSE(batch::decimal_of(12.34, 1));
  CHECK_FALSE(batch::decimal_of(-0.0, 0));
  CHECK_FALSE(batch::decimal_of(std::nan(""), 3));
  CHECK_FALSE(batch::decimal_of(HUGE_VAL, 3));
  CHECK_FALSE(batch::decimal_of(1e300, 0));
  CHECK(batch::decimal_of(0.1F, 1) == 1);
  CHECK_FALSE(batch::decimal_of(bits_float(0x3DCCCCCE), 1));
}

TEST_CASE("a varint that is too long, too wide or cut is refused") {
  std::uint64_t value = 0;
  Bytes bytes;
  batch::put_varint(bytes, UINT64_MAX);
  CHECK(bytes.size() == batch::kVarintBytesMax);
  CHECK((batch::PackedReader(bytes).next(value) && value == UINT64_MAX));
  bytes.back() = 2;
  CHECK_FALSE(batch::PackedReader(bytes).next(value));
  bytes.back() = 0x81;
  bytes.push_back(0);
  CHECK_FALSE(batch::PackedReader(bytes).next(value));
  CHECK_FALSE(batch::PackedReader(Bytes{0x80}).next(value));
  CHECK_FALSE(batch::PackedReader().next(value));
  for (const std::uint64_t difference : {std::uint64_t{0}, std::uint64_t{1}, UINT64_MAX, std::uint64_t{1} << 63U}) {
    CHECK(batch::unzigzag(batch::zigzag(difference)) == difference);
  }
}

TEST_CASE("only one honest zstd frame is opened") {
  Lanes lanes;
  lanes.add_signals("CAR", 1, {{"A", {kNow}, 1.0}});
  const Bytes good = encoded(lanes).message;
  const Bytes raw = batch::decompress(good, 1U << 20U).value();
  const auto refused = [](const Bytes& message, const batch::Limits& limits = {}) {
    const auto out = batch::decode(message, limits);
    REQUIRE_FALSE(out.ok());
    return out.reason();
  };
  CHECK(refused({}) == Reason::BATCH_MALFORMED);
  CHECK(refused(raw) == Reason::BATCH_MALFORMED);
  batch::Limits small;
  small.raw_bytes_max = raw.size() - 1;
  CHECK(refused(good, small) == Reason::BATCH_TOO_LARGE);
  Bytes twice = good;
  twice.insert(twice.end(), good.begin(), good.end());
  CHECK(refused(twice) == Reason::BATCH_MALFORMED);
  Bytes trailing = good;
  trailing.push_back(0);
  CHECK(refused(trailing) == Reason::BATCH_MALFORMED);
  Bytes cut = good;
  cut.pop_back();
  CHECK(refused(cut) == Reason::BATCH_MALFORMED);
  Bytes skippable = {0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0};
  CHECK(refused(skippable) == Reason::BATCH_MALFORMED);
  skippable.insert(skippable.end(), good.begin(), good.end());
  CHECK(refused(skippable) == Reason::BATCH_MALFORMED);
  // 256 times one byte, honest but for its window of 2^27; and 17 bytes that would unfold to 4 GB.
  const Bytes window = {0x28, 0xB5, 0x2F, 0xFD, 0x40, 17U << 3U, 0, 0, 0x03, 0x08, 0x00, 'x'};
  REQUIRE(ZSTD_findFrameCompressedSize(window.data(), window.size()) == window.size());
  CHECK(refused(window) == Reason::BATCH_MALFORMED);
  const Bytes bomb = {0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0};
  CHECK(refused(bomb) == Reason::BATCH_TOO_LARGE);
}

TEST_CASE("counts, indices and runs that do not agree are malformed") {
  Lanes lanes;
  for (std::uint64_t i = 0; i < 4; ++i)
    lanes.add_signals("CAR", i, {{"A", {kNow}, 1.5}, {"S", {kNow}, std::string("x")}});
  const Bytes good = encoded(lanes).message;
  using schemas::Batch;
  const auto bad = Reason::BATCH_MALFORMED;
  CHECK(refusal_of(good, [](Batch& b) { b.mutate_count(3); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutate_count(5); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutate_count(UINT64_MAX); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutate_first(UINT64_MAX - 1); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutate_records(3); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutate_records(UINT32_MAX); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutate_shape_count(0); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutate_shape_count(UINT32_MAX); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutable_runs()->GetMutableObject(0)->mutate_count(UINT64_MAX); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutable_runs()->GetMutableObject(0)->mutate_count(3); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutable_columns()->mutable_vehicle()->Mutate(0, 1); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutable_columns()->mutable_topic()->Mutate(2, 9); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutable_columns()->mutable_vehicle()->Mutate(3, 0x80); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutable_columns()->mutable_kind()->Mutate(0, 0); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutable_columns()->mutable_kind()->Mutate(0, 3); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutable_columns()->mutable_shape()->Mutate(1, 1); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutable_shapes()->Mutate(0, 3); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutable_shapes()->Mutate(1, 2); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutable_signals()->GetMutableObject(0)->mutate_samples(UINT32_MAX); }) ==
        bad);
  CHECK(refusal_of(good, [](Batch& b) { b.mutable_signals()->GetMutableObject(1)->mutate_samples(3); }) == bad);
  CHECK(refusal_of(good, [](Batch& b) {
          b.mutable_signals()->GetMutableObject(1)->mutable_values()->Mutate(2, 1);  // of one text
        }) == bad);
}

TEST_CASE("damaged batches are refused or read as something whole, never outside their bytes") {
  SeededRng rng(2024);
  Lanes lanes;
  for (std::uint64_t i = 0; i < 20; ++i) {
    lanes.add_signals("CAR-" + std::to_string(i % 3), i,
                      {{"A", {kNow}, any_value(rng)}, {"B", {kNow + 3}, any_value(rng)}, {"C", {kNow}, true}});
  }
  const Bytes raw = batch::decompress(encoded(lanes).message, 1U << 20U).value();
  std::uint64_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes damaged = raw;
    for (std::uint64_t i = 1 + rng.below(3); i > 0; --i) {
      damaged[rng.below(damaged.size())] = static_cast<std::uint8_t>(rng.next());
    }
    const auto out = batch::decode(batch::compress(damaged, 1).value(), {});
    if (!out) {
      ++refused;
      continue;
    }
    std::uint64_t covered = 0;
    for (const auto& run : out->runs) covered += run.count;
    REQUIRE(covered == out->count);
    for (const auto& record : out->delivered) {
      if (record.signal_batch) REQUIRE(schemas::verify_signal_batch(record.payload).ok());
    }
  }
  CHECK(refused > 10'000);
}

TEST_CASE("twenty vehicles with ten signals a second for five seconds take few bytes a sample") {
  SeededRng rng(7);
  Lanes lanes;
  const auto noise = [&](double amplitude) { return amplitude * (static_cast<double>(rng.below(2001)) / 1000 - 1); };
  std::uint64_t plain = 0;
  for (int second = 0; second < 5; ++second) {
    for (int car = 0; car < 20; ++car) {
      const std::int64_t at = kNow + second * 1000 + car * 47 + static_cast<std::int64_t>(rng.below(9));
      const double speed = 30 + car * 3 + second * 1.7 + noise(2);
      const double odometer = 41'000'000 + car * 1'234'567.0 + second * 16;
      const std::vector<SignalValue> signals = {
          {"Vehicle.Speed", {at}, static_cast<float>(speed)},
          {"Vehicle.TraveledDistance", {at}, static_cast<std::uint64_t>(odometer)},
          {"Vehicle.CurrentLocation.Latitude", {at}, 48.1 + car * 0.01 + second * 0.00021 + noise(1e-5)},
          {"Vehicle.CurrentLocation.Longitude", {at}, 8.4 + car * 0.02 + second * 0.00017 + noise(1e-5)},
          {"Vehicle.Powertrain.CombustionEngine.Speed", {at}, std::llround(900 + speed * 31 + noise(20))},
          {"Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature", {at}, std::llround(88 + noise(1))},
          {"Vehicle.Powertrain.FuelSystem.RelativeLevel", {at}, std::int64_t{61 - car}},
          {"Vehicle.LowVoltageBattery.CurrentVoltage", {at}, std::round((13.9 + noise(0.2)) * 100) / 100},
          {"Vehicle.Cabin.Door.Row1.DriverSide.IsLocked", {at}, car % 3 != 0},
          {"Vehicle.Powertrain.Transmission.CurrentGear", {at}, static_cast<std::int64_t>(3 + second / 3)}};
      char vin[18];
      std::snprintf(vin, sizeof vin, "WVWZZZ1JZXW%06d", 217 * car + 1000);
      lanes.add_signals(vin, static_cast<std::uint64_t>(second + 1), signals, at + 20);
      plain += lanes.records.back().body.size();
    }
  }
  check_round_trip(lanes);
  const auto message = encoded(lanes);
  const double bytes_per_sample = static_cast<double>(message.message.size()) / static_cast<double>(message.samples);
  std::printf("batch of %llu samples: %zu bytes on the link, %.2f a sample (flatbuffer %llu, records %llu)\n",
              static_cast<unsigned long long>(message.samples), message.message.size(), bytes_per_sample,
              static_cast<unsigned long long>(message.raw_bytes), static_cast<unsigned long long>(plain));
  CHECK(message.samples == 1000);
  CHECK(bytes_per_sample < 5);
}
