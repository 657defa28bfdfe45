// Ed25519 keys as files: 64 hex digits and a newline; `<stem>.key` holds the seed (0600), `<stem>.pub` the
// public key. Also read by the processes that only need a public key.
#pragma once

#include <string>

#include "common/result.h"
#include "intent/signed.h"

namespace wayside::certs {

Result<void> write_key(const std::string& stem, const intent::SigningKey& key);  // Fault::exists: never overwrites
Result<intent::SigningKey> read_key(const std::string& stem);
Result<intent::PublicKey> read_public_key(const std::string& path);

}  // namespace wayside::certs
