// The certificates that Wayside issues: what is in them, and nothing about where they lie (certs/pki.h).
// CAs and leaves are P-256; a CA issues leaves only (pathlen 0).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "certs/openssl.h"
#include "common/result.h"

namespace wayside::certs {

inline constexpr const char* kCohortOid = "1.3.6.1.4.1.59999.1.1";
inline constexpr const char* kDevelopmentOid = "1.3.6.1.4.1.59999.1.2";
inline constexpr const char* kDevelopmentText = "wayside development CA";
inline constexpr std::int64_t kDayS = 86'400;

// Seconds relative to the wall clock. Backdated a little: a car's clock may be behind.
struct Validity {
  std::int64_t from_s = -300;
  std::int64_t to_s = 90 * kDayS;
  static Validity of_days(int days) { return {-300, days * kDayS}; }
};

struct LeafProfile {
  std::string common_name;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;  // IPv4 or IPv6 text
  std::string cohort;                  // extension kCohortOid when not empty
  bool client = false;                 // EKU clientAuth
  bool server = false;                 // EKU serverAuth
  Validity validity;
};

struct Issuer {
  Certificate certificate;
  Key key;
};
struct Pair {
  Certificate certificate;
  Key key;
  [[nodiscard]] std::string certificate_pem() const;
  [[nodiscard]] std::string key_pem() const;
};

Result<Issuer> make_ca(const std::string& common_name, bool development, const Validity& validity);
Result<Pair> issue_leaf(const Issuer& issuer, const LeafProfile& profile);

std::string certificate_pem(const X509* certificate);
std::string key_pem(EVP_PKEY* key);
Result<Certificate> read_certificate(const std::string& path);
Result<Issuer> read_issuer(const std::string& certificate_path, const std::string& key_path);
std::string serial_hex(const ASN1_INTEGER* serial);

}  // namespace wayside::certs
