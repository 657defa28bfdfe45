// PEM files that hold several of a kind: a bundle of certificates, revocation lists. All of them are whole or none is
// taken: a file that was cut short must not pass for a shorter one.
#pragma once

#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "common/result.h"

namespace wayside::identity {

using X509Owned = std::unique_ptr<X509, void (*)(X509*)>;
using CrlOwned = std::unique_ptr<X509_CRL, void (*)(X509_CRL*)>;

inline constexpr std::size_t kPemBytesMax = 4U << 20U;

// In the order of `text`; Fault::malformed when there is none, or one that is not whole.
Result<std::vector<X509Owned>> certificates_of(const std::string& text);
Result<std::vector<CrlOwned>> crls_of(const std::string& text);

}  // namespace wayside::identity
