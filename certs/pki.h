// The PKI folder: three CAs and what they issue, as files that every process of Wayside reads (PEM).
//
//   ca/{vehicles,services,links}.{crt,key}   crl/{vehicles,services,links}.crl   region.key
//   vehicles/<id>.{crt,key}                  SAN urn:vin:<id>, clientAuth, cohort
//   services/<name>.{crt,key}                CN = name, SAN urn:wayside:svc:<name>, clientAuth
//   edge/<name>/{server,link}.{crt,key}      server: serverAuth, localhost and given names; link: clientAuth,
//   core/<name>/{server,link}.{crt,key}      CN = name, SAN urn:wayside:{edge,core}:<name>
//   servers/<name>.{crt,key}                 serverAuth alone
//
// Private keys are written 0600. A production CA lies elsewhere: this folder is for development, drills and
// small fleets; the gate takes leaves of any CA that follows the same profile.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "certs/crl.h"
#include "certs/profile.h"

namespace wayside::certs {

enum class Ca : std::uint8_t { vehicles, services, links };
inline constexpr std::array<Ca, 3> kAllCas = {Ca::vehicles, Ca::services, Ca::links};
const char* to_string(Ca ca);

struct PkiOptions {
  bool development = false;  // CAs carry the marker that a production configuration refuses
  int ca_days = 3'650;
  int crl_days = 30;
};

struct CertificateInfo {
  std::string path;  // relative to the folder
  std::string subject;
  std::vector<std::string> names;  // "URI:urn:vin:…", "DNS:localhost", …
  std::string serial;              // hex
  std::string not_after;           // RFC 3339 UTC
  std::string cohort;
  bool ca = false;
  bool development = false;
  bool revoked = false;
};

// Owns     the issuing keys in memory.
// Thread   one.
// Durable  every file is written to a temporary name, synced and renamed; revoke() holds <dir>/pki.lock.
// Limits   names and ids are 1..64 of [A-Za-z0-9._-].
class Pki {
 public:
  // Makes the folder. Fault::exists where a CA is already there: keys are never overwritten.
  static Result<Pki> init(const std::string& dir, const PkiOptions& options = {});
  static Result<Pki> open(const std::string& dir);

  // Issuing again replaces the pair: a renewal. The older certificate holds until it expires or is revoked.
  Result<void> issue_vehicle(const std::string& id, const std::string& cohort = {}, int days = 90);
  Result<void> issue_service(const std::string& name, int days = 90);
  Result<void> issue_edge(const std::string& name, const std::vector<std::string>& names = {}, int days = 90);
  Result<void> issue_core(const std::string& name, const std::vector<std::string>& names = {}, int days = 90);
  Result<void> issue_server(const std::string& name, const std::vector<std::string>& names = {}, int days = 90);

  // Adds the certificate at `path` (absolute, or relative to the folder) to the list of the CA that signed it.
  Result<void> revoke(const std::string& path);
  // Signs the CA's list anew: same entries, new dates, next number.
  Result<void> renew_crl(Ca ca);

  [[nodiscard]] Result<CrlInfo> crl(Ca ca) const;
  [[nodiscard]] Result<std::vector<CertificateInfo>> show() const;
  [[nodiscard]] const std::string& dir() const { return dir_; }
  [[nodiscard]] const Issuer& issuer(Ca ca) const { return issuers_.at(static_cast<std::size_t>(ca)); }

 private:
  explicit Pki(std::string dir) : dir_(std::move(dir)) {}
  [[nodiscard]] std::string path(const std::string& relative) const { return dir_ + "/" + relative; }
  Result<void> issue(Ca ca, const std::string& stem, const LeafProfile& profile);
  Result<void> issue_site(const std::string& kind, const std::string& name, const std::vector<std::string>& names,
                          int days);
  Result<void> write_crl(Ca ca, const X509* revoke);

  std::string dir_;
  std::array<Issuer, 3> issuers_;
  int crl_days_ = 30;
};

}  // namespace wayside::certs
