#include "broker/proxyheader/header.h"

#include <algorithm>
#include <array>

#include "spool/crc32c.h"

namespace wayside::broker::proxyheader {
namespace {

constexpr std::array<std::uint8_t, 12> kSignature = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                                     0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};
constexpr std::size_t kCommandAt = 12;
constexpr std::size_t kFamilyAt = 13;
constexpr std::size_t kLengthAt = 14;
constexpr std::size_t kFixedBytes = 16;
constexpr std::uint8_t kLocal = 0x20;
constexpr std::uint8_t kProxy = 0x21;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;
constexpr std::size_t kPortBytes = 2;
constexpr std::size_t kTlvHeadBytes = 3;
constexpr std::uint8_t kTlvCrc32c = 0x03;
constexpr std::size_t kCrcBytes = 4;

std::uint16_t u16(ByteView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

// 0: no family that is spoken here.
std::size_t address_bytes(std::uint8_t family) {
  if (family == kTcp4) return 4;
  return family == kTcp6 ? 16 : 0;
}

// Of both ends.
std::size_t address_block_bytes(std::uint8_t family) { return 2 * (address_bytes(family) + kPortBytes); }

// What is there of the first sixteen bytes.
bool fixed_part_holds(ByteView bytes) {
  const ByteView signature = bytes.first(std::min(bytes.size(), kSignature.size()));
  if (!std::equal(signature.begin(), signature.end(), kSignature.begin())) return false;
  if (bytes.size() <= kCommandAt) return true;
  const std::uint8_t command = bytes[kCommandAt];
  if (command == kLocal) return true;
  if (command != kProxy) return false;
  return bytes.size() <= kFamilyAt || address_bytes(bytes[kFamilyAt]) != 0;
}

// Over the header with zeros in place of the checksum.
bool checksum_holds(ByteView header, std::size_t at) {
  constexpr std::array<std::uint8_t, kCrcBytes> kZeros{};
  std::uint32_t crc = spool::crc32c(0, header.first(at));
  crc = spool::crc32c(crc, kZeros);
  crc = spool::crc32c(crc, header.subspan(at + kCrcBytes));
  std::uint32_t said = 0;
  for (std::size_t i = 0; i < kCrcBytes; ++i) said = said << 8U | header[at + i];
  return crc == said;
}

bool tlvs_hold(ByteView header, std::size_t at) {
  while (at < header.size()) {
    if (header.size() - at < kTlvHeadBytes) return false;
    const std::uint8_t type = header[at];
    const std::size_t size = u16(header, at + 1);
    at += kTlvHeadBytes;
    if (size > header.size() - at) return false;
    if (type == kTlvCrc32c && (size != kCrcBytes || !checksum_holds(header, at))) return false;
    at += size;
  }
  return true;
}

}  // namespace

Decoded decode(ByteView bytes) {
  if (!fixed_part_holds(bytes)) return {Status::invalid, 0, {}};
  if (bytes.size() < kFixedBytes) return {};
  const std::size_t size = kFixedBytes + u16(bytes, kLengthAt);
  if (size > kHeaderBytesMax) return {Status::too_long, 0, {}};
  const bool local = bytes[kCommandAt] == kLocal;
  const std::size_t block = local ? 0 : address_block_bytes(bytes[kFamilyAt]);
  if (size < kFixedBytes + block) return {Status::invalid, 0, {}};
  if (bytes.size() < size) return {};
  if (local) return {Status::complete, size, {}};
  const ByteView header = bytes.first(size);
  if (!tlvs_hold(header, kFixedBytes + block)) return {Status::invalid, 0, {}};
  const std::size_t each = address_bytes(header[kFamilyAt]);
  return {Status::complete, size,
          Endpoint{address_of(header.subspan(kFixedBytes, each)), u16(header, kFixedBytes + 2 * each)}};
}

}  // namespace wayside::broker::proxyheader
