#include "certs/pki.h"

#include <filesystem>

#include "certs/show.h"
#include "common/identity/identity.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"

namespace wayside::certs {
namespace {

constexpr unsigned kSecret = 0600;
constexpr unsigned kPublic = 0644;

std::string ca_stem(Ca ca) { return std::string("ca/") + to_string(ca); }
std::string crl_path(Ca ca) { return std::string("crl/") + to_string(ca) + ".crl"; }

Error bad_name(const std::string& name) {
  return Error{Fault::config, "'" + name + "' is no name: 1..64 of A-Z a-z 0-9 . _ -"};
}

// Names become file names: ".." is made of good characters and no name.
bool valid_file_name(const std::string& name) { return identity::valid_id(name) && name.front() != '.'; }

bool is_address(const std::string& name) {
  return name.find(':') != std::string::npos || name.find_first_not_of("0123456789.") == std::string::npos;
}

LeafProfile server_profile(const std::string& name, const std::vector<std::string>& names, int days) {
  LeafProfile profile;
  profile.common_name = name;
  profile.server = true;
  profile.dns_names = {"localhost"};
  profile.addresses = {"127.0.0.1"};
  for (const auto& extra : names) (is_address(extra) ? profile.addresses : profile.dns_names).push_back(extra);
  profile.validity = Validity::of_days(days);
  return profile;
}

LeafProfile client_profile(const std::string& name, const std::string& uri, int days) {
  LeafProfile profile;
  profile.common_name = name;
  profile.client = true;
  profile.uris = {uri};
  profile.validity = Validity::of_days(days);
  return profile;
}

// The key goes first: whoever sees the certificate finds its key.
Result<void> write_pair(const std::string& stem, const Pair& pair) {
  if (auto made = os::make_dirs(std::filesystem::path(stem).parent_path().string()); !made) return made;
  if (auto key = os::write_file_atomic(stem + ".key", pair.key_pem(), kSecret); !key) return key;
  return os::write_file_atomic(stem + ".crt", pair.certificate_pem(), kPublic);
}

// One that is there stays: tags in older logs must go on meaning the same vehicles.
Result<void> write_region_key(const std::string& path) {
  if (std::filesystem::exists(path)) return {};
  const auto key = os::random_bytes(32);
  if (!key) return key.error();
  return os::write_file_atomic(path, to_hex(*key) + "\n", kSecret);
}

}  // namespace

const char* to_string(Ca ca) {
  static constexpr std::array<const char*, 3> kNames = {"vehicles", "services", "links"};
  return kNames.at(static_cast<std::size_t>(ca));
}

Result<Pki> Pki::init(const std::string& dir, const PkiOptions& options) {
  Pki pki(std::filesystem::absolute(dir).lexically_normal().string());
  pki.crl_days_ = options.crl_days;
  for (const Ca ca : kAllCas) {
    if (std::filesystem::exists(pki.path(ca_stem(ca) + ".key"))) {
      return Error{Fault::exists, pki.path(ca_stem(ca) + ".key") + " is there already"};
    }
  }
  for (const char* folder : {"/ca", "/crl", "/vehicles", "/services"}) {
    if (auto made = os::make_dirs(pki.dir_ + folder); !made) return made.error();
  }
  if (auto written = write_region_key(pki.path("region.key")); !written) return written.error();
  for (const Ca ca : kAllCas) {
    auto issuer = make_ca(std::string("Wayside ") + to_string(ca) + " CA", options.development,
                          Validity::of_days(options.ca_days));
    if (!issuer) return issuer.error();
    Pair pair{std::move(issuer->certificate), std::move(issuer->key)};
    if (auto written = write_pair(pki.path(ca_stem(ca)), pair); !written) return written.error();
    pki.issuers_.at(static_cast<std::size_t>(ca)) = {std::move(pair.certificate), std::move(pair.key)};
    const auto list = first_crl(pki.issuer(ca), options.crl_days);
    if (!list) return list.error();
    if (auto w = os::write_file_atomic(pki.path(crl_path(ca)), *list, kPublic); !w) return w.error();
  }
  return pki;
}

Result<Pki> Pki::open(const std::string& dir) {
  Pki pki(std::filesystem::absolute(dir).lexically_normal().string());
  for (const Ca ca : kAllCas) {
    auto issuer = read_issuer(pki.path(ca_stem(ca) + ".crt"), pki.path(ca_stem(ca) + ".key"));
    if (!issuer) return std::move(issuer).error().with("no PKI folder at " + pki.dir_);
    pki.issuers_.at(static_cast<std::size_t>(ca)) = std::move(issuer).value();
  }
  return pki;
}

Result<void> Pki::issue(Ca ca, const std::string& stem, const LeafProfile& profile) {
  if (!valid_file_name(profile.common_name)) return bad_name(profile.common_name);
  const auto pair = issue_leaf(issuer(ca), profile);
  if (!pair) return pair.error();
  return write_pair(path(stem), *pair);
}

Result<void> Pki::issue_vehicle(const std::string& id, const std::string& cohort, int days) {
  if (!cohort.empty() && !identity::valid_id(cohort)) return bad_name(cohort);
  LeafProfile profile = client_profile(id, "urn:vin:" + id, days);
  profile.cohort = cohort;
  return issue(Ca::vehicles, "vehicles/" + id, profile);
}

Result<void> Pki::issue_service(const std::string& name, int days) {
  return issue(Ca::services, "services/" + name, client_profile(name, "urn:wayside:svc:" + name, days));
}

Result<void> Pki::issue_site(const std::string& kind, const std::string& name, const std::vector<std::string>& names,
                             int days) {
  const std::string stem = kind + "/" + name;
  if (auto issued = issue(Ca::links, stem + "/server", server_profile(name, names, days)); !issued) return issued;
  return issue(Ca::links, stem + "/link", client_profile(name, "urn:wayside:" + kind + ":" + name, days));
}

Result<void> Pki::issue_edge(const std::string& name, const std::vector<std::string>& names, int days) {
  return issue_site("edge", name, names, days);
}

Result<void> Pki::issue_core(const std::string& name, const std::vector<std::string>& names, int days) {
  return issue_site("core", name, names, days);
}

Result<void> Pki::issue_server(const std::string& name, const std::vector<std::string>& names, int days) {
  return issue(Ca::links, "servers/" + name, server_profile(name, names, days));
}

Result<void> Pki::write_crl(Ca ca, const X509* revoke) {
  const auto disk = os::make_posix_disk();
  const auto lock = disk->lock(path("pki.lock"));
  if (!lock) return lock.error();
  const auto before = os::read_file(path(crl_path(ca)));
  if (!before) return before.error();
  const auto list = next_crl(issuer(ca), *before, revoke, crl_days_);
  if (!list) return list.error();
  return os::write_file_atomic(path(crl_path(ca)), *list, kPublic);
}

Result<void> Pki::revoke(const std::string& certificate_path) {
  const auto certificate = read_certificate((std::filesystem::path(dir_) / certificate_path).string());
  if (!certificate) return certificate.error();
  for (const Ca ca : kAllCas) {
    const bool ours = X509_verify(certificate->get(), issuer(ca).key.get()) == 1;
    ERR_clear_error();
    if (ours && X509_check_ca(certificate->get()) == 0) {
      return write_crl(ca, certificate->get());
    }
  }
  return Error{Fault::config, certificate_path + " was not issued by a CA of this folder"};
}

Result<void> Pki::renew_crl(Ca ca) { return write_crl(ca, nullptr); }

Result<CrlInfo> Pki::crl(Ca ca) const {
  const auto text = os::read_file(path(crl_path(ca)));
  if (!text) return text.error();
  return read_crl(*text);
}

Result<std::vector<CertificateInfo>> Pki::show() const { return show_certificates(*this); }

}  // namespace wayside::certs
