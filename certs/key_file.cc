#include "certs/key_file.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <filesystem>

#include "common/os/system.h"

namespace wayside::certs {
namespace {

constexpr std::size_t kKeyBytes = 32;  // a seed, or a public key

}  // namespace

Result<void> write_key(const std::string& stem, const intent::SigningKey& key) {
  if (std::filesystem::exists(stem + ".key")) return Error{Fault::exists, stem + ".key is there already"};
  std::string text = to_hex(key.seed()) + "\n";
  auto written = os::write_file_atomic(stem + ".key", text, 0600);
  OPENSSL_cleanse(text.data(), text.size());
  if (!written) return written;
  return os::write_file_atomic(stem + ".pub", to_hex(key.public_key()) + "\n", 0644);
}

Result<intent::SigningKey> read_key(const std::string& stem) {
  auto seed = os::read_hex_file(stem + ".key", kKeyBytes);
  if (!seed) return seed.error();
  auto key = intent::SigningKey::from_seed(*seed);
  OPENSSL_cleanse(seed->data(), seed->size());
  return key;
}

Result<intent::PublicKey> read_public_key(const std::string& path) {
  const auto bytes = os::read_hex_file(path, kKeyBytes);
  if (!bytes) return bytes.error();
  intent::PublicKey key{};
  std::ranges::copy(*bytes, key.begin());
  return key;
}

}  // namespace wayside::certs
