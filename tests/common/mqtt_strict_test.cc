// What a hostile or broken peer sends: each refused with its own status before anything takes effect.
#include <catch2/catch_test_macros.hpp>

#include "tests/common/mqtt_bytes.h"

namespace wayside::mqtt {
namespace {

DecodeStatus client_says(const Bytes& bytes, Version version = Version::v5) {
  return from_client(bytes, version).status;
}
DecodeStatus server_says(const Bytes& bytes, Version version = Version::v5) {
  return from_server(bytes, version).status;
}

constexpr auto kMalformed = DecodeStatus::malformed;
constexpr auto kProtocolError = DecodeStatus::protocol_error;
constexpr auto kComplete = DecodeStatus::complete;

Bytes connect_v5(const Bytes& properties, std::string_view payload = "0001 'c'", std::string_view flags = "02") {
  return framed(0x10, cat({wire("0004 'MQTT' 05"), wire(flags), wire("0000"), block(properties), wire(payload)}));
}
Bytes publish_v5(const Bytes& properties) { return framed(0x30, cat({wire("0001 't'"), block(properties)})); }

// A CONNECT body that both versions accept, each with another client id. As 3.1.1 it is an id of 0x0321
// bytes and a user name of 0x0101; as 5 it is 3 bytes of properties (Receive Maximum 0x3030), an id of
// 0x030F bytes and a user name of 0x010F that swallows the rest.
Bytes connect_of_two_readings(std::uint8_t level) {
  const Bytes id_v5 = cat({wire("030f"), Bytes(0x030F, 'a')});
  Bytes tail_v5 = cat({wire("010f"), Bytes(0x010F, 'b')});
  tail_v5[14] = tail_v5[15] = 0x01;  // 0x0321 bytes behind the first length: the 3.1.1 user name's own length
  return framed(0x10, cat({wire("0004 'MQTT'"), {level}, wire("82 003c"), wire("03 21 3030"), id_v5, tail_v5}));
}

TEST_CASE("mqtt: CONNECT level 0x85 is one unsupported level, not two readings with two client ids") {
  const Bytes as_v311 = connect_of_two_readings(4);
  const Bytes as_v5 = connect_of_two_readings(5);
  const Decoded v311 = from_client(as_v311);
  const Decoded v5 = from_client(as_v5);
  REQUIRE(v311.status == kComplete);
  REQUIRE(v5.status == kComplete);
  CHECK(std::get<Connect>(v311.packet).client_id.size() == 0x0321);
  CHECK(std::get<Connect>(v5.packet).client_id.size() == 0x030F);
  const Decoded both = from_client(connect_of_two_readings(0x85));
  CHECK(both.status == DecodeStatus::unsupported_level);
  CHECK(both.level == 0x85);
}

TEST_CASE("mqtt: levels 0x84, 0x83, 3, 6 and MQIsdp are unsupported and name their level") {
  for (const std::uint8_t level : Bytes{0x84, 0x83, 0x03, 0x06, 0x00, 0xFF}) {
    const Decoded decoded = from_client(framed(0x10, cat({wire("0004 'MQTT'"), {level}, wire("02 003c 0001 'c'")})));
    CHECK(decoded.status == DecodeStatus::unsupported_level);
    CHECK(decoded.level == level);
  }
  for (const std::uint8_t level : Bytes{0x03, 0x04, 0x05, 0x83}) {
    const Decoded decoded = from_client(framed(0x10, cat({wire("0006 'MQIsdp'"), {level}, wire("02 003c 0001 'c'")})));
    CHECK(decoded.status == DecodeStatus::unsupported_level);
    CHECK(decoded.level == level);
  }
  CHECK(client_says(framed(0x10, wire("0004 'mqtt' 04 02 003c 0001 'c'"))) == kMalformed);
  CHECK(client_says(framed(0x10, wire("0005 'MQTT' 00 04 02 003c 0001 'c'"))) == kMalformed);
}

TEST_CASE("mqtt: an overlong or five-byte Remaining Length is malformed as soon as it shows") {
  CHECK(client_says(wire("30 91 80 00")) == kMalformed);
  CHECK(client_says(wire("30 80 00")) == kMalformed);
  CHECK(client_says(wire("30 80 80 80 00")) == kMalformed);
  CHECK(client_says(wire("30 ff ff ff ff")) == kMalformed);
  CHECK(client_says(wire("30 80 80 80 80 01")) == kMalformed);
  CHECK(client_says(wire("30 80 80 80")) == DecodeStatus::need_more);
}

TEST_CASE("mqtt: a packet above the bound is too large from its header on, and one at the bound is not") {
  CHECK(decode(wire("30 ff ff ff 7f"), Version::v5, Role::server, 1000).status == DecodeStatus::too_large);
  const Bytes bytes = framed(0x30, wire("0001 't' 00 '0123456789'"));
  CHECK(decode(bytes, Version::v5, Role::server, bytes.size()).status == kComplete);
  CHECK(decode(bytes, Version::v5, Role::server, bytes.size() - 1).status == DecodeStatus::too_large);
}

TEST_CASE("mqtt: packets that only a server sends are a protocol error from a client, before their body is there") {
  for (const std::uint8_t first : Bytes{0x20, 0x90, 0xB0, 0xD0}) CHECK(client_says({first}) == kProtocolError);
  CHECK(client_says(wire("20 02 00 00")) == kProtocolError);       // CONNACK
  CHECK(client_says(wire("90 04 0001 00 00")) == kProtocolError);  // SUBACK
  CHECK(client_says(wire("d0 00")) == kProtocolError);             // PINGRESP
}

TEST_CASE("mqtt: packets that only a client sends are a protocol error from a server") {
  for (const std::uint8_t first : Bytes{0x10, 0x82, 0xA2, 0xC0}) CHECK(server_says({first}) == kProtocolError);
  CHECK(server_says({0xE0}, Version::v311) == kProtocolError);
}

TEST_CASE("mqtt: types 0 and, in 3.1.1, 15 and reserved flags are malformed from the first byte on") {
  CHECK(client_says({0x00}) == kMalformed);
  CHECK(client_says({0xF0}, Version::v311) == kMalformed);
  for (const std::uint8_t first : Bytes{0x11, 0x41, 0x52, 0x60, 0x61, 0x72, 0x80, 0x83, 0xA0, 0xC1, 0xE8, 0xF1}) {
    CHECK(client_says({first}) == kMalformed);
  }
}

TEST_CASE("mqtt: CONNECT flags that contradict each other are malformed") {
  const auto with_flags = [](const char* flags) {
    return framed(0x10, cat({wire("0004 'MQTT' 04"), wire(flags), wire("0000 0001 'c' 0001 'w' 0001 'p'")}));
  };
  CHECK(client_says(with_flags("06")) == kComplete);
  CHECK(client_says(with_flags("03")) == kMalformed);                          // reserved
  CHECK(client_says(with_flags("1e")) == kMalformed);                          // Will QoS 3
  CHECK(client_says(with_flags("0a")) == kMalformed);                          // Will QoS without a Will
  CHECK(client_says(with_flags("22")) == kMalformed);                          // Will Retain without a Will
  CHECK(client_says(with_flags("42")) == kMalformed);                          // password without user name
  CHECK(client_says(connect_v5({}, "0001 'c' 0001 'p'", "42")) == kComplete);  // which 5 allows
}

TEST_CASE("mqtt: bytes behind the last field are malformed") {
  CHECK(client_says(connect_v5({}, "0001 'c' 00")) == kMalformed);
  CHECK(client_says(wire("c0 01 00")) == kMalformed);
  CHECK(client_says(wire("40 03 0001 00"), Version::v311) == kMalformed);
  CHECK(client_says(wire("40 05 0001 00 00 00")) == kMalformed);
  CHECK(client_says(wire("e0 03 00 00 00")) == kMalformed);
  CHECK(client_says(wire("e0 01 00"), Version::v311) == kMalformed);
  CHECK(server_says(wire("20 03 00 00 00"), Version::v311) == kMalformed);
  CHECK(server_says(wire("b0 03 0001 00"), Version::v311) == kMalformed);
}

TEST_CASE("mqtt: a field that reaches beyond its packet is malformed, even when more bytes follow in the stream") {
  CHECK(client_says(cat({wire("30 03 0004 'a'"), wire("'bcd'")})) == kMalformed);
  CHECK(client_says(cat({wire("30 04 0001 't' 05"), wire("2300012300")})) == kMalformed);
  CHECK(client_says(wire("82 05 0001 00 0001")) == kMalformed);
  CHECK(client_says(wire("30 00")) == kMalformed);
  CHECK(client_says(wire("40 01 00")) == kMalformed);
}

TEST_CASE("mqtt: a property twice is a protocol error") {
  CHECK(client_says(publish_v5(wire("23 0001 23 0001"))) == kProtocolError);
  CHECK(client_says(connect_v5(wire("21 0001 21 0001"))) == kProtocolError);
  CHECK(client_says(framed(0x82, cat({wire("0001"), block(wire("0b 01 0b 02")), wire("0001 'a' 00")}))) ==
        kProtocolError);
}

TEST_CASE("mqtt: a property in the wrong packet, or of no known kind, is malformed") {
  CHECK(client_says(publish_v5(wire("21 0001"))) == kMalformed);
  CHECK(client_says(connect_v5(wire("23 0001"))) == kMalformed);
  CHECK(client_says(connect_v5(wire("12 0001 'i'"))) == kMalformed);
  CHECK(client_says(publish_v5(wire("7f 00"))) == kMalformed);
  CHECK(client_says(publish_v5(wire("a601 0001 'a' 0001 'b'"))) == kMalformed);  // 0x26 + 128: not a user property
  CHECK(client_says(publish_v5(wire("a600 0001 'a' 0001 'b'"))) == kMalformed);  // 0x26 in two bytes
  CHECK(client_says(publish_v5(wire("00"))) == kMalformed);
  CHECK(client_says(wire("e0 06 00 04 1c 0001 's'")) == kMalformed);  // Server Reference from a client
  CHECK(server_says(wire("e0 07 00 05 11 00000000")) == kMalformed);  // Session Expiry from a server
}

TEST_CASE("mqtt: a property block that ends inside a property is malformed") {
  CHECK(client_says(framed(0x30, cat({wire("0001 't' 02 23 00"), wire("01 'payload'")}))) == kMalformed);
  CHECK(client_says(publish_v5(wire("26 0001 'a'"))) == kMalformed);
}

TEST_CASE("mqtt: property values that 5 forbids are protocol errors") {
  CHECK(client_says(publish_v5(wire("01 02"))) == kProtocolError);
  CHECK(client_says(publish_v5(wire("0b 00"))) == kProtocolError);
  CHECK(client_says(connect_v5(wire("21 0000"))) == kProtocolError);
  CHECK(client_says(connect_v5(wire("27 00000000"))) == kProtocolError);
  CHECK(client_says(connect_v5(wire("17 02"))) == kProtocolError);
  CHECK(client_says(connect_v5(wire("16 0001 00"))) == kProtocolError);  // data without a method
}

TEST_CASE("mqtt: a Topic Alias is shown as sent, zero included, and an empty topic needs one") {
  const Bytes zero = publish_v5(wire("23 0000"));
  const Decoded decoded = from_client(zero);
  REQUIRE(decoded.status == kComplete);
  CHECK(std::get<Publish>(decoded.packet).properties.topic_alias == 0);
  const Bytes by_alias = framed(0x30, cat({wire("0000"), block(wire("23 0003"))}));
  REQUIRE(client_says(by_alias) == kComplete);
  CHECK(client_says(framed(0x30, wire("0000 00"))) == kProtocolError);
  CHECK(client_says(framed(0x30, wire("0000")), Version::v311) == kProtocolError);
}

TEST_CASE("mqtt: a Subscription Identifier in a client's PUBLISH is shown to the caller, who refuses it") {
  const Bytes bytes = publish_v5(wire("0b 05"));
  const Decoded decoded = from_client(bytes);
  REQUIRE(decoded.status == kComplete);
  CHECK(std::get<Publish>(decoded.packet).properties.subscription_identifiers == std::vector<std::uint32_t>{5});
}

TEST_CASE("mqtt: PUBLISH with QoS 3, DUP without QoS or packet identifier 0 is refused") {
  CHECK(client_says(framed(0x36, wire("0001 't' 0001 00"))) == kMalformed);
  CHECK(client_says(framed(0x38, wire("0001 't' 00"))) == kMalformed);
  CHECK(client_says(framed(0x32, wire("0001 't' 0000 00"))) == kProtocolError);
  CHECK(client_says(wire("40 02 0000")) == kProtocolError);
  CHECK(client_says(wire("82 06 0000 0001 'a' 00"), Version::v311) == kProtocolError);
}

TEST_CASE("mqtt: one malformed filter makes the whole SUBSCRIBE malformed, with nothing of it to act on") {
  const Decoded decoded = from_client(wire("82 0d 0001 0003 'own' 01 0002 c0af 01"), Version::v311);
  CHECK(decoded.status == kMalformed);
  CHECK_FALSE(std::holds_alternative<Subscribe>(decoded.packet));
}

TEST_CASE("mqtt: SUBSCRIBE without filters or with impossible options is refused") {
  CHECK(client_says(wire("82 02 0001"), Version::v311) == kProtocolError);
  CHECK(client_says(wire("82 03 0001 00")) == kProtocolError);
  CHECK(client_says(wire("a2 03 0001 00")) == kProtocolError);
  CHECK(client_says(wire("82 07 0001 00 0001 'a' 03")) == kProtocolError);  // QoS 3
  CHECK(client_says(wire("82 07 0001 00 0001 'a' 30")) == kProtocolError);  // Retain Handling 3
  CHECK(client_says(wire("82 07 0001 00 0001 'a' 40")) == kMalformed);      // reserved
  CHECK(client_says(wire("82 06 0001 0001 'a' 04"), Version::v311) == kMalformed);
  CHECK(client_says(framed(0x82, wire("0001 00 000a '$share/g/a' 04"))) == kProtocolError);  // No Local, shared
}

TEST_CASE("mqtt: reason codes that the packet does not know are protocol errors") {
  CHECK(client_says(wire("40 03 0001 92")) == kProtocolError);
  CHECK(client_says(wire("62 03 0001 97")) == kProtocolError);
  CHECK(client_says(wire("e0 01 8b")) == kProtocolError);  // only a server is shutting down
  CHECK(server_says(wire("e0 01 8b")) == kComplete);
  CHECK(server_says(wire("e0 01 04")) == kProtocolError);  // only a client has a Will
  CHECK(server_says(wire("20 03 00 92 00")) == kProtocolError);
  CHECK(server_says(wire("20 02 00 06"), Version::v311) == kProtocolError);
  CHECK(server_says(wire("20 03 01 87 00")) == kProtocolError);  // Session Present in a refusal
  CHECK(server_says(wire("90 03 0001 03"), Version::v311) == kProtocolError);
  CHECK(client_says(wire("f0 06 00 04 15 0001 'm'")) == kProtocolError);
  CHECK(client_says(wire("f0 02 18 00")) == kProtocolError);  // no method
}

Bytes publish_topic(const Bytes& topic) {
  Bytes body = {static_cast<std::uint8_t>(topic.size() >> 8U), static_cast<std::uint8_t>(topic.size())};
  body.insert(body.end(), topic.begin(), topic.end());
  Bytes out = {0x30};
  std::size_t length = body.size();
  for (; length > 127; length /= 128) out.push_back(static_cast<std::uint8_t>(length % 128 | 0x80U));
  out.push_back(static_cast<std::uint8_t>(length));
  return cat({out, body});
}

TEST_CASE("mqtt: U+0000, surrogates, overlong forms and what lies beyond Unicode are malformed anywhere in a string") {
  for (const char* bad : {"00", "eda080", "edbfbf", "c080", "c1bf", "e08080", "f0808080", "f4908080", "f5808080", "80",
                          "ff", "c3", "e282", "f09f98"}) {
    for (const char* prefix : {"", "'a'", "'0123456'", "'01234567'", "'0123456789abcdef'", "c3a4"}) {
      for (const char* suffix : {"", "'z'", "'0123456789'"}) {
        CAPTURE(bad, prefix, suffix);
        CHECK(client_says(publish_topic(cat({wire(prefix), wire(bad), wire(suffix)})), Version::v311) == kMalformed);
      }
    }
  }
  CHECK(client_says(publish_v5(wire("26 0001 00 0001 'v'"))) == kMalformed);
  CHECK(client_says(connect_v5({}, "0003 eda080")) == kMalformed);
}

TEST_CASE("mqtt: well-formed strings of every length class pass the codec") {
  for (const char* good :
       {"7f", "01", "c280", "dfbf", "e0a080", "ed9fbf", "ee8080", "efbfbf", "f0908080", "f48fbfbf"}) {
    CAPTURE(good);
    CHECK(client_says(publish_topic(cat({wire("'01234567'"), wire(good), wire("'x'")})), Version::v311) == kComplete);
  }
}

TEST_CASE("mqtt: a topic of 65,535 slashes is a string like any other here; the topic grammar refuses it") {
  const Bytes bytes = publish_topic(Bytes(65535, '/'));
  const Decoded decoded = from_client(bytes, Version::v311);
  REQUIRE(decoded.status == kComplete);
  CHECK(std::get<Publish>(decoded.packet).topic.size() == 65535);
}

}  // namespace
}  // namespace wayside::mqtt
