#include "cli/bundle/certificates.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

#include "common/freed.h"
#include "common/identity/identity.h"
#include "common/os/system.h"

namespace wayside::cli {
namespace {

constexpr std::size_t kPemBytesMax = 8U << 20U;

using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using List = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;
using Integer = std::unique_ptr<ASN1_INTEGER, Freed<ASN1_INTEGER_free>>;

std::string hex_of(const ASN1_INTEGER* number) {
  const std::unique_ptr<BIGNUM, Freed<BN_free>> big(number == nullptr ? nullptr : ASN1_INTEGER_to_BN(number, nullptr));
  if (!big) return "";
  char* text = BN_bn2hex(big.get());
  std::string out = text == nullptr ? "" : text;
  OPENSSL_free(text);
  return out;
}

std::string name_of(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) return "";
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "";
}

std::string time_of(const ASN1_TIME* time) { return time == nullptr ? "" : os::rfc3339(identity::wall_of(time)); }

// As openssl writes it, and unlike a key: "AB:CD:...".
std::string fingerprint(const X509* leaf) {
  std::string out;
  for (const std::uint8_t byte : identity::leaf_hash(leaf))
    out += fmt::format("{}{:02X}", out.empty() ? "" : ":", byte);
  return out;
}

CertificateFacts facts_of(const X509* leaf) {
  return {hex_of(X509_get0_serialNumber(leaf)), name_of(X509_get_issuer_name(leaf)), time_of(X509_get0_notBefore(leaf)),
          time_of(X509_get0_notAfter(leaf)), fingerprint(leaf)};
}

RevocationFacts facts_of(X509_CRL* list) {
  const Integer number(static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list, NID_crl_number, nullptr, nullptr)));
  return {hex_of(number.get()), name_of(X509_CRL_get_issuer(list)), time_of(X509_CRL_get0_lastUpdate(list)),
          time_of(X509_CRL_get0_nextUpdate(list))};
}

}  // namespace

Result<PemFacts> read_pem(const std::string& path) {
  const auto text = os::read_file(path, kPemBytesMax);
  if (!text) return text.error();
  PemFacts facts;
  const auto size = static_cast<int>(text->size());
  const Bio first(BIO_new_mem_buf(text->data(), size));
  while (const Certificate one{PEM_read_bio_X509(first.get(), nullptr, nullptr, nullptr)}) {
    facts.certificates.push_back(facts_of(one.get()));
  }
  const Bio again(BIO_new_mem_buf(text->data(), size));
  while (const List one{PEM_read_bio_X509_CRL(again.get(), nullptr, nullptr, nullptr)}) {
    facts.revocation_lists.push_back(facts_of(one.get()));
  }
  if (facts.certificates.empty() && facts.revocation_lists.empty()) {
    return Error{Fault::malformed, path + " holds neither a certificate nor a revocation list", 0};
  }
  return facts;
}

}  // namespace wayside::cli
