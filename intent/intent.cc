#include "intent/intent.h"

#include <algorithm>

#include "intent/body.h"
#include "schemas/base32.h"

namespace wayside::intent {
namespace {

constexpr std::size_t kRevocationKeysMax = 64;

bool names_key(const std::optional<TrustList>& list, const PublicKey& key) {
  return list.has_value() && std::ranges::find(list->grant_keys, key) != list->grant_keys.end();
}

bool issuer_revoked(const Trust& trust, const PublicKey& issuer) {
  return std::ranges::any_of(trust.revocations, [&](const auto& entry) {
    return names_key(trust.trust_list, entry.first) && entry.second.issuer_keys.contains(issuer);
  });
}

// Every grant key may revoke every grant: a revocation survives the rotation of the key that granted.
bool grant_revoked(const Trust& trust, const Grant& grant) {
  return std::ranges::any_of(trust.revocations, [&](const auto& entry) {
    return names_key(trust.trust_list, entry.first) && entry.second.grants.contains({grant.grant_key, grant.serial});
  });
}

bool in_scope(const Intent& intent, const Grant& grant) {
  return std::ranges::binary_search(grant.vehicles, intent.vehicle) &&
         std::ranges::binary_search(grant.groups, intent.group);
}

Outcome<void> judge_grant(const Grant& grant, const Trust& trust, WallMs now) {
  if (!names_key(trust.trust_list, grant.grant_key)) return Reason::GRANT_KEY_UNKNOWN;
  if (grant_revoked(trust, grant)) return Reason::GRANT_REVOKED;
  if (issuer_revoked(trust, grant.issuer_key)) return Reason::ISSUER_REVOKED;
  if (now < grant.not_before) return Reason::GRANT_NOT_YET;
  if (now > grant.not_after) return Reason::GRANT_EXPIRED;
  return {};
}

Outcome<void> judge_deadline(WallMs deadline, WallMs now, std::int64_t deadline_max_ms) {
  if (deadline <= now) return Reason::DEADLINE_PASSED;
  if (deadline.value - now.value > deadline_max_ms) return Reason::DEADLINE_TOO_FAR;
  return {};
}

template <typename Value>
Outcome<Value> open_as(ByteView framed, SignedType type, Outcome<Value> (*decode)(ByteView, const PublicKey&)) {
  const auto opened = open_signed(framed, type);
  if (!opened.ok()) return opened.reason();
  return decode(opened->body, opened->key);
}

}  // namespace

std::string to_base32(const CommandId& id) { return schemas::to_base32(id); }
bool parse_base32(std::string_view text, CommandId& out) { return schemas::parse_base32(text, out); }

Bytes sign_intent(const SigningKey& issuer, const Intent& intent) {
  return issuer.sign_framed(SignedType::intent, encode_body(intent));
}
Bytes sign_grant(const SigningKey& grant_key, const Grant& grant) {
  return grant_key.sign_framed(SignedType::grant, encode_body(grant));
}
Bytes sign_trust_list(const SigningKey& root, const TrustList& list) {
  return root.sign_framed(SignedType::trust_list, encode_body(list));
}
Bytes sign_revocation_list(const SigningKey& grant_key, const RevocationList& list) {
  return grant_key.sign_framed(SignedType::revocation_list, encode_body(list));
}

Outcome<Intent> open_intent(ByteView framed) { return open_as(framed, SignedType::intent, decode_intent); }
Outcome<Grant> open_grant(ByteView framed) { return open_as(framed, SignedType::grant, decode_grant); }
Outcome<TrustList> open_trust_list(ByteView framed) {
  return open_as(framed, SignedType::trust_list, decode_trust_list);
}
Outcome<RevocationList> open_revocation_list(ByteView framed) {
  return open_as(framed, SignedType::revocation_list, decode_revocation_list);
}

Outcome<Request> open_request(ByteView bytes) {
  const auto first = open_signed(bytes, SignedType::intent, true);
  if (!first.ok()) return first.reason();
  auto intent = decode_intent(first->body, first->key);
  if (!intent.ok()) return intent.reason();
  auto grant = open_grant(bytes.subspan(first->size));
  if (!grant.ok()) return grant.reason();
  return Request{std::move(intent).value(), std::move(grant).value(), bytes.first(first->size),
                 bytes.subspan(first->size)};
}

Outcome<void> Trust::accept(const TrustList& list) {
  if (list.root_key != root_key) return Reason::LIST_KEY_UNKNOWN;
  if (trust_list.has_value() && list.number <= trust_list->number) return Reason::LIST_NUMBER_LOW;
  trust_list = list;
  return {};
}

Outcome<void> Trust::accept(const RevocationList& list) {
  if (!names_key(trust_list, list.grant_key)) return Reason::LIST_KEY_UNKNOWN;
  const auto held = revocations.find(list.grant_key);
  if (held != revocations.end() && list.number <= held->second.number) return Reason::LIST_NUMBER_LOW;
  if (revocations.size() >= kRevocationKeysMax) {
    std::erase_if(revocations, [&](const auto& entry) { return !names_key(trust_list, entry.first); });
  }
  revocations.insert_or_assign(list.grant_key, list);
  return {};
}

Outcome<void> judge(const Request& request, const Trust& trust, std::string_view region, WallMs now,
                    std::int64_t deadline_max_ms) {
  const Intent& intent = request.intent;
  const Grant& grant = request.grant;
  if (auto judged = judge_grant(grant, trust, now); !judged) return judged;
  if (!in_scope(intent, grant)) return Reason::GRANT_SCOPE;
  if (intent.region != region || grant.region != region) return Reason::REGION_MISMATCH;
  if (intent.issuer_key != grant.issuer_key || intent.grant_serial != grant.serial) {
    return Reason::INTENT_GRANT_MISMATCH;
  }
  return judge_deadline(intent.deadline, now, deadline_max_ms);
}

}  // namespace wayside::intent
