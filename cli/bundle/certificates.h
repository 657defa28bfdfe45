// Certificates and revocation lists as figures: whose they are is not told, what they are worth is.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"

namespace wayside::cli {

struct CertificateFacts {
  std::string serial;  // hex
  std::string issuer;  // RFC 2253
  std::string not_before;
  std::string not_after;  // RFC 3339
  std::string sha256;     // of the DER, "AB:CD:..."
};
struct RevocationFacts {
  std::string number;  // hex; empty: it has none
  std::string issuer;
  std::string last_update;
  std::string next_update;
};
struct PemFacts {
  std::vector<CertificateFacts> certificates;
  std::vector<RevocationFacts> revocation_lists;
};

// Of everything of these two kinds in a PEM file; what else is in it is not looked at.
Result<PemFacts> read_pem(const std::string& path);

}  // namespace wayside::cli
