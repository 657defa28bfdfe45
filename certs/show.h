// What lies in a PKI folder, for people. Internal to certs/.
#pragma once

#include <vector>

#include "certs/pki.h"

namespace wayside::certs {

Result<std::vector<CertificateInfo>> show_certificates(const Pki& pki);

}  // namespace wayside::certs
