// Who a peer is, from its X.509 leaf (design section 1). OpenSSL 3.0.
#pragma once

#include <openssl/x509.h>

#include <string>
#include <string_view>

#include "common/reasons.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::identity {

enum class Source : std::uint8_t { san_uri, san_dns, cn };

struct Rule {
  Source source = Source::san_uri;
  std::string uri_prefix = "urn:vin:";  // of san_uri
  bool vin = true;                      // ISO 3779: 17 of A-HJ-NPR-Z0-9; else 1..64 of A-Za-z0-9._-
};
bool valid_vin(std::string_view id);
bool valid_id(std::string_view id);

// Exactly one id, by exactly one SAN entry of the configured kind; no escapes, queries or NULs.
// Refuses CERTIFICATE_IDENTITY. Does not verify the chain.
Outcome<std::string> identity_of(const X509* leaf, const Rule& rule);

// Key type and size: P-256, P-384 (named curves only), Ed25519, RSA 2048..4096; EKU holds `clientAuth`
// (anyEKU is not enough); not a CA. Refuses CERTIFICATE_KEY or CERTIFICATE_INVALID.
Outcome<void> leaf_allowed(const X509* leaf, bool client);

// Extension 1.3.6.1.4.1.59999.1.1 (UTF8String), 1..64 of A-Za-z0-9._-; empty when absent or invalid.
std::string cohort_of(const X509* leaf);

// How its issuer names it, for operators: the serial number in hex; the issuer as RFC 2253 has it, control and
// non-ASCII characters escaped, cut at 256 bytes.
std::string serial_of(const X509* leaf);
std::string issuer_of(const X509* leaf);

std::array<std::uint8_t, 32> leaf_hash(const X509* leaf);  // SHA-256 of the DER
WallMs not_after(const X509* leaf);
// Of the first certificate in a PEM file.
Result<WallMs> not_after_in(const std::string& path);
WallMs wall_of(const ASN1_TIME* time);  // {0}: it does not parse

// Development CAs carry extension 1.3.6.1.4.1.59999.1.2 ("wayside development CA"): a production
// configuration refuses them.
bool is_development_ca(const X509* ca);

// "veh:" + 10 hex digits of HMAC-SHA-256 under the region key (P12). The only form in logs and metrics.
std::string tag(ByteView region_key, std::string_view vehicle);

}  // namespace wayside::identity
