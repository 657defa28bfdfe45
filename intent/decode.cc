#include <algorithm>

#include "intent/body.h"
#include "schemas/gen/grant_generated.h"
#include "schemas/gen/intent_generated.h"
#include "schemas/gen/revocationlist_generated.h"
#include "schemas/gen/trustlist_generated.h"
#include "schemas/ids.h"
#include "schemas/signal_batch.h"
#include "schemas/text.h"
#include "schemas/verified.h"

namespace wayside::intent {
namespace {

using schemas::Verified;
using schemas::view;
using Strings = flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>;

constexpr std::size_t kArgumentsMax = 16;
constexpr std::size_t kArgumentBytesMax = 1'024;
constexpr std::size_t kVehiclesMax = 10'000;
constexpr std::size_t kGroupsMax = 32;
constexpr std::size_t kGrantKeysMax = 16;
constexpr std::size_t kRevokedGrantsMax = 9'000;
constexpr std::size_t kRevokedIssuersMax = 1'000;

// A vtable longer than the last field we know holds a field that we do not know: FlatBuffers would skip it,
// and we would act on half of what was signed.
template <typename Table>
bool fields_known(const Table& table, std::size_t last_field) {
  const auto* raw = reinterpret_cast<const flatbuffers::Table*>(&table);
  return flatbuffers::ReadScalar<flatbuffers::voffset_t>(raw->GetVTable()) <=
         last_field + sizeof(flatbuffers::voffset_t);
}

// What every body must pass before its own ranges; ok() when it does.
template <typename Table>
Outcome<void> check_frame(const Verified<Table>& body, std::size_t last_field, const schemas::Key32* named,
                          const PublicKey& key) {
  if (!fields_known(*body, last_field) || body->version() != 1) return Reason::SIGNED_UNSUPPORTED;
  if (schemas::key_bytes(*named) != key) return Reason::SIGNATURE_INVALID;
  return {};
}

bool valid_time(std::int64_t ms) { return ms >= 0 && ms <= schemas::kTimeMsMax; }

// Sorted without repeats: one set has one encoding, and membership is a binary search.
bool names_in_range(const Strings& names, std::size_t count_max) {
  std::string_view before;
  for (const flatbuffers::String* name : names) {
    if (!schemas::valid_name(view(name)) || view(name) <= before) return false;
    before = view(name);
  }
  return names.size() > 0 && names.size() <= count_max;
}

std::vector<std::string> to_strings(const Strings& names) {
  std::vector<std::string> out;
  out.reserve(names.size());
  for (const flatbuffers::String* name : names) out.emplace_back(view(name));
  return out;
}

bool argument_in_range(const schemas::Argument& argument) {
  return schemas::valid_name(view(argument.name())) && view(argument.value()).size() <= kArgumentBytesMax &&
         schemas::valid_utf8(view(argument.value()));
}

bool in_range(const schemas::Intent& intent) {
  const auto* arguments = intent.arguments();
  if (arguments != nullptr && (arguments->size() > kArgumentsMax ||
                               !std::ranges::all_of(*arguments, [](const auto* a) { return argument_in_range(*a); }))) {
    return false;
  }
  const std::string_view supersede_key = view(intent.supersede_key());
  return schemas::valid_name(view(intent.vehicle())) && schemas::valid_name(view(intent.region())) &&
         schemas::valid_name(view(intent.group())) && schemas::valid_name(view(intent.name())) &&
         valid_time(intent.created_ms()) && valid_time(intent.deadline_ms()) &&
         (supersede_key.empty() || schemas::valid_name(supersede_key));
}

bool arguments_known(const schemas::Intent& intent) {
  return intent.arguments() == nullptr || std::ranges::all_of(*intent.arguments(), [](const auto* argument) {
           return fields_known(*argument, schemas::Argument::VT_VALUE);
         });
}

bool in_range(const schemas::Grant& grant) {
  return names_in_range(*grant.vehicles(), kVehiclesMax) && names_in_range(*grant.groups(), kGroupsMax) &&
         schemas::valid_name(view(grant.region())) && valid_time(grant.not_before_ms()) &&
         valid_time(grant.not_after_ms()) && grant.not_before_ms() <= grant.not_after_ms();
}

}  // namespace

Outcome<Intent> decode_intent(ByteView body, const PublicKey& key) {
  const Verified<schemas::Intent> table(body, schemas::IntentIdentifier());
  if (!table) return Reason::SIGNED_MALFORMED;
  if (auto frame = check_frame(table, schemas::Intent::VT_COUNTER, table->issuer_key(), key); !frame) {
    return frame.reason();
  }
  if (!arguments_known(*table)) return Reason::SIGNED_UNSUPPORTED;
  if (!in_range(*table)) return Reason::SIGNED_MALFORMED;
  Intent intent;
  intent.vehicle = view(table->vehicle());
  intent.command_id = schemas::id_bytes(*table->command_id());
  intent.issuer_key = key;
  intent.grant_serial = table->grant_serial();
  intent.region = view(table->region());
  intent.group = view(table->group());
  intent.name = view(table->name());
  if (table->arguments() != nullptr) {
    for (const auto* argument : *table->arguments()) {
      intent.arguments.emplace_back(view(argument->name()), view(argument->value()));
    }
  }
  intent.created = {table->created_ms()};
  intent.deadline = {table->deadline_ms()};
  intent.supersede_key = view(table->supersede_key());
  intent.counter = table->counter();
  return intent;
}

Outcome<Grant> decode_grant(ByteView body, const PublicKey& key) {
  const Verified<schemas::Grant> table(body, schemas::GrantIdentifier());
  if (!table) return Reason::SIGNED_MALFORMED;
  if (auto frame = check_frame(table, schemas::Grant::VT_REGION, table->grant_key(), key); !frame) {
    return frame.reason();
  }
  if (!in_range(*table)) return Reason::SIGNED_MALFORMED;
  Grant grant;
  grant.grant_key = key;
  grant.issuer_key = schemas::key_bytes(*table->issuer_key());
  grant.serial = table->serial();
  grant.vehicles = to_strings(*table->vehicles());
  grant.groups = to_strings(*table->groups());
  grant.not_before = {table->not_before_ms()};
  grant.not_after = {table->not_after_ms()};
  grant.region = view(table->region());
  return grant;
}

Outcome<TrustList> decode_trust_list(ByteView body, const PublicKey& key) {
  const Verified<schemas::TrustList> table(body, schemas::TrustListIdentifier());
  if (!table) return Reason::SIGNED_MALFORMED;
  if (auto frame = check_frame(table, schemas::TrustList::VT_GRANT_KEYS, table->root_key(), key); !frame) {
    return frame.reason();
  }
  const std::size_t count = table->grant_keys()->size();
  if (table->number() == 0 || !valid_time(table->issued_ms()) || count == 0 || count > kGrantKeysMax) {
    return Reason::SIGNED_MALFORMED;
  }
  TrustList list;
  list.root_key = key;
  list.number = table->number();
  list.issued = {table->issued_ms()};
  for (const auto* grant_key : *table->grant_keys()) list.grant_keys.push_back(schemas::key_bytes(*grant_key));
  return list;
}

Outcome<RevocationList> decode_revocation_list(ByteView body, const PublicKey& key) {
  const Verified<schemas::RevocationList> table(body, schemas::RevocationListIdentifier());
  if (!table) return Reason::SIGNED_MALFORMED;
  if (auto frame = check_frame(table, schemas::RevocationList::VT_ISSUER_KEYS, table->grant_key(), key); !frame) {
    return frame.reason();
  }
  const auto* grants = table->grants();
  const auto* issuers = table->issuer_keys();
  if (table->number() == 0 || !valid_time(table->issued_ms()) ||
      (grants != nullptr && grants->size() > kRevokedGrantsMax) ||
      (issuers != nullptr && issuers->size() > kRevokedIssuersMax)) {
    return Reason::SIGNED_MALFORMED;
  }
  RevocationList list;
  list.grant_key = key;
  list.number = table->number();
  list.issued = {table->issued_ms()};
  for (flatbuffers::uoffset_t i = 0; grants != nullptr && i < grants->size(); ++i) {
    const schemas::RevokedGrant& revoked = *grants->Get(i);
    if (!fields_known(revoked, schemas::RevokedGrant::VT_SERIAL)) return Reason::SIGNED_UNSUPPORTED;
    list.grants.emplace(schemas::key_bytes(*revoked.grant_key()), revoked.serial());
  }
  for (flatbuffers::uoffset_t i = 0; issuers != nullptr && i < issuers->size(); ++i) {
    list.issuer_keys.insert(schemas::key_bytes(*issuers->Get(i)));
  }
  return list;
}

}  // namespace wayside::intent
