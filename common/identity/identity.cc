#include "common/identity/identity.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>

#include "common/freed.h"
#include "common/identity/extension.h"

namespace wayside::identity {
namespace {

constexpr std::size_t kIdBytesMax = 64;
constexpr std::size_t kVinBytes = 17;
constexpr std::size_t kTagDigits = 10;
constexpr long kIssuerBytesMax = 256;

bool digit(char c) { return c >= '0' && c <= '9'; }
bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool id_character(char c) { return digit(c) || upper(c) || (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-'; }

using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

// The bytes as they stand: a NUL stays in them and fails the pattern.
std::string_view text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// The one SAN entry of this kind; nullopt when there is none, a second, or a second SAN extension.
std::optional<std::string> only_san(const X509* leaf, int kind) {
  int critical = 0;
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, nullptr)));
  if (!names) return std::nullopt;
  std::optional<std::string> found;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = -1;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type != kind) continue;
    if (found) return std::nullopt;
    found = std::string(text_of(static_cast<const ASN1_STRING*>(value)));
  }
  return found;
}

// String types whose bytes are what a person reads; BMPString and the like would need a translation.
bool plain_string(const ASN1_STRING* text) {
  const int type = ASN1_STRING_type(text);
  return type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING || type == V_ASN1_IA5STRING;
}

std::optional<std::string> only_common_name(const X509* leaf) {
  const X509_NAME* subject = X509_get_subject_name(leaf);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return std::nullopt;
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  if (!plain_string(text)) return std::nullopt;
  return std::string(text_of(text));
}

std::optional<std::string> candidate(const X509* leaf, const Rule& rule) {
  switch (rule.source) {
    case Source::san_dns: return only_san(leaf, GEN_DNS);
    case Source::cn: return only_common_name(leaf);
    case Source::san_uri: break;
  }
  const std::optional<std::string> uri = only_san(leaf, GEN_URI);
  if (!uri || !uri->starts_with(rule.uri_prefix)) return std::nullopt;
  return uri->substr(rule.uri_prefix.size());
}

}  // namespace

bool valid_vin(std::string_view id) {
  const auto allowed = [](char c) { return digit(c) || (upper(c) && c != 'I' && c != 'O' && c != 'Q'); };
  return id.size() == kVinBytes && std::all_of(id.begin(), id.end(), allowed);
}

bool valid_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax && std::all_of(id.begin(), id.end(), id_character);
}

Outcome<std::string> identity_of(const X509* leaf, const Rule& rule) {
  std::optional<std::string> id = candidate(leaf, rule);
  if (!id || !(rule.vin ? valid_vin(*id) : valid_id(*id))) return Reason::CERTIFICATE_IDENTITY;
  return *std::move(id);
}

std::string cohort_of(const X509* leaf) {
  const std::optional<std::string> cohort = utf8_extension(leaf, kCohortOid);
  return cohort && valid_id(*cohort) ? *cohort : std::string();
}

std::string serial_of(const X509* leaf) {
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), nullptr);
  char* hex = number == nullptr ? nullptr : BN_bn2hex(number);
  std::string out = hex == nullptr ? "" : hex;
  OPENSSL_free(hex);
  BN_free(number);
  return out;
}

std::string issuer_of(const X509* leaf) {
  BIO* memory = BIO_new(BIO_s_mem());
  WAYSIDE_ASSERT(memory != nullptr);
  X509_NAME_print_ex(memory, X509_get_issuer_name(leaf), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string out(text, static_cast<std::size_t>(std::clamp<long>(size, 0, kIssuerBytesMax)));
  BIO_free(memory);
  return out;
}

// The mere presence marks it, whatever the text: a marker that is damaged is still a marker.
bool is_development_ca(const X509* ca) { return has_extension(ca, kDevelopmentOid); }

std::array<std::uint8_t, 32> leaf_hash(const X509* leaf) {
  std::array<std::uint8_t, 32> hash{};
  unsigned size = 0;
  WAYSIDE_ASSERT(X509_digest(leaf, EVP_sha256(), hash.data(), &size) == 1 && size == hash.size());
  return hash;
}

WallMs wall_of(const ASN1_TIME* time) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(time, &utc) != 1) return {0};
  return {static_cast<std::int64_t>(::timegm(&utc)) * 1000};
}

// A date that does not parse counts as long past.
WallMs not_after(const X509* leaf) { return wall_of(X509_get0_notAfter(leaf)); }

Result<WallMs> not_after_in(const std::string& path) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new_file(path.c_str(), "r"), BIO_free);
  const std::unique_ptr<X509, void (*)(X509*)> first(
      bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr, X509_free);
  ERR_clear_error();
  if (!first) return Error{Fault::malformed, path + ": holds no certificate that can be read", 0};
  return not_after(first.get());
}

std::string tag(ByteView region_key, std::string_view vehicle) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  const ByteView text = as_bytes(vehicle);
  WAYSIDE_ASSERT(HMAC(EVP_sha256(), region_key.data(), static_cast<int>(region_key.size()), text.data(), text.size(),
                      mac.data(), &size) != nullptr);
  return "veh:" + to_hex(ByteView(mac).first(kTagDigits / 2));
}

}  // namespace wayside::identity
