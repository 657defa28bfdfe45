#include "certs/show.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "common/identity/identity.h"
#include "common/os/system.h"

namespace wayside::certs {
namespace {

namespace fs = std::filesystem;
using Serials = std::map<Ca, std::set<std::string>>;

std::string common_name(const X509* certificate) {
  std::array<char, 256> text{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text.data(),
                                             static_cast<int>(text.size()));
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

std::vector<std::string> alternative_names(const X509* certificate) {
  std::vector<std::string> names;
  const std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>> entries(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; entries && i < sk_GENERAL_NAME_num(entries.get()); ++i) {
    const std::string text =
        pem([&](BIO* bio) { return GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(entries.get(), i)); });
    names.push_back(text);
  }
  return names;
}

// Which CA signed it decides which list may revoke it.
bool revoked(const Pki& pki, const Serials& serials, X509* certificate) {
  const bool found = std::ranges::any_of(kAllCas, [&](Ca ca) {
    return X509_verify(certificate, pki.issuer(ca).key.get()) == 1 &&
           serials.at(ca).contains(serial_hex(X509_get0_serialNumber(certificate)));
  });
  ERR_clear_error();
  return found;
}

CertificateInfo describe(X509* certificate) {
  CertificateInfo info;
  info.subject = common_name(certificate);
  info.names = alternative_names(certificate);
  info.serial = serial_hex(X509_get0_serialNumber(certificate));
  info.not_after = os::rfc3339(identity::not_after(certificate));
  info.cohort = identity::cohort_of(certificate);
  info.ca = X509_check_ca(certificate) != 0;
  info.development = identity::is_development_ca(certificate);
  return info;
}

Result<Serials> revoked_serials(const Pki& pki) {
  Serials serials;
  for (const Ca ca : kAllCas) {
    const auto list = pki.crl(ca);
    if (!list) return list.error();
    serials[ca] = {list->serials.begin(), list->serials.end()};
  }
  return serials;
}

}  // namespace

Result<std::vector<CertificateInfo>> show_certificates(const Pki& pki) {
  const auto serials = revoked_serials(pki);
  if (!serials) return serials.error();
  std::vector<CertificateInfo> all;
  std::error_code failed;
  for (const auto& entry : fs::recursive_directory_iterator(pki.dir(), failed)) {
    if (entry.path().extension() != ".crt") continue;
    const auto certificate = read_certificate(entry.path().string());
    if (!certificate) return certificate.error();
    CertificateInfo info = describe(certificate->get());
    info.path = entry.path().lexically_relative(pki.dir()).string();
    info.revoked = revoked(pki, *serials, certificate->get());
    all.push_back(std::move(info));
  }
  if (failed) return Error{Fault::io, pki.dir() + ": " + failed.message()};
  std::ranges::sort(all, {}, &CertificateInfo::path);
  return all;
}

}  // namespace wayside::certs
