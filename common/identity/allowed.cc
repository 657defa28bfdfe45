// What a leaf may be, apart from whose it is: key, use, place in the chain.
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "common/identity/identity.h"

namespace wayside::identity {
namespace {

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 4096;

// The curve must be named in the certificate: with explicit parameters a peer brings a curve of its own.
bool named_curve_allowed(const X509* leaf) {
  X509_ALGOR* algorithm = nullptr;
  if (X509_PUBKEY_get0_param(nullptr, nullptr, nullptr, &algorithm, X509_get_X509_PUBKEY(leaf)) != 1) return false;
  int type = V_ASN1_UNDEF;
  const void* parameter = nullptr;
  X509_ALGOR_get0(nullptr, &type, &parameter, algorithm);
  if (type != V_ASN1_OBJECT) return false;
  const int curve = OBJ_obj2nid(static_cast<const ASN1_OBJECT*>(parameter));
  return curve == NID_X9_62_prime256v1 || curve == NID_secp384r1;
}

bool key_allowed(const X509* leaf) {
  const EVP_PKEY* key = X509_get0_pubkey(leaf);
  if (key == nullptr) return false;
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519: return true;
    case EVP_PKEY_EC: return named_curve_allowed(leaf);
    case EVP_PKEY_RSA: return EVP_PKEY_get_bits(key) >= kRsaBitsMin && EVP_PKEY_get_bits(key) <= kRsaBitsMax;
    default: return false;
  }
}

// OpenSSL fills its cache of extensions through a non-const pointer; it locks while it does.
bool is_plain_leaf(X509* leaf) {
  const std::uint32_t flags = X509_get_extension_flags(leaf);
  // X509_check_ca alone says no to a CA whose key usage forbids signing; CA:TRUE is reason enough.
  if ((flags & (EXFLAG_INVALID | EXFLAG_CA)) != 0 || X509_check_ca(leaf) != 0) return false;
  return (flags & EXFLAG_KUSAGE) == 0 || (X509_get_key_usage(leaf) & KU_KEY_CERT_SIGN) == 0;
}

bool use_allowed(X509* leaf, bool client) {
  if ((X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) == 0) return false;
  return (X509_get_extended_key_usage(leaf) & (client ? XKU_SSL_CLIENT : XKU_SSL_SERVER)) != 0;
}

}  // namespace

Outcome<void> leaf_allowed(const X509* leaf, bool client) {
  if (!key_allowed(leaf)) return Reason::CERTIFICATE_KEY;
  auto* cached = const_cast<X509*>(leaf);
  if (!is_plain_leaf(cached) || !use_allowed(cached, client)) return Reason::CERTIFICATE_INVALID;
  return {};
}

}  // namespace wayside::identity
