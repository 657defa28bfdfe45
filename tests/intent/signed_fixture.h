// Keys and signed things that the tests of this folder share.
#pragma once

#include "intent/intent.h"

namespace wayside::intent {

inline constexpr WallMs kNow{1'637'291'564'000};
inline constexpr std::int64_t kHourMs = 3'600'000;
inline constexpr const char* kVehicle = "WAYSDE00000000001";
inline constexpr const char* kRegion = "eu-1";

inline SigningKey key_from(std::uint8_t fill) {
  auto key = SigningKey::from_seed(Bytes(32, fill));
  WAYSIDE_ASSERT(key.ok());
  return std::move(key).value();
}

// An issuer, a grant key, the root, and a request that every check passes.
struct Fixture {
  SigningKey root = key_from(1);
  SigningKey grant_key = key_from(2);
  SigningKey issuer = key_from(3);
  Grant grant;
  Intent intent;
  Trust trust;

  Fixture() {
    grant.grant_key = grant_key.public_key();
    grant.issuer_key = issuer.public_key();
    grant.serial = 7;
    grant.vehicles = {kVehicle, "WAYSDE00000000002"};
    grant.groups = {"climate", "unlock"};
    grant.not_before = {kNow.value - kHourMs};
    grant.not_after = {kNow.value + 23 * kHourMs};
    grant.region = kRegion;
    intent.vehicle = kVehicle;
    for (std::uint8_t i = 0; i < 16; ++i) intent.command_id[i] = static_cast<std::uint8_t>(i * 17);
    intent.issuer_key = issuer.public_key();
    intent.grant_serial = 7;
    intent.region = kRegion;
    intent.group = "unlock";
    intent.name = "doors";
    intent.arguments = {{"door", "all"}, {"why", "owner asked \xE2\x9C\x93"}};
    intent.created = kNow;
    intent.deadline = {kNow.value + 60'000};
    intent.supersede_key = "doors";
    intent.counter = 11;
    trust.root_key = root.public_key();
    TrustList list;
    list.root_key = root.public_key();
    list.number = 1;
    list.issued = kNow;
    list.grant_keys = {grant_key.public_key()};
    trust.trust_list = list;
  }

  [[nodiscard]] Bytes request() const { return join(sign_intent(issuer, intent), sign_grant(grant_key, grant)); }
  static Bytes join(Bytes first, const Bytes& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  }
};

}  // namespace wayside::intent
