#include "bridge/core/seal.h"

#include "bridge/core/wire.h"

namespace wayside::bridge::core {
namespace {

constexpr std::size_t kChecksumBytes = 8;

std::uint64_t checksum(ByteView bytes) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001B3ULL;
  return hash;
}

}  // namespace

void seal(Bytes& bytes) { WireWriter(bytes).number(checksum(bytes), kChecksumBytes); }

std::optional<ByteView> unseal(ByteView bytes, std::string_view magic) {
  if (bytes.size() < magic.size() + kChecksumBytes) return std::nullopt;
  const ByteView body = bytes.first(bytes.size() - kChecksumBytes);
  if (WireReader(bytes.last(kChecksumBytes)).number(kChecksumBytes) != checksum(body)) return std::nullopt;
  if (as_text(body.first(magic.size())) != magic) return std::nullopt;
  return body;
}

}  // namespace wayside::bridge::core
