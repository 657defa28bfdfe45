#include "common/types.h"

#include "common/result.h"

namespace wayside {
namespace {

constexpr std::array<const char*, kLanes> kLaneNames = {"command", "ack", "event", "state", "bulk"};
constexpr char kHex[] = "0123456789abcdef";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

const char* to_string(Fault fault) {
  switch (fault) {
    case Fault::io: return "io";
    case Fault::no_space: return "no_space";
    case Fault::not_found: return "not_found";
    case Fault::exists: return "exists";
    case Fault::corrupt: return "corrupt";
    case Fault::malformed: return "malformed";
    case Fault::unsupported: return "unsupported";
    case Fault::denied: return "denied";
    case Fault::unreachable: return "unreachable";
    case Fault::timeout: return "timeout";
    case Fault::config: return "config";
    case Fault::locked: return "locked";
    case Fault::internal: return "internal";
  }
  return "internal";
}

const char* to_string(Lane lane) { return kLaneNames.at(index_of(lane)); }

bool parse_lane(std::string_view text, Lane& out) {
  for (Lane lane : kAllLanes) {
    if (text == to_string(lane)) {
      out = lane;
      return true;
    }
  }
  return false;
}

std::string to_hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::uint8_t byte : bytes) {
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
  return out;
}

bool from_hex(std::string_view text, Bytes& out) {
  if (text.size() % 2 != 0) return false;
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  out = std::move(bytes);
  return true;
}

std::string to_string(const Digest& digest) { return to_hex(digest.bytes); }

std::string to_string(const SpoolUuid& uuid) {
  const std::string hex = to_hex(uuid.bytes);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

bool parse_spool_uuid(std::string_view text, SpoolUuid& out) {
  if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return false;
  std::string hex;
  for (char c : text) {
    if (c != '-') hex += c;
  }
  Bytes bytes;
  if (hex.size() != 32 || !from_hex(hex, bytes)) return false;
  for (std::size_t i = 0; i < 16; ++i) out.bytes[i] = bytes[i];
  return true;
}

std::string wayside_id(const SpoolUuid& uuid, Lane lane, Offset offset) {
  return to_string(uuid) + "/" + to_string(lane) + "/" + std::to_string(offset.value);
}

}  // namespace wayside
