// Certificate revocation lists: the list itself is the register of what is revoked, its crlNumber rises
// with every signing (the edge refuses a lower one).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "certs/profile.h"

namespace wayside::certs {

struct CrlInfo {
  std::uint64_t number = 0;
  std::string next_update;           // RFC 3339 UTC
  std::vector<std::string> serials;  // hex, as in the list
};

// A first, empty list with crlNumber 1.
Result<std::string> first_crl(const Issuer& issuer, int days);
// The list of `crl_pem` with `revoke` added (nullptr: only a new date), crlNumber one higher, signed anew.
// Revoking what is revoked already is Fault::exists.
Result<std::string> next_crl(const Issuer& issuer, const std::string& crl_pem, const X509* revoke, int days);
Result<CrlInfo> read_crl(const std::string& crl_pem);

}  // namespace wayside::certs
