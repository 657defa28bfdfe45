#include "certs/profile.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <array>
#include <ctime>

#include "common/os/system.h"
#include "common/types.h"

namespace wayside::certs {
namespace {

using BigNumber = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
using Object = std::unique_ptr<ASN1_OBJECT, Freed<ASN1_OBJECT_free>>;
using OctetString = std::unique_ptr<ASN1_OCTET_STRING, Freed<ASN1_OCTET_STRING_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Text = std::unique_ptr<ASN1_STRING, Freed<ASN1_STRING_free>>;

// 127 random bits: unique without a register of what was issued (RFC 5280 4.1.2.2: positive, <= 20 bytes).
bool set_serial(X509* certificate) {
  const BigNumber number(BN_new());
  return number && BN_rand(number.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_validity(X509* certificate, const Validity& validity) {
  std::time_t now = std::time(nullptr);
  return X509_time_adj_ex(X509_getm_notBefore(certificate), 0, static_cast<long>(validity.from_s), &now) != nullptr &&
         X509_time_adj_ex(X509_getm_notAfter(certificate), 0, static_cast<long>(validity.to_s), &now) != nullptr;
}

bool set_common_name(X509_NAME* name, const std::string& text) {
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()), -1, 0) == 1;
}

// An extension in OpenSSL's own words; only for constants, since names could smuggle in more.
bool add_constant(X509* certificate, const X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, const_cast<X509*>(issuer), certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// A private extension whose value is one UTF8String.
bool add_text(X509* certificate, const char* oid, const std::string& value) {
  const Object object(OBJ_txt2obj(oid, 1));
  const Text text(ASN1_STRING_type_new(V_ASN1_UTF8STRING));
  const OctetString octets(ASN1_OCTET_STRING_new());
  if (!object || !text || !octets) return false;
  if (ASN1_STRING_set(text.get(), value.data(), static_cast<int>(value.size())) != 1) return false;
  unsigned char* der = nullptr;
  const int size = i2d_ASN1_UTF8STRING(text.get(), &der);
  if (size <= 0) return false;
  ASN1_STRING_set0(octets.get(), der, size);
  const Extension extension(X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, octets.get()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool push_name(GENERAL_NAMES* names, int type, int string_type, const std::string& bytes) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_STRING* text = ASN1_STRING_type_new(string_type);
  if (name == nullptr || text == nullptr || ASN1_STRING_set(text, bytes.data(), static_cast<int>(bytes.size())) != 1) {
    GENERAL_NAME_free(name);
    ASN1_STRING_free(text);
    return false;
  }
  GENERAL_NAME_set0_value(name, type, text);
  return sk_GENERAL_NAME_push(names, name) > 0;
}

// Network-order bytes of an address; empty when the text is none.
std::string address_bytes(const std::string& text) {
  std::array<char, 16> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return {bytes.data(), 4};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return {bytes.data(), 16};
  return {};
}

bool add_alternative_names(X509* certificate, const LeafProfile& profile) {
  const Names names(GENERAL_NAMES_new());
  bool good = names != nullptr;
  for (const auto& uri : profile.uris) good = good && push_name(names.get(), GEN_URI, V_ASN1_IA5STRING, uri);
  for (const auto& dns : profile.dns_names) good = good && push_name(names.get(), GEN_DNS, V_ASN1_IA5STRING, dns);
  for (const auto& address : profile.addresses) {
    const std::string bytes = address_bytes(address);
    good = good && !bytes.empty() && push_name(names.get(), GEN_IPADD, V_ASN1_OCTET_STRING, bytes);
  }
  if (!good || sk_GENERAL_NAME_num(names.get()) == 0) return good;
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1;
}

bool add_key_usage(X509* certificate, const LeafProfile& profile) {
  const std::string usage = std::string(profile.client ? "clientAuth" : "") +
                            (profile.client && profile.server ? "," : "") + (profile.server ? "serverAuth" : "");
  return usage.empty() || add_constant(certificate, certificate, NID_ext_key_usage, usage.c_str());
}

bool start(X509* certificate, EVP_PKEY* key, const std::string& common_name, const Validity& validity) {
  return certificate != nullptr && key != nullptr && X509_set_version(certificate, X509_VERSION_3) == 1 &&
         set_serial(certificate) && set_validity(certificate, validity) &&
         set_common_name(X509_get_subject_name(certificate), common_name) && X509_set_pubkey(certificate, key) == 1;
}

Key new_key() { return Key(EVP_EC_gen("P-256")); }

}  // namespace

Result<Issuer> make_ca(const std::string& common_name, bool development, const Validity& validity) {
  Issuer ca{Certificate(X509_new()), new_key()};
  X509* certificate = ca.certificate.get();
  const bool built = start(certificate, ca.key.get(), common_name, validity) &&
                     X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
                     add_constant(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                     add_constant(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                     add_constant(certificate, certificate, NID_subject_key_identifier, "hash") &&
                     (!development || add_text(certificate, kDevelopmentOid, kDevelopmentText)) &&
                     X509_sign(certificate, ca.key.get(), EVP_sha256()) > 0;
  if (!built) return openssl_error("cannot make CA " + common_name);
  return ca;
}

Result<Pair> issue_leaf(const Issuer& issuer, const LeafProfile& profile) {
  Pair leaf{Certificate(X509_new()), new_key()};
  X509* certificate = leaf.certificate.get();
  const X509* ca = issuer.certificate.get();
  const bool built = start(certificate, leaf.key.get(), profile.common_name, profile.validity) &&
                     X509_set_issuer_name(certificate, X509_get_subject_name(ca)) == 1 &&
                     add_constant(certificate, ca, NID_basic_constraints, "critical,CA:FALSE") &&
                     add_constant(certificate, ca, NID_key_usage, "critical,digitalSignature") &&
                     add_key_usage(certificate, profile) && add_alternative_names(certificate, profile) &&
                     add_constant(certificate, ca, NID_subject_key_identifier, "hash") &&
                     add_constant(certificate, ca, NID_authority_key_identifier, "keyid:always") &&
                     (profile.cohort.empty() || add_text(certificate, kCohortOid, profile.cohort)) &&
                     X509_sign(certificate, issuer.key.get(), EVP_sha256()) > 0;
  if (!built) return openssl_error("cannot issue a certificate for " + profile.common_name);
  return leaf;
}

std::string Pair::certificate_pem() const { return certs::certificate_pem(certificate.get()); }
std::string Pair::key_pem() const { return certs::key_pem(key.get()); }

std::string certificate_pem(const X509* certificate) {
  return pem([&](BIO* bio) { return PEM_write_bio_X509(bio, const_cast<X509*>(certificate)); });
}

std::string key_pem(EVP_PKEY* key) {
  return pem([&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

Result<Certificate> read_certificate(const std::string& path) {
  const auto text = os::read_file(path);
  if (!text) return text.error();
  Certificate certificate(PEM_read_bio_X509(text_bio(*text).get(), nullptr, nullptr, nullptr));
  if (!certificate) return Error{Fault::malformed, path + " holds no PEM certificate"};
  return certificate;
}

Result<Issuer> read_issuer(const std::string& certificate_path, const std::string& key_path) {
  auto certificate = read_certificate(certificate_path);
  if (!certificate) return std::move(certificate).error();
  const auto text = os::read_file(key_path);
  if (!text) return text.error();
  Key key(PEM_read_bio_PrivateKey(text_bio(*text).get(), nullptr, nullptr, nullptr));
  if (!key) return Error{Fault::malformed, key_path + " holds no PEM private key"};
  if (X509_check_private_key(certificate->get(), key.get()) != 1) {
    return Error{Fault::malformed, key_path + " is not the key of " + certificate_path};
  }
  return Issuer{std::move(certificate).value(), std::move(key)};
}

std::string serial_hex(const ASN1_INTEGER* serial) {
  const BigNumber number(ASN1_INTEGER_to_BN(serial, nullptr));
  Bytes bytes(static_cast<std::size_t>(number ? BN_num_bytes(number.get()) : 0));
  if (number) BN_bn2bin(number.get(), bytes.data());
  return to_hex(bytes);
}

}  // namespace wayside::certs
