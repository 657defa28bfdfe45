// Intents, grants and lists as plain values; the one place where they are made and judged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "intent/signed.h"

namespace wayside::intent {

using CommandId = std::array<std::uint8_t, 16>;
std::string to_base32(const CommandId& id);  // RFC 4648 lower case, no padding: 26 chars
bool parse_base32(std::string_view text, CommandId& out);

struct Intent {
  std::string vehicle;
  CommandId command_id{};
  PublicKey issuer_key{};
  std::uint64_t grant_serial = 0;
  std::string region;
  std::string group;
  std::string name;
  std::vector<std::pair<std::string, std::string>> arguments;
  WallMs created{};
  WallMs deadline{};
  std::string supersede_key;
  std::uint64_t counter = 0;
};

struct Grant {
  PublicKey grant_key{};
  PublicKey issuer_key{};
  std::uint64_t serial = 0;
  std::vector<std::string> vehicles;  // sorted
  std::vector<std::string> groups;    // sorted
  WallMs not_before{};
  WallMs not_after{};
  std::string region;
};

struct TrustList {
  PublicKey root_key{};
  std::uint64_t number = 0;
  WallMs issued{};
  std::vector<PublicKey> grant_keys;
};

struct RevocationList {
  PublicKey grant_key{};
  std::uint64_t number = 0;
  WallMs issued{};
  std::set<std::pair<PublicKey, std::uint64_t>> grants;
  std::set<PublicKey> issuer_keys;
};

Bytes sign_intent(const SigningKey& issuer, const Intent& intent);
Bytes sign_grant(const SigningKey& grant_key, const Grant& grant);
Bytes sign_trust_list(const SigningKey& root, const TrustList& list);
Bytes sign_revocation_list(const SigningKey& grant_key, const RevocationList& list);

// Signature, strict parse, key equality, ranges. Nothing about time, trust or revocation.
Outcome<Intent> open_intent(ByteView framed);
Outcome<Grant> open_grant(ByteView framed);
Outcome<TrustList> open_trust_list(ByteView framed);
Outcome<RevocationList> open_revocation_list(ByteView framed);

// A request is an intent followed by a grant, both framed. Refused with trailing bytes.
struct Request {
  Intent intent;
  Grant grant;
  ByteView intent_bytes;  // views into the request
  ByteView grant_bytes;
};
Outcome<Request> open_request(ByteView bytes);

// What a verifier holds: the root it was provisioned with, and the newest lists it accepted.
struct Trust {
  PublicKey root_key{};
  std::optional<TrustList> trust_list;
  std::map<PublicKey, RevocationList> revocations;  // by grant key

  // Accepts a list with a number above the one held; LIST_NUMBER_LOW, LIST_KEY_UNKNOWN otherwise.
  Outcome<void> accept(const TrustList& list);
  Outcome<void> accept(const RevocationList& list);
};

// The full judgement of a request at `now` in `region`: grant key trusted, grant not revoked, its
// times, its vehicle, group and region, issuer key equality, serial equality, deadline in the future.
// Refusals: GRANT_KEY_UNKNOWN, GRANT_REVOKED, ISSUER_REVOKED, GRANT_NOT_YET, GRANT_EXPIRED,
// GRANT_SCOPE, REGION_MISMATCH, INTENT_GRANT_MISMATCH, DEADLINE_PASSED, DEADLINE_TOO_FAR.
Outcome<void> judge(const Request& request, const Trust& trust, std::string_view region, WallMs now,
                    std::int64_t deadline_max_ms);

}  // namespace wayside::intent
