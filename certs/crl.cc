#include "certs/crl.h"

#include <openssl/pem.h>

#include <ctime>

#include "common/os/system.h"
#include "common/types.h"

namespace wayside::certs {
namespace {

using Integer = std::unique_ptr<ASN1_INTEGER, Freed<ASN1_INTEGER_free>>;
using Time = std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>>;
using Revoked = std::unique_ptr<X509_REVOKED, Freed<X509_REVOKED_free>>;

Crl parse(const std::string& crl_pem) {
  return Crl(PEM_read_bio_X509_CRL(text_bio(crl_pem).get(), nullptr, nullptr, nullptr));
}

std::uint64_t number_of(const X509_CRL* crl) {
  const Integer number(static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl, NID_crl_number, nullptr, nullptr)));
  std::uint64_t value = 0;
  return number && ASN1_INTEGER_get_uint64(&value, number.get()) == 1 ? value : 0;
}

std::string rfc3339_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return os::rfc3339(WallMs{static_cast<std::int64_t>(timegm(&parts)) * 1'000});
}

bool copy_entries(X509_CRL* from, X509_CRL* to) {
  STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(from);
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    Revoked copy(X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i)));
    if (!copy || X509_CRL_add0_revoked(to, copy.get()) != 1) return false;
    static_cast<void>(copy.release());  // NOLINT(bugprone-unused-return-value): the list owns it now
  }
  return true;
}

bool add_entry(X509_CRL* crl, const X509* certificate) {
  Revoked entry(X509_REVOKED_new());
  const Time now(ASN1_TIME_adj(nullptr, std::time(nullptr), 0, 0));
  if (!entry || !now ||
      X509_REVOKED_set_serialNumber(entry.get(), const_cast<ASN1_INTEGER*>(X509_get0_serialNumber(certificate))) != 1 ||
      X509_REVOKED_set_revocationDate(entry.get(), now.get()) != 1 || X509_CRL_add0_revoked(crl, entry.get()) != 1) {
    return false;
  }
  static_cast<void>(entry.release());  // NOLINT(bugprone-unused-return-value): the list owns it now
  return true;
}

bool sign(X509_CRL* crl, const Issuer& issuer, std::uint64_t number, int days) {
  const std::time_t now = std::time(nullptr);
  const Time last(ASN1_TIME_adj(nullptr, now, 0, -300));
  const Time next(ASN1_TIME_adj(nullptr, now, days, 0));
  const Integer crl_number(ASN1_INTEGER_new());
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer.certificate.get(), nullptr, nullptr, crl, 0);
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> key_id(
      X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
  return last && next && crl_number && key_id && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
         X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer.certificate.get())) == 1 &&
         X509_CRL_set1_lastUpdate(crl, last.get()) == 1 && X509_CRL_set1_nextUpdate(crl, next.get()) == 1 &&
         ASN1_INTEGER_set_uint64(crl_number.get(), number) == 1 && X509_CRL_add_ext(crl, key_id.get(), -1) == 1 &&
         X509_CRL_add1_ext_i2d(crl, NID_crl_number, crl_number.get(), 0, 0) == 1 && X509_CRL_sort(crl) == 1 &&
         X509_CRL_sign(crl, issuer.key.get(), EVP_sha256()) > 0;
}

Result<std::string> finish(X509_CRL* crl, const Issuer& issuer, std::uint64_t number, int days) {
  if (!sign(crl, issuer, number, days)) return openssl_error("cannot sign the revocation list");
  return pem([&](BIO* bio) { return PEM_write_bio_X509_CRL(bio, crl); });
}

}  // namespace

Result<std::string> first_crl(const Issuer& issuer, int days) {
  const Crl crl(X509_CRL_new());
  if (!crl) return openssl_error("cannot make a revocation list");
  return finish(crl.get(), issuer, 1, days);
}

Result<std::string> next_crl(const Issuer& issuer, const std::string& crl_pem, const X509* revoke, int days) {
  const Crl before = parse(crl_pem);
  const Crl crl(X509_CRL_new());
  if (!before) return Error{Fault::malformed, "the revocation list holds no PEM CRL"};
  if (X509_CRL_verify(before.get(), issuer.key.get()) != 1) {
    ERR_clear_error();
    return Error{Fault::corrupt, "the revocation list is not signed by its CA"};
  }
  X509_REVOKED* found = nullptr;
  if (revoke != nullptr && X509_CRL_get0_by_cert(before.get(), &found, const_cast<X509*>(revoke)) == 1) {
    return Error{Fault::exists, "the certificate is revoked already"};
  }
  if (!crl || !copy_entries(before.get(), crl.get()) || (revoke != nullptr && !add_entry(crl.get(), revoke))) {
    return openssl_error("cannot extend the revocation list");
  }
  return finish(crl.get(), issuer, number_of(before.get()) + 1, days);
}

Result<CrlInfo> read_crl(const std::string& crl_pem) {
  const Crl crl = parse(crl_pem);
  if (!crl) return Error{Fault::malformed, "no PEM CRL"};
  CrlInfo info;
  info.number = number_of(crl.get());
  info.next_update = rfc3339_of(X509_CRL_get0_nextUpdate(crl.get()));
  STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(crl.get());
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    info.serials.push_back(serial_hex(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, i))));
  }
  return info;
}

}  // namespace wayside::certs
