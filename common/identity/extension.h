// Our own X.509 extensions: each a DER UTF8String under the project's arc.
#pragma once

#include <openssl/x509.h>

#include <optional>
#include <string>

namespace wayside::identity {

inline constexpr const char* kCohortOid = "1.3.6.1.4.1.59999.1.1";
inline constexpr const char* kDevelopmentOid = "1.3.6.1.4.1.59999.1.2";

bool has_extension(const X509* certificate, const char* oid);
// Its text; nullopt when absent, there twice, or not exactly one UTF8String.
std::optional<std::string> utf8_extension(const X509* certificate, const char* oid);

}  // namespace wayside::identity
