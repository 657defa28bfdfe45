#include "intent/intent.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "common/rng.h"
#include "tests/intent/signed_fixture.h"

namespace wayside::intent {
namespace {

Bytes golden(const std::string& name) {
  std::ifstream in(std::string(WAYSIDE_SOURCE_DIR) + "/tests/intent/golden/" + name + ".hex");
  std::string hex;
  in >> hex;
  Bytes bytes;
  REQUIRE(from_hex(hex, bytes));
  REQUIRE_FALSE(bytes.empty());
  return bytes;
}

Outcome<void> judged(const Fixture& f, WallMs now = kNow) {
  const Bytes request = f.request();
  const auto opened = open_request(request);
  REQUIRE(opened.ok());
  return judge(opened.value(), f.trust, kRegion, now, kHourMs);
}

}  // namespace

TEST_CASE("command ids have one base32 name") {
  Bytes bytes;
  CommandId id{};
  CHECK(to_base32(id) == "aaaaaaaaaaaaaaaaaaaaaaaaaa");
  id.fill(0xFF);
  CHECK(to_base32(id) ==
        "777777777777777777777777"
        "74");
  REQUIRE(from_hex("00112233445566778899aabbccddeeff", bytes));
  std::ranges::copy(bytes, id.begin());
  CHECK(to_base32(id) == "aaisem2ekvthpcezvk54zxpo74");  // RFC 4648 section 6, by another implementation
  CommandId back{};
  REQUIRE(parse_base32("aaisem2ekvthpcezvk54zxpo74", back));
  CHECK(back == id);
  SeededRng rng(3);
  for (int round = 0; round < 1'000; ++round) {
    for (auto& byte : id) byte = static_cast<std::uint8_t>(rng.next());
    REQUIRE(parse_base32(to_base32(id), back));
    REQUIRE(back == id);
  }
  for (const char* bad : {"", "aaisem2ekvthpcezvk54zxpo7", "aaisem2ekvthpcezvk54zxpo744", "AAISEM2EKVTHPCEZVK54ZXPO74",
                          "aaisem2ekvthpcezvk54zxpo75", "aaisem2ekvthpcezvk54zxpo7=", "aaisem2ekvthpcezvk54zxpo71"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_base32(bad, back));
  }
}

TEST_CASE("the first key of RFC 8032 section 7.1 derives its public key") {
  Bytes seed;
  REQUIRE(from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed));
  const auto key = SigningKey::from_seed(seed);
  REQUIRE(key.ok());
  CHECK(to_hex(key->public_key()) == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  CHECK_FALSE(SigningKey::from_seed(Bytes(31, 1)).ok());
}

TEST_CASE("a request comes back as it was signed") {
  const Fixture f;
  const Bytes request = f.request();
  const auto opened = open_request(request);
  REQUIRE(opened.ok());
  const Intent& intent = opened->intent;
  CHECK(intent.vehicle == f.intent.vehicle);
  CHECK(intent.command_id == f.intent.command_id);
  CHECK(intent.issuer_key == f.issuer.public_key());
  CHECK(intent.grant_serial == 7);
  CHECK(intent.region == kRegion);
  CHECK(intent.group == "unlock");
  CHECK(intent.name == "doors");
  CHECK(intent.arguments == f.intent.arguments);
  CHECK(intent.created == f.intent.created);
  CHECK(intent.deadline == f.intent.deadline);
  CHECK(intent.supersede_key == "doors");
  CHECK(intent.counter == 11);
  CHECK(opened->grant.vehicles == f.grant.vehicles);
  CHECK(opened->grant.groups == f.grant.groups);
  CHECK(opened->grant.not_after == f.grant.not_after);
  CHECK(opened->intent_bytes.size() + opened->grant_bytes.size() == request.size());
}

TEST_CASE("golden signed bytes of version 1 open with the values they were signed with") {
  const Fixture f;
  const auto intent = open_intent(golden("intent"));
  REQUIRE(intent.ok());
  CHECK(intent->vehicle == f.intent.vehicle);
  CHECK(intent->command_id == f.intent.command_id);
  CHECK(intent->arguments == f.intent.arguments);
  CHECK(intent->deadline == f.intent.deadline);
  CHECK(intent->counter == f.intent.counter);
  const auto grant = open_grant(golden("grant"));
  REQUIRE(grant.ok());
  CHECK(grant->vehicles == f.grant.vehicles);
  CHECK(grant->groups == f.grant.groups);
  CHECK(grant->serial == 7);
  const auto list = open_trust_list(golden("trust_list"));
  REQUIRE(list.ok());
  CHECK(list->number == 1);
  CHECK(list->root_key == f.root.public_key());
  CHECK(list->grant_keys == std::vector<PublicKey>{f.grant_key.public_key()});
  const auto revocations = open_revocation_list(golden("revocation_list"));
  REQUIRE(revocations.ok());
  CHECK(revocations->number == 4);
  CHECK(revocations->grants.contains({f.grant_key.public_key(), 6}));
  CHECK(revocations->issuer_keys.contains(key_from(9).public_key()));
}

TEST_CASE("a request is judged by key, revocation, times, scope and deadline, each with its own reason") {
  Fixture f;
  REQUIRE(judged(f).ok());
  SECTION("no trust list, or one that does not name the grant key") {
    f.trust.trust_list->grant_keys = {f.issuer.public_key()};
    CHECK(judged(f).reason() == Reason::GRANT_KEY_UNKNOWN);
    f.trust.trust_list.reset();
    CHECK(judged(f).reason() == Reason::GRANT_KEY_UNKNOWN);
  }
  SECTION("revoked grant and revoked issuer, by any grant key that is trusted") {
    const SigningKey other = key_from(8);
    f.trust.trust_list->grant_keys.push_back(other.public_key());
    RevocationList list;
    list.grant_key = other.public_key();
    list.number = 1;
    list.grants = {{f.grant_key.public_key(), 7}};
    REQUIRE(f.trust.accept(list).ok());
    CHECK(judged(f).reason() == Reason::GRANT_REVOKED);
    list.number = 2;
    list.grants = {{f.grant_key.public_key(), 8}};
    list.issuer_keys = {f.issuer.public_key()};
    REQUIRE(f.trust.accept(list).ok());
    CHECK(judged(f).reason() == Reason::ISSUER_REVOKED);
  }
  SECTION("times of the grant, both ends included") {
    CHECK(judged(f, {f.grant.not_before.value - 1}).reason() == Reason::GRANT_NOT_YET);
    f.grant.not_before = kNow;
    CHECK(judged(f).ok());
    f.grant.not_after = kNow;
    CHECK(judged(f).ok());
    CHECK(judged(f, {kNow.value + 1}).reason() == Reason::GRANT_EXPIRED);
  }
  SECTION("vehicle and group") {
    f.intent.vehicle = "WAYSDE00000000003";
    CHECK(judged(f).reason() == Reason::GRANT_SCOPE);
    f.intent.vehicle = kVehicle;
    f.intent.group = "horn";
    CHECK(judged(f).reason() == Reason::GRANT_SCOPE);
  }
  SECTION("a grant for another issuer or with another serial") {
    f.grant.issuer_key = key_from(9).public_key();
    CHECK(judged(f).reason() == Reason::INTENT_GRANT_MISMATCH);
    f.grant.issuer_key = f.issuer.public_key();
    f.grant.serial = 8;
    CHECK(judged(f).reason() == Reason::INTENT_GRANT_MISMATCH);
  }
  SECTION("deadline") {
    CHECK(judged(f, f.intent.deadline).reason() == Reason::DEADLINE_PASSED);
    CHECK(judged(f, {f.intent.deadline.value - 1}).ok());
    f.intent.deadline = {kNow.value + kHourMs + 1};
    CHECK(judged(f).reason() == Reason::DEADLINE_TOO_FAR);
  }
}

TEST_CASE("lists are accepted by number and by the key that may sign them") {
  Fixture f;
  TrustList trust_list = *f.trust.trust_list;
  CHECK(f.trust.accept(trust_list).reason() == Reason::LIST_NUMBER_LOW);
  trust_list.number = 0;
  CHECK(f.trust.accept(trust_list).reason() == Reason::LIST_NUMBER_LOW);
  trust_list.number = 2;
  trust_list.root_key = f.issuer.public_key();
  CHECK(f.trust.accept(trust_list).reason() == Reason::LIST_KEY_UNKNOWN);
  trust_list.root_key = f.root.public_key();
  CHECK(f.trust.accept(trust_list).ok());

  RevocationList revocations;
  revocations.grant_key = f.issuer.public_key();
  revocations.number = 1;
  CHECK(f.trust.accept(revocations).reason() == Reason::LIST_KEY_UNKNOWN);
  revocations.grant_key = f.grant_key.public_key();
  CHECK(f.trust.accept(revocations).ok());
  CHECK(f.trust.accept(revocations).reason() == Reason::LIST_NUMBER_LOW);
}

TEST_CASE("lists come back as they were signed, and list number 0 is none") {
  const Fixture f;
  RevocationList list;
  list.grant_key = f.grant_key.public_key();
  list.number = 5;
  list.issued = kNow;
  for (std::uint64_t serial = 0; serial < 9'000; ++serial) list.grants.emplace(f.grant_key.public_key(), serial);
  const auto opened = open_revocation_list(sign_revocation_list(f.grant_key, list));
  REQUIRE(opened.ok());
  CHECK(opened->grants == list.grants);
  list.grants.emplace(f.grant_key.public_key(), 9'000);
  CHECK(open_revocation_list(sign_revocation_list(f.grant_key, list)).reason() == Reason::SIGNED_MALFORMED);
  TrustList trust_list = *f.trust.trust_list;
  CHECK(open_trust_list(sign_trust_list(f.root, trust_list)).ok());
  trust_list.number = 0;
  CHECK(open_trust_list(sign_trust_list(f.root, trust_list)).reason() == Reason::SIGNED_MALFORMED);
}

}  // namespace wayside::intent
