// The PROXY v2 header: what is one, byte by byte, and what is not.
#include <catch2/catch_test_macros.hpp>

#include "broker/proxyheader/header.h"
#include "spool/crc32c.h"
#include "tests/broker/support/proxy_header.h"

namespace wayside::broker::proxyheader {
namespace {

using test::append_tlv;
using test::proxy_header;
using test::proxy_local;
using test::set_proxy_length;

Status status_of(ByteView bytes) { return decode(bytes).status; }

// As decode() must judge it whatever part of it is there: need_more until it can know better.
Status after_each_byte(const Bytes& bytes) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Decoded part = decode(ByteView(bytes).first(size));
    if (part.status != Status::need_more) return part.status;
  }
  return decode(bytes).status;
}

Bytes with_checksum(Bytes header) {
  append_tlv(header, 0x03, Bytes(4, 0));
  const std::uint32_t crc = spool::crc32c(0, header);
  for (std::size_t i = 0; i < 4; ++i) header[header.size() - 4 + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
  return header;
}

}  // namespace

TEST_CASE("a header of TCP over IPv4 or IPv6 tells the source, and what is behind it is not ours") {
  for (const char* source : {"192.0.2.7", "2001:db8::7"}) {
    Bytes bytes = proxy_header(source, 40'001);
    const std::size_t size = bytes.size();
    bytes.insert(bytes.end(), {0x16, 0x03, 0x01});
    const Decoded decoded = decode(bytes);
    REQUIRE(decoded.status == Status::complete);
    CHECK(decoded.consumed == size);
    REQUIRE(decoded.source);
    CHECK(to_string(decoded.source->address) == source);
    CHECK(decoded.source->port == 40'001);
  }
}

TEST_CASE("a header that comes byte by byte is waited for and then understood") {
  const Bytes bytes = proxy_header("192.0.2.7", 40'001);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK(status_of(ByteView(bytes).first(size)) == Status::need_more);
  }
  CHECK(status_of(bytes) == Status::complete);
}

TEST_CASE("LOCAL of any family tells no source and is passed over whole") {
  for (const int family : {0x00, 0x11, 0x21, 0x31, 0xFF}) {
    Bytes bytes = proxy_local(static_cast<std::uint8_t>(family));
    CHECK(status_of(bytes) == Status::complete);
    bytes.insert(bytes.end(), {1, 2, 3, 4, 5});
    set_proxy_length(bytes, 5);
    const Decoded decoded = decode(bytes);
    CHECK(decoded.status == Status::complete);
    CHECK(decoded.consumed == bytes.size());
    CHECK_FALSE(decoded.source);
  }
}

TEST_CASE("unknown TLVs are passed over, TLVs whose lengths lie are none") {
  Bytes bytes = proxy_header("192.0.2.7", 1);
  append_tlv(bytes, 0x20, Bytes(40, 0xAB));  // what a balancer says of a TLS of its own proves nothing here
  append_tlv(bytes, 0xEE, {});
  append_tlv(bytes, 0x04, Bytes(7, 0));
  CHECK(after_each_byte(bytes) == Status::complete);
  Bytes longer = bytes;
  longer[longer.size() - 8] = 8;  // one more than there is
  CHECK(status_of(longer) == Status::invalid);
  Bytes rest = bytes;
  rest.insert(rest.end(), {0x04, 0x00});  // no room for a length
  set_proxy_length(rest, rest.size() - 16);
  CHECK(status_of(rest) == Status::invalid);
}

TEST_CASE("a checksum that is there must be right") {
  Bytes bytes = with_checksum(proxy_header("192.0.2.7", 1));
  CHECK(status_of(bytes) == Status::complete);
  Bytes other = bytes;
  other[16] ^= 1U;  // another source
  CHECK(status_of(other) == Status::invalid);
  Bytes shorter = proxy_header("192.0.2.7", 1);
  append_tlv(shorter, 0x03, Bytes(3, 0));
  CHECK(status_of(shorter) == Status::invalid);
}

TEST_CASE("what is no header of version 2 is refused with the first byte that tells") {
  CHECK(status_of(as_bytes("P")) == Status::invalid);
  CHECK(status_of(as_bytes("PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n")) == Status::invalid);
  CHECK(status_of(Bytes{0x16}) == Status::invalid);  // TLS
  for (std::size_t at = 0; at < 12; ++at) {
    Bytes bytes = proxy_header("192.0.2.7", 1);
    bytes[at] ^= 0x01U;
    INFO(at);
    CHECK(status_of(ByteView(bytes).first(at + 1)) == Status::invalid);
  }
}

TEST_CASE("other versions, commands, families and transports are refused") {
  for (const int command : {0x01, 0x11, 0x31, 0x22, 0x2F, 0xF1}) {
    Bytes bytes = proxy_header("192.0.2.7", 1);
    bytes[12] = static_cast<std::uint8_t>(command);
    CHECK(status_of(ByteView(bytes).first(13)) == Status::invalid);
  }
  for (const int family : {0x00, 0x01, 0x10, 0x12, 0x20, 0x22, 0x31, 0x32, 0x41, 0xFF}) {
    Bytes bytes = proxy_header("192.0.2.7", 1);
    bytes[13] = static_cast<std::uint8_t>(family);
    CHECK(status_of(ByteView(bytes).first(14)) == Status::invalid);
  }
}

TEST_CASE("a length below the addresses is a lie, and one above 536 bytes in all is too long, as soon as it is said") {
  Bytes bytes = proxy_header("192.0.2.7", 1);
  set_proxy_length(bytes, 11);
  CHECK(status_of(ByteView(bytes).first(16)) == Status::invalid);
  bytes = proxy_header("2001:db8::7", 1);
  set_proxy_length(bytes, 35);
  CHECK(status_of(ByteView(bytes).first(16)) == Status::invalid);
  for (const std::size_t length : {521UL, 65'535UL}) {
    set_proxy_length(bytes, length);
    CHECK(status_of(ByteView(bytes).first(16)) == Status::too_long);
    Bytes local = proxy_local(0);
    set_proxy_length(local, length);
    CHECK(status_of(local) == Status::too_long);
  }
}

TEST_CASE("the longest header of 536 bytes is understood") {
  Bytes bytes = proxy_header("192.0.2.7", 1);
  append_tlv(bytes, 0x04, Bytes(kHeaderBytesMax - bytes.size() - 3, 0));
  REQUIRE(bytes.size() == kHeaderBytesMax);
  const Decoded decoded = decode(bytes);
  CHECK(decoded.status == Status::complete);
  CHECK(decoded.consumed == kHeaderBytesMax);
}

}  // namespace wayside::broker::proxyheader
