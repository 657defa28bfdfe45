#include "vehicle/verifier.h"

#include <catch2/catch_test_macros.hpp>

#include "common/os/posix_disk.h"
#include "schemas/gen/command_generated.h"
#include "tests/intent/signed_fixture.h"
#include "tests/support/temp_dir.h"

namespace wayside::vehicle {
namespace {

using intent::Fixture;
using intent::kNow;
using intent::kRegion;
using intent::kVehicle;
using schemas::CommandState;

// A storage that refuses writes when told to.
class FaultyStorage final : public Storage {
 public:
  Result<Bytes> load(const std::string& name) override { return kept_.load(name); }
  Result<void> store(const std::string& name, ByteView content) override {
    if (broken) return Error{Fault::io, "no"};
    return kept_.store(name, content);
  }
  bool broken = false;

 private:
  MemoryStorage kept_;
};

Options options(const Fixture& f) {
  Options made;
  made.vehicle = kVehicle;
  made.region = kRegion;
  made.root_key = f.root.public_key();
  return made;
}

Verifier opened(const Fixture& f, Storage& storage) {
  auto verifier = Verifier::open(options(f), storage);
  REQUIRE(verifier.ok());
  return std::move(verifier).value();
}

// A verifier that holds trust list 1.
Verifier trusting(const Fixture& f, Storage& storage) {
  Verifier verifier = opened(f, storage);
  REQUIRE(verifier.accept_list(intent::sign_trust_list(f.root, *f.trust.trust_list)).ok());
  return verifier;
}

Bytes revocations(const Fixture& f, std::uint64_t number, std::uint64_t serial) {
  intent::RevocationList list;
  list.grant_key = f.grant_key.public_key();
  list.number = number;
  list.issued = kNow;
  list.grants.emplace(f.grant_key.public_key(), serial);
  return intent::sign_revocation_list(f.grant_key, list);
}

Reason refusal(const Judgement& judgement) {
  REQUIRE(judgement.verdict == Verdict::reject);
  return judgement.reason;
}

void next_id(Fixture& f) {
  ++f.intent.command_id[0];
  ++f.intent.counter;
}

}  // namespace

TEST_CASE("a good command is executed once, and its resend learns how it ended") {
  Fixture f;
  MemoryStorage storage;
  Verifier verifier = trusting(f, storage);
  const Judgement first = verifier.judge(f.request(), kNow);
  CHECK(first.verdict == Verdict::execute);
  CHECK(first.intent.command_id == f.intent.command_id);
  const Judgement before_report = verifier.judge(f.request(), kNow);
  CHECK(before_report.verdict == Verdict::already_executed);
  CHECK(before_report.outcome == CommandState::NONE);
  REQUIRE(verifier.report(first.intent, CommandState::SUCCEEDED).ok());
  const Judgement after_report = verifier.judge(f.request(), {f.intent.deadline.value + 1});
  CHECK(after_report.verdict == Verdict::already_executed);
  CHECK(after_report.reason == Reason::ALREADY_EXECUTED);
  CHECK(after_report.outcome == CommandState::SUCCEEDED);
}

TEST_CASE("after a reboot a command is not executed again") {
  Fixture f;
  const test::TempDir folder;
  const auto disk = os::make_posix_disk();
  {
    auto storage = DiskStorage::open(*disk, folder / "car");
    REQUIRE(storage.ok());
    Verifier verifier = trusting(f, *storage);
    REQUIRE(verifier.judge(f.request(), kNow).verdict == Verdict::execute);
  }
  auto storage = DiskStorage::open(*disk, folder / "car");
  REQUIRE(storage.ok());
  Verifier verifier = opened(f, *storage);
  CHECK(verifier.judge(f.request(), kNow).verdict == Verdict::already_executed);
  SECTION("nor with another deadline under the same id") {
    f.intent.deadline.value += 1;
    CHECK(refusal(verifier.judge(f.request(), kNow)) == Reason::ID_CONFLICT);
  }
  SECTION("nor with another grant of the same issuer") {
    f.grant.not_after.value += 1;
    CHECK(verifier.judge(f.request(), kNow).verdict == Verdict::already_executed);
  }
  SECTION("while another issuer's command of the same id is its own") {
    const intent::SigningKey other = intent::key_from(5);
    intent::Grant grant = f.grant;
    grant.issuer_key = other.public_key();
    intent::Intent intent = f.intent;
    intent.issuer_key = other.public_key();
    const Bytes request = Fixture::join(intent::sign_intent(other, intent), intent::sign_grant(f.grant_key, grant));
    CHECK(verifier.judge(request, kNow).verdict == Verdict::execute);
    CHECK(verifier.judge(request, kNow).verdict == Verdict::already_executed);
  }
  SECTION("nor is an older list taken") {
    CHECK(verifier.accept_list(intent::sign_trust_list(f.root, *f.trust.trust_list)).reason() ==
          Reason::LIST_NUMBER_LOW);
  }
}

TEST_CASE("a command that is for another vehicle, late or forged is refused") {
  Fixture f;
  MemoryStorage storage;
  Verifier verifier = trusting(f, storage);
  SECTION("another vehicle") {
    f.intent.vehicle = "WAYSDE00000000002";
    CHECK(refusal(verifier.judge(f.request(), kNow)) == Reason::VEHICLE_MISMATCH);
  }
  SECTION("late") { CHECK(refusal(verifier.judge(f.request(), f.intent.deadline)) == Reason::DEADLINE_PASSED); }
  SECTION("forged") {
    Bytes request = f.request();
    request[intent::kSignedHeaderBytes + 40] ^= 1U;
    const Judgement judgement = verifier.judge(request, kNow);
    CHECK(refusal(judgement) == Reason::SIGNATURE_INVALID);
    CHECK_FALSE(judgement.intent_known);
  }
  SECTION("of an issuer whose grant is not ours") {
    f.grant_key = intent::key_from(6);
    f.grant.grant_key = f.grant_key.public_key();
    const Judgement judgement = verifier.judge(f.request(), kNow);
    CHECK(refusal(judgement) == Reason::GRANT_KEY_UNKNOWN);
    CHECK(judgement.intent_known);
  }
  CHECK(verifier.executed() == 0);
}

TEST_CASE("a car without a trust list executes nothing") {
  Fixture f;
  MemoryStorage storage;
  Verifier verifier = opened(f, storage);
  CHECK(refusal(verifier.judge(f.request(), kNow)) == Reason::GRANT_KEY_UNKNOWN);
}

TEST_CASE("a clock that steps back makes no late command good") {
  Fixture f;
  MemoryStorage storage;
  Verifier verifier = trusting(f, storage);
  Fixture late;
  late.intent.command_id[0] = 0xAA;
  late.intent.supersede_key = "";
  late.intent.deadline = {kNow.value + 1'000};
  f.intent.created = {kNow.value + 5'000};
  REQUIRE(verifier.judge(f.request(), {kNow.value + 5'000}).verdict == Verdict::execute);
  Verifier restarted = opened(f, storage);
  CHECK(refusal(restarted.judge(late.request(), {kNow.value - intent::kHourMs})) == Reason::DEADLINE_PASSED);
}

TEST_CASE("an issuer whose clock runs ahead does not age the commands of others") {
  Fixture f;
  MemoryStorage storage;
  Verifier verifier = trusting(f, storage);
  f.intent.created = {kNow.value + 40'000};
  REQUIRE(verifier.judge(f.request(), kNow).verdict == Verdict::execute);
  next_id(f);
  f.intent.created = kNow;
  f.intent.deadline = {kNow.value + 10'000};
  CHECK(verifier.judge(f.request(), {kNow.value + 1}).verdict == Verdict::execute);
}

TEST_CASE("a command that a newer one has overtaken is refused, per issuer and supersede key") {
  Fixture f;
  MemoryStorage storage;
  Verifier verifier = trusting(f, storage);
  REQUIRE(verifier.judge(f.request(), kNow).verdict == Verdict::execute);
  ++f.intent.command_id[0];
  CHECK(refusal(verifier.judge(f.request(), kNow)) == Reason::COUNTER_LOW);
  f.intent.counter -= 1;
  CHECK(refusal(verifier.judge(f.request(), kNow)) == Reason::COUNTER_LOW);
  Verifier restarted = opened(f, storage);
  CHECK(refusal(restarted.judge(f.request(), kNow)) == Reason::COUNTER_LOW);
  f.intent.supersede_key = "windows";
  CHECK(restarted.judge(f.request(), kNow).verdict == Verdict::execute);
  ++f.intent.command_id[0];
  f.intent.supersede_key = "";
  CHECK(restarted.judge(f.request(), kNow).verdict == Verdict::execute);
}

TEST_CASE("revocation lists count at once and after a restart, and only upwards") {
  Fixture f;
  MemoryStorage storage;
  Verifier verifier = trusting(f, storage);
  REQUIRE(verifier.accept_list(revocations(f, 5, f.grant.serial)).ok());
  CHECK(refusal(verifier.judge(f.request(), kNow)) == Reason::GRANT_REVOKED);
  Verifier restarted = opened(f, storage);
  CHECK(restarted.accept_list(revocations(f, 4, 99)).reason() == Reason::LIST_NUMBER_LOW);
  CHECK(restarted.accept_list(revocations(f, 5, 99)).reason() == Reason::LIST_NUMBER_LOW);
  CHECK(refusal(restarted.judge(f.request(), kNow)) == Reason::GRANT_REVOKED);
  REQUIRE(restarted.accept_list(revocations(f, 6, 99)).ok());
  CHECK(restarted.judge(f.request(), kNow).verdict == Verdict::execute);
}

TEST_CASE("a command that cannot be recorded is not executed") {
  Fixture f;
  FaultyStorage storage;
  Verifier verifier = trusting(f, storage);
  storage.broken = true;
  CHECK(refusal(verifier.judge(f.request(), kNow)) == Reason::STORE_FAULT);
  CHECK(verifier.executed() == 0);
  storage.broken = false;
  CHECK(verifier.judge(f.request(), kNow).verdict == Verdict::execute);
}

TEST_CASE("the memory of executed commands is bounded and never forgets one that could still be repeated") {
  Fixture f;
  MemoryStorage storage;
  Options small = options(f);
  small.executed_max = 3;
  auto made = Verifier::open(small, storage);
  REQUIRE(made.ok());
  Verifier verifier = std::move(made).value();
  REQUIRE(verifier.accept_list(intent::sign_trust_list(f.root, *f.trust.trust_list)).ok());
  const Bytes first = f.request();
  for (int i = 0; i < 3; ++i) {
    REQUIRE(verifier.judge(f.request(), kNow).verdict == Verdict::execute);
    next_id(f);
  }
  CHECK(refusal(verifier.judge(f.request(), kNow)) == Reason::TOO_MANY_COMMANDS);
  const WallMs later{f.intent.deadline.value + 1};
  f.intent.created = later;
  f.intent.deadline = {later.value + 60'000};
  CHECK(verifier.judge(f.request(), later).verdict == Verdict::execute);
  CHECK(verifier.executed() == 3);
  // The first was forgotten; even a clock that goes back to its time does not bring it back.
  CHECK(refusal(verifier.judge(first, kNow)) == Reason::DEADLINE_PASSED);
}

TEST_CASE("a memory that is not intact is a fault, not an empty memory") {
  Fixture f;
  MemoryStorage storage;
  Verifier verifier = trusting(f, storage);
  REQUIRE(verifier.judge(f.request(), kNow).verdict == Verdict::execute);
  const Bytes good = storage.load("executed").value();
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 0x10U;
    REQUIRE(storage.store("executed", bad).ok());
    const auto reopened = Verifier::open(options(f), storage);
    REQUIRE_FALSE(reopened.ok());
  }
  REQUIRE(storage.store("executed", ByteView(good).first(good.size() - 1)).ok());
  CHECK_FALSE(Verifier::open(options(f), storage).ok());
  REQUIRE(storage.store("executed", good).ok());
  CHECK(Verifier::open(options(f), storage).ok());
}

}  // namespace wayside::vehicle
