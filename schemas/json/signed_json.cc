#include <array>

#include "schemas/base32.h"
#include "schemas/gen/grant_generated.h"
#include "schemas/gen/intent_generated.h"
#include "schemas/gen/revocationlist_generated.h"
#include "schemas/gen/trustlist_generated.h"
#include "schemas/json/formats.h"
#include "schemas/verified.h"

namespace wayside::schemas {
namespace {

constexpr std::size_t kHeaderBytes = 106;  // intent/signed.h has the layout

std::string hex(const Key32& key) { return to_hex(key_bytes(key)); }

void write_keys(JsonWriter& json, std::string_view name, const flatbuffers::Vector<const Key32*>* keys) {
  json.key(name).begin_array();
  for (flatbuffers::uoffset_t i = 0; keys != nullptr && i < keys->size(); ++i) json.text(hex(*keys->Get(i)));
  json.end_array();
}

void write_texts(JsonWriter& json, std::string_view name,
                 const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>& texts) {
  json.key(name).begin_array();
  for (const auto* text : texts) json.text(view(text));
  json.end_array();
}

Text body_json(std::uint8_t type, ByteView body) {
  switch (type) {
    case 1: return intent_json(body);
    case 2: return grant_json(body);
    case 3: return trust_list_json(body);
    case 4: return revocation_list_json(body);
    default: return std::nullopt;
  }
}

// Writes the framing at the start of `rest` and moves past it.
bool write_framing(JsonWriter& json, ByteView& rest) {
  if (rest.size() < kHeaderBytes || as_text(rest.first(4)) != "WSSG" || rest[4] != 1) return false;
  const std::size_t size = rest[102] | rest[103] << 8U | rest[104] << 16U | static_cast<std::size_t>(rest[105]) << 24U;
  if (size > rest.size() - kHeaderBytes) return false;
  const Text body = body_json(rest[5], rest.subspan(kHeaderBytes, size));
  if (!body) return false;
  json.begin_object().key("key").text(to_hex(rest.subspan(6, 32))).key("signature").text(to_hex(rest.subspan(38, 64)));
  json.key("signature_checked").boolean(false).key("body").raw(*body).end_object();
  rest = rest.subspan(kHeaderBytes + size);
  return true;
}

}  // namespace

Text intent_json(ByteView body) {
  const Verified<Intent> intent(body, IntentIdentifier());
  if (!intent) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("Intent").key("version").small(intent->version());
  json.key("vehicle").text(view(intent->vehicle()));
  json.key("command_id").text(to_base32(id_bytes(*intent->command_id())));
  json.key("issuer_key").text(hex(*intent->issuer_key())).key("grant_serial").uint64(intent->grant_serial());
  json.key("region").text(view(intent->region())).key("group").text(view(intent->group()));
  json.key("name").text(view(intent->name())).key("arguments").begin_object();
  if (intent->arguments() != nullptr) {
    for (const auto* argument : *intent->arguments()) json.key(view(argument->name())).text(view(argument->value()));
  }
  json.end_object().key("created").time({intent->created_ms()}).key("deadline").time({intent->deadline_ms()});
  json.key("supersede_key").text(view(intent->supersede_key())).key("counter").uint64(intent->counter()).end_object();
  return out;
}

Text grant_json(ByteView body) {
  const Verified<Grant> grant(body, GrantIdentifier());
  if (!grant) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("Grant").key("version").small(grant->version());
  json.key("grant_key").text(hex(*grant->grant_key())).key("issuer_key").text(hex(*grant->issuer_key()));
  json.key("serial").uint64(grant->serial());
  write_texts(json, "vehicles", *grant->vehicles());
  write_texts(json, "groups", *grant->groups());
  json.key("not_before").time({grant->not_before_ms()}).key("not_after").time({grant->not_after_ms()});
  json.key("region").text(view(grant->region())).end_object();
  return out;
}

Text trust_list_json(ByteView body) {
  const Verified<TrustList> list(body, TrustListIdentifier());
  if (!list) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("TrustList").key("version").small(list->version());
  json.key("root_key").text(hex(*list->root_key())).key("number").uint64(list->number());
  json.key("issued").time({list->issued_ms()});
  write_keys(json, "grant_keys", list->grant_keys());
  json.end_object();
  return out;
}

Text revocation_list_json(ByteView body) {
  const Verified<RevocationList> list(body, RevocationListIdentifier());
  if (!list) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("RevocationList").key("version").small(list->version());
  json.key("grant_key").text(hex(*list->grant_key())).key("number").uint64(list->number());
  json.key("issued").time({list->issued_ms()}).key("grants").begin_array();
  if (list->grants() != nullptr) {
    for (const auto* revoked : *list->grants()) {
      json.begin_object().key("grant_key").text(hex(*revoked->grant_key()));
      json.key("serial").uint64(revoked->serial()).end_object();
    }
  }
  json.end_array();
  write_keys(json, "issuer_keys", list->issuer_keys());
  json.end_object();
  return out;
}

Text signed_json(ByteView framed) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("Signed").key("signed").begin_array();
  ByteView rest = framed;
  int count = 0;
  while (!rest.empty() && count < 2) {
    if (!write_framing(json, rest)) return std::nullopt;
    ++count;
  }
  if (!rest.empty()) return std::nullopt;
  json.end_array().end_object();
  return out;
}

}  // namespace wayside::schemas
