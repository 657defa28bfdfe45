// Issuers, grants and lists for the tests of commands.
#pragma once

#include <string>

#include "common/result.h"
#include "intent/intent.h"

namespace wayside::test {

inline intent::SigningKey key_of(std::uint8_t number) {
  Bytes seed(32, number);
  auto key = intent::SigningKey::from_seed(seed);
  WAYSIDE_ASSERT(key.ok());
  return std::move(key).value();
}

inline intent::CommandId id_of(std::uint8_t number) {
  intent::CommandId id{};
  id.fill(number);
  return id;
}

// A region's trust: root 1, grant key 2, issuers from 10 on.
struct Authority {
  intent::SigningKey root = key_of(1);
  intent::SigningKey grant_key = key_of(2);
  intent::SigningKey issuer = key_of(10);
  intent::SigningKey other_issuer = key_of(11);

  [[nodiscard]] Bytes trust_list(std::uint64_t number = 1) const {
    return intent::sign_trust_list(root, {root.public_key(), number, {1'000}, {grant_key.public_key()}});
  }
  [[nodiscard]] Bytes revocation(std::uint64_t number, std::uint64_t serial, WallMs issued = {1'000}) const {
    intent::RevocationList list;
    list.grant_key = grant_key.public_key();
    list.number = number;
    list.issued = issued;
    if (serial != 0) list.grants.insert({grant_key.public_key(), serial});
    return intent::sign_revocation_list(grant_key, list);
  }
};

struct Ask {
  std::string vehicle = "1M8GDM9AXKP042788";
  std::uint8_t id = 1;
  WallMs now{1'700'000'000'000};
  std::int64_t deadline_in_ms = 60'000;
  std::string group = "climate";
  std::string supersede_key{};
  std::uint64_t counter = 0;
  std::uint64_t serial = 7;
  bool by_other = false;
};

inline Bytes request(const Authority& authority, const Ask& ask) {
  const intent::SigningKey& issuer = ask.by_other ? authority.other_issuer : authority.issuer;
  intent::Intent intent;
  intent.vehicle = ask.vehicle;
  intent.command_id = id_of(ask.id);
  intent.issuer_key = issuer.public_key();
  intent.grant_serial = ask.serial;
  intent.region = "eu-1";
  intent.group = ask.group;
  intent.name = "set";
  intent.created = ask.now;
  intent.deadline = {ask.now.value + ask.deadline_in_ms};
  intent.supersede_key = ask.supersede_key;
  intent.counter = ask.counter;
  intent::Grant grant;
  grant.grant_key = authority.grant_key.public_key();
  grant.issuer_key = issuer.public_key();
  grant.serial = ask.serial;
  grant.vehicles = {ask.vehicle};
  grant.groups = {"climate", "unlock"};
  grant.not_before = {ask.now.value - 1'000};
  grant.not_after = {ask.now.value + 3'600'000};
  grant.region = "eu-1";
  Bytes out = intent::sign_intent(issuer, intent);
  const Bytes signed_grant = intent::sign_grant(authority.grant_key, grant);
  out.insert(out.end(), signed_grant.begin(), signed_grant.end());
  return out;
}

}  // namespace wayside::test
