// Leaf certificates of every kind that identity must judge, made in memory. Signed by a throw-away key:
// identity reads what a certificate says, the chain is somebody else's question.
#pragma once

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/freed.h"
#include "common/result.h"

namespace wayside::test {

using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;

inline EVP_PKEY* throw_away_key() {
  static const Key key(EVP_EC_gen("P-256"));
  return key.get();
}

inline Key rsa_key(unsigned bits) { return Key(EVP_RSA_gen(bits)); }

// A public key of this size without the hours that finding its primes would take.
inline Key rsa_public_key(unsigned bits) {
  const std::unique_ptr<BIGNUM, Freed<BN_free>> n(BN_new());
  const std::unique_ptr<BIGNUM, Freed<BN_free>> e(BN_new());
  WAYSIDE_ASSERT(BN_rand(n.get(), static_cast<int>(bits), BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) == 1);
  WAYSIDE_ASSERT(BN_set_word(e.get(), 65537) == 1);
  const std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  const std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>> params(OSSL_PARAM_BLD_to_param(builder.get()));
  const std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  WAYSIDE_ASSERT(EVP_PKEY_fromdata_init(context.get()) == 1);
  WAYSIDE_ASSERT(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) == 1);
  return Key(key);
}

inline Key explicit_p256_key() {
  const std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  WAYSIDE_ASSERT(EVP_PKEY_keygen_init(context.get()) == 1);
  WAYSIDE_ASSERT(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context.get(), NID_X9_62_prime256v1) == 1);
  WAYSIDE_ASSERT(EVP_PKEY_CTX_set_ec_param_enc(context.get(), OPENSSL_EC_EXPLICIT_CURVE) == 1);
  WAYSIDE_ASSERT(EVP_PKEY_keygen(context.get(), &key) == 1);
  return Key(key);
}

struct CertificateOptions {
  std::vector<std::string> common_names;
  std::vector<std::pair<int, std::string>> sans;         // GEN_URI or GEN_DNS, raw bytes
  std::vector<std::pair<int, std::string>> extensions;   // NID and value as in openssl.cnf
  std::vector<std::pair<std::string, std::string>> own;  // OID and UTF8String
  EVP_PKEY* key = nullptr;                               // nullptr: a P-256 key
  std::time_t not_after = 4'102'444'800;                 // 2100-01-01
};

inline void add_sans(X509* certificate, const std::vector<std::pair<int, std::string>>& sans) {
  const std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>> names(sk_GENERAL_NAME_new_null());
  for (const auto& [kind, value] : sans) {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, value.data(), static_cast<int>(value.size()));
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, kind, text);
    sk_GENERAL_NAME_push(names.get(), name);
  }
  WAYSIDE_ASSERT(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_APPEND) == 1);
}

inline void add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  WAYSIDE_ASSERT(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

inline void add_own_extension(X509* certificate, const std::string& oid, const std::string& text) {
  const std::unique_ptr<ASN1_OBJECT, Freed<ASN1_OBJECT_free>> object(OBJ_txt2obj(oid.c_str(), 1));
  std::string der = {0x0C, static_cast<char>(text.size())};
  der += text;
  const std::unique_ptr<ASN1_OCTET_STRING, Freed<ASN1_OCTET_STRING_free>> value(ASN1_OCTET_STRING_new());
  ASN1_OCTET_STRING_set(value.get(), reinterpret_cast<const unsigned char*>(der.data()), static_cast<int>(der.size()));
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
      X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, value.get()));
  WAYSIDE_ASSERT(X509_add_ext(certificate, extension.get(), -1) == 1);
}

// Encoded and decoded once, so that what is judged is what a peer would have sent.
inline Certificate reread(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  WAYSIDE_ASSERT(size > 0);
  const unsigned char* at = der;
  Certificate back(d2i_X509(nullptr, &at, size));
  OPENSSL_free(der);
  WAYSIDE_ASSERT(back != nullptr);
  return back;
}

inline Certificate make_certificate(const CertificateOptions& options) {
  const Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_time_adj_ex(X509_getm_notBefore(certificate.get()), -1, 0, nullptr);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), options.not_after);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  for (const std::string& name : options.common_names) {
    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size()), -1,
                               0);
  }
  X509_set_pubkey(certificate.get(), options.key != nullptr ? options.key : throw_away_key());
  if (!options.sans.empty()) add_sans(certificate.get(), options.sans);
  for (const auto& [nid, value] : options.extensions) add_extension(certificate.get(), nid, value);
  for (const auto& [oid, text] : options.own) add_own_extension(certificate.get(), oid, text);
  WAYSIDE_ASSERT(X509_sign(certificate.get(), throw_away_key(), EVP_sha256()) > 0);
  return reread(certificate.get());
}

}  // namespace wayside::test
