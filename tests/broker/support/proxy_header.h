// PROXY v2 headers as balancers write them, and as nobody should.
#pragma once

#include <string_view>

#include "broker/proxyheader/address.h"
#include "common/types.h"

namespace wayside::test {

inline constexpr std::size_t kProxyFixedBytes = 16;

inline void set_proxy_length(Bytes& header, std::size_t length) {
  header[14] = static_cast<std::uint8_t>(length >> 8U);
  header[15] = static_cast<std::uint8_t>(length & 0xFFU);
}

// PROXY, TCP of the family of `source`; the destination is the same address, port 8883.
inline Bytes proxy_header(std::string_view source, std::uint16_t port) {
  const broker::proxyheader::IpAddress address = broker::proxyheader::parse_ip(source).value();
  const ByteView bytes = ByteView(address.bytes).subspan(address.v4() ? 12 : 0);
  Bytes header = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x00, 0x00, 0x00};
  header[13] = address.v4() ? 0x11 : 0x21;
  for (int end = 0; end < 2; ++end) header.insert(header.end(), bytes.begin(), bytes.end());
  for (const std::uint16_t one : {port, std::uint16_t{8883}}) {
    header.push_back(static_cast<std::uint8_t>(one >> 8U));
    header.push_back(static_cast<std::uint8_t>(one & 0xFFU));
  }
  set_proxy_length(header, header.size() - kProxyFixedBytes);
  return header;
}

inline Bytes proxy_local(std::uint8_t family) {
  return {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x20, family, 0x00, 0x00};
}

inline void append_tlv(Bytes& header, std::uint8_t type, const Bytes& value) {
  header.push_back(type);
  header.push_back(static_cast<std::uint8_t>(value.size() >> 8U));
  header.push_back(static_cast<std::uint8_t>(value.size() & 0xFFU));
  header.insert(header.end(), value.begin(), value.end());
  set_proxy_length(header, header.size() - kProxyFixedBytes);
}

}  // namespace wayside::test
