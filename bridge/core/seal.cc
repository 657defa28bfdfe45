#include "bridge/core/seal.h"

#include "bridge/core/wire.h"

namespace wayside::bridge::core {
namespace {

constexpr std::size_t kChecksumBytes = 8;

}  // namespace

void Checksum::put(Bytes& out) const { WireWriter(out).number(hash_, kChecksumBytes); }

void seal(Bytes& bytes) {
  Checksum checksum;
  checksum.add(bytes);
  checksum.put(bytes);
}

std::optional<ByteView> unseal(ByteView bytes, std::string_view magic) {
  if (bytes.size() < magic.size() + kChecksumBytes) return std::nullopt;
  const ByteView body = bytes.first(bytes.size() - kChecksumBytes);
  Checksum checksum;
  checksum.add(body);
  if (WireReader(bytes.last(kChecksumBytes)).number(kChecksumBytes) != checksum.value()) return std::nullopt;
  if (as_text(body.first(magic.size())) != magic) return std::nullopt;
  return body;
}

}  // namespace wayside::bridge::core
