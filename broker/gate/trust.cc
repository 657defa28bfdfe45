#include "broker/gate/trust.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "broker/gate/openssl.h"
#include "broker/gate/tls_policy.h"
#include "common/identity/pem.h"
#include "common/os/system.h"

namespace wayside::broker::gate {
namespace {

std::string name_der(const X509_NAME* name) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_NAME(const_cast<X509_NAME*>(name), &der);
  std::string bytes(reinterpret_cast<const char*>(der), size > 0 ? static_cast<std::size_t>(size) : 0);
  OPENSSL_free(der);
  return bytes;
}

// crlNumber (RFC 5280 5.2.3) as 64 bits; 0 when the CRL has none.
std::uint64_t number_of(X509_CRL* crl) {
  auto* number = static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl, NID_crl_number, nullptr, nullptr));
  std::uint64_t value = 0;
  if (number != nullptr) ASN1_INTEGER_get_uint64(&value, number);
  ASN1_INTEGER_free(number);
  return value;
}

// `date` becomes the earlier of both; {0} is none.
void earlier(WallMs& date, WallMs other) {
  if (date.value == 0 || other < date) date = other;
}

Error file_error(const std::string& path, const std::string& why) {
  ERR_clear_error();
  return Error{Fault::config, path + ": " + why};
}

}  // namespace

SerialKey serial_key(const X509_NAME* issuer, const ASN1_INTEGER* serial) {
  std::string bytes = name_der(issuer);
  bytes.append(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
               static_cast<std::size_t>(ASN1_STRING_length(serial)));
  SerialKey key{};
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), key.data(), &size, EVP_sha256(), nullptr);
  return key;
}

Result<std::shared_ptr<const Trust>> Trust::load(const ListenerOptions& files, const identity::Rule& rule,
                                                 bool allow_development_ca, const Trust* older) {
  std::shared_ptr<Trust> trust(new Trust());
  trust->rule_ = rule;
  trust->context_ = SSL_CTX_new(TLS_server_method());
  Result<void> outcome = apply_tls_policy(trust->context_);
  if (outcome.ok()) outcome = trust->load_own(files);
  if (outcome.ok()) outcome = trust->load_ca(files, allow_development_ca);
  trust->set_epoch(older);
  if (outcome.ok()) outcome = trust->load_crl(files, older);
  if (!outcome.ok()) return std::move(outcome).error();
  return std::shared_ptr<const Trust>(std::move(trust));
}

Trust::~Trust() { SSL_CTX_free(context_); }

bool Trust::revoked(const std::vector<SerialKey>& chain) const {
  for (const SerialKey& key : chain) {
    if (revoked_.contains(key)) return true;
  }
  return false;
}

Result<void> Trust::load_own(const ListenerOptions& files) {
  if (SSL_CTX_use_certificate_chain_file(context_, files.certificate.c_str()) != 1) {
    return file_error(files.certificate, "no certificate chain: " + openssl_error());
  }
  if (SSL_CTX_use_PrivateKey_file(context_, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return file_error(files.key, "no private key of that certificate: " + openssl_error());
  }
  dates_.own_not_after = identity::not_after(SSL_CTX_get0_certificate(context_));
  return {};
}

Result<void> Trust::load_ca(const ListenerOptions& files, bool allow_development_ca) {
  const Result<std::string> text = os::read_file(files.ca, identity::kPemBytesMax);
  if (!text) return file_error(files.ca, "cannot be read");
  const auto bundle = identity::certificates_of(*text);
  if (!bundle) return file_error(files.ca, bundle.error().what);
  X509_STORE* store = SSL_CTX_get_cert_store(context_);
  for (const identity::X509Owned& ca : *bundle) {
    if (!allow_development_ca && identity::is_development_ca(ca.get())) {
      return file_error(files.ca, "a development CA, which this configuration does not allow");
    }
    X509_check_purpose(ca.get(), -1, 0);  // decodes its extensions now, not in the first handshakes of all threads
    if (X509_STORE_add_cert(store, ca.get()) != 1) return file_error(files.ca, openssl_error());
    SSL_CTX_add_client_CA(context_, ca.get());
    cas_.insert(identity::leaf_hash(ca.get()));
    earlier(dates_.ca_not_after, identity::not_after(ca.get()));
  }
  return {};
}

void Trust::set_epoch(const Trust* older) {
  if (older != nullptr) epoch_ = older->epoch_ + (older->cas_ == cas_ ? 0 : 1);
}

Result<void> Trust::load_crl(const ListenerOptions& files, const Trust* older) {
  if (files.crl.empty()) return {};
  const Result<std::string> text = os::read_file(files.crl, identity::kPemBytesMax);
  if (!text) return file_error(files.crl, "cannot be read");
  const auto lists = identity::crls_of(*text);
  if (!lists) return file_error(files.crl, lists.error().what);
  for (const identity::CrlOwned& crl : *lists) {
    Result<void> taken = take_crl(crl.get(), older);
    if (!taken.ok()) return std::move(taken).error().with(files.crl);
  }
  return {};
}

// Staleness (nextUpdate) never locks out: only what a list says counts, and only if its CA signed it.
Result<void> Trust::take_crl(X509_CRL* crl, const Trust* older) {
  X509_STORE* store = SSL_CTX_get_cert_store(context_);
  X509_STORE_CTX* lookup = X509_STORE_CTX_new();
  X509_STORE_CTX_init(lookup, store, nullptr, nullptr);
  X509_OBJECT* found = X509_STORE_CTX_get_obj_by_subject(lookup, X509_LU_X509, X509_CRL_get_issuer(crl));
  X509_STORE_CTX_free(lookup);
  if (found == nullptr) return Error{Fault::config, "a revocation list of a CA that is not in the bundle"};
  const bool signed_by_ca = X509_CRL_verify(crl, X509_get0_pubkey(X509_OBJECT_get0_X509(found))) == 1;
  X509_OBJECT_free(found);
  ERR_clear_error();
  if (!signed_by_ca) return Error{Fault::config, "the signature of the revocation list does not verify"};
  const std::string issuer = name_der(X509_CRL_get_issuer(crl));
  const std::uint64_t number = number_of(crl);
  if (older != nullptr) {
    const auto before = older->crl_numbers_.find(issuer);
    if (before != older->crl_numbers_.end() && number < before->second) {
      return Error{Fault::config, "a lower crlNumber than the list in force"};
    }
  }
  crl_numbers_[issuer] = number;
  earlier(dates_.crl_this_update, identity::wall_of(X509_CRL_get0_lastUpdate(crl)));
  if (const ASN1_TIME* next = X509_CRL_get0_nextUpdate(crl); next != nullptr) {
    earlier(dates_.crl_next_update, identity::wall_of(next));
  }
  const STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(crl);
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    const X509_REVOKED* entry = sk_X509_REVOKED_value(entries, i);
    revoked_.insert(serial_key(X509_CRL_get_issuer(crl), X509_REVOKED_get0_serialNumber(entry)));
  }
  return {};
}

}  // namespace wayside::broker::gate
