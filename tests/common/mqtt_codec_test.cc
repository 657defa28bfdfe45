// Packets as the specification draws them, byte by byte, both ways. What a hostile peer sends is in
// mqtt_strict_test.cc.
#include <catch2/catch_test_macros.hpp>

#include "tests/common/mqtt_bytes.h"

namespace wayside::mqtt {
namespace {

// Keeps the bytes that the packet's views point into.
template <typename P>
struct Golden {
  Bytes bytes;
  P packet;
};

// Decodes, checks that all of it was taken, and that encoding gives the same bytes back.
template <typename P>
Golden<P> golden(const Bytes& bytes, Role role, Version version = Version::v5) {
  Golden<P> out{bytes, {}};
  const Decoded decoded = decode(out.bytes, version, role, kPacketBytesMax);
  INFO(decoded.what);
  REQUIRE(decoded.status == DecodeStatus::complete);
  CHECK(decoded.consumed == out.bytes.size());
  REQUIRE(std::holds_alternative<P>(decoded.packet));
  out.packet = std::get<P>(decoded.packet);
  CHECK(to_hex(encoded(out.packet, version)) == to_hex(out.bytes));
  return out;
}

TEST_CASE("mqtt: CONNECT of 3.1.1 with everything in it") {
  const auto g = golden<Connect>(
      framed(0x10, wire("0004 'MQTT' 04 f6 003c 0004 'cl-1' 0004 'w/t1' 0003 010203 0004 'user' 0004 'pass'")),
      Role::server, Version::v311);
  CHECK(g.packet.version == Version::v311);
  CHECK(g.packet.client_id == "cl-1");
  CHECK(g.packet.clean_start);
  CHECK(g.packet.keep_alive_s == 60);
  REQUIRE(g.packet.will);
  CHECK(g.packet.will->topic == "w/t1");
  CHECK(g.packet.will->qos == 2);
  CHECK(g.packet.will->retain);
  CHECK(to_hex(g.packet.will->payload) == "010203");
  CHECK(g.packet.username == "user");
  REQUIRE(g.packet.password);
  CHECK(as_text(*g.packet.password) == "pass");
}

TEST_CASE("mqtt: CONNECT of 5 with every property, and a Will with every property") {
  const Bytes properties =
      wire("11 0000000a 15 0001 'm' 16 0002 0102 17 00 19 01 21 0014 22 000b 27 00010000 26 0001 'k' 0001 'v'");
  const Bytes will = wire("01 01 02 00000005 03 0002 'ct' 08 0002 'rt' 09 0002 aabb 18 00000007 26 0001 'a' 0001 'b'");
  const auto g = golden<Connect>(framed(0x10, cat({wire("0004 'MQTT' 05 0c 0000"), block(properties), wire("0000"),
                                                   block(will), wire("0001 'w' 0001 'p'")})),
                                 Role::server);
  CHECK(g.packet.version == Version::v5);
  CHECK_FALSE(g.packet.clean_start);
  CHECK(g.packet.client_id.empty());
  const Properties& p = g.packet.properties;
  CHECK(p.session_expiry_s == 10U);
  CHECK(p.authentication_method == "m");
  CHECK(to_hex(*p.authentication_data) == "0102");
  CHECK(p.request_problem_information == 0);
  CHECK(p.request_response_information == 1);
  CHECK(p.receive_maximum == 20);
  CHECK(p.topic_alias_maximum == 11);
  CHECK(p.maximum_packet_size == 65536U);
  CHECK(p.user == UserProperties{{"k", "v"}});
  REQUIRE(g.packet.will);
  CHECK(g.packet.will->qos == 1);
  CHECK_FALSE(g.packet.will->retain);
  const Properties& w = g.packet.will->properties;
  CHECK(w.payload_format == 1);
  CHECK(w.message_expiry_s == 5U);
  CHECK(w.content_type == "ct");
  CHECK(w.response_topic == "rt");
  CHECK(to_hex(*w.correlation_data) == "aabb");
  CHECK(w.will_delay_s == 7U);
  CHECK(w.user == UserProperties{{"a", "b"}});
}

TEST_CASE("mqtt: CONNACK of both versions, with every property in 5") {
  const auto old = golden<Connack>(wire("20 02 01 00"), Role::client, Version::v311);
  CHECK(old.packet.session_present);
  CHECK(golden<Connack>(wire("20 02 00 05"), Role::client, Version::v311).packet.reason == 5);
  const Bytes properties = wire(
      "11 00000001 12 0001 'i' 13 0009 15 0001 'm' 16 0001 07 1a 0001 'r' 1c 0001 's' 1f 0001 'w' 21 0002 22 0003"
      " 24 01 25 00 27 00000400 28 01 29 00 2a 01 26 0001 'k' 0000");
  const auto g = golden<Connack>(framed(0x20, cat({wire("00 87"), block(properties)})), Role::client);
  const Properties& p = g.packet.properties;
  CHECK(g.packet.reason == 0x87);
  CHECK(p.session_expiry_s == 1U);
  CHECK(p.assigned_client_id == "i");
  CHECK(p.server_keep_alive_s == 9);
  CHECK(p.authentication_method == "m");
  CHECK(to_hex(*p.authentication_data) == "07");
  CHECK(p.response_information == "r");
  CHECK(p.server_reference == "s");
  CHECK(p.reason_string == "w");
  CHECK(p.receive_maximum == 2);
  CHECK(p.topic_alias_maximum == 3);
  CHECK(p.maximum_qos == 1);
  CHECK(p.retain_available == 0);
  CHECK(p.maximum_packet_size == 1024U);
  CHECK(p.wildcard_available == 1);
  CHECK(p.subscription_identifier_available == 0);
  CHECK(p.shared_available == 1);
  CHECK(p.user == UserProperties{{"k", ""}});
}

TEST_CASE("mqtt: PUBLISH of 3.1.1 in every quality of service") {
  auto g = golden<Publish>(wire("31 05 0003 'a/b'"), Role::server, Version::v311);
  CHECK(g.packet.retain);
  CHECK(g.packet.qos == 0);
  CHECK(g.packet.packet_id == 0);
  CHECK(g.packet.payload.empty());
  g = golden<Publish>(wire("3a 09 0003 'a/b' 0007 'hi'"), Role::server, Version::v311);
  CHECK(g.packet.dup);
  CHECK(g.packet.qos == 1);
  CHECK(g.packet.packet_id == 7);
  CHECK(g.packet.topic == "a/b");
  CHECK(as_text(g.packet.payload) == "hi");
  CHECK(golden<Publish>(wire("34 07 0003 'a/b' ffff"), Role::client, Version::v311).packet.packet_id == 65535);
}

TEST_CASE("mqtt: PUBLISH of 5 with every property, the repeatable ones twice") {
  const Bytes properties = wire(
      "01 00 02 00000001 03 0001 'c' 08 0001 'r' 09 0000 23 0005 0b 01 0b ffffff7f 26 0001 'k' 0001 'v' 26 0001 'k' "
      "0001 'w'");
  const auto g =
      golden<Publish>(framed(0x32, cat({wire("0001 't' 0001"), block(properties), wire("'x'")})), Role::client);
  const Properties& p = g.packet.properties;
  CHECK(p.payload_format == 0);
  CHECK(p.message_expiry_s == 1U);
  CHECK(p.content_type == "c");
  CHECK(p.response_topic == "r");
  REQUIRE(p.correlation_data);
  CHECK(p.correlation_data->empty());
  CHECK(p.topic_alias == 5);
  CHECK(p.subscription_identifiers == std::vector<std::uint32_t>{1, 268'435'455});
  CHECK(p.user == UserProperties{{"k", "v"}, {"k", "w"}});
  CHECK(as_text(g.packet.payload) == "x");
}

TEST_CASE("mqtt: acknowledgements of both versions, in every form that 5 allows") {
  for (const auto& [first, kind] : {std::pair{0x40, AckKind::puback}, std::pair{0x50, AckKind::pubrec},
                                    std::pair{0x62, AckKind::pubrel}, std::pair{0x70, AckKind::pubcomp}}) {
    const Bytes bare = framed(static_cast<std::uint8_t>(first), wire("0009"));
    CHECK(golden<Ack>(bare, Role::server, Version::v311).packet.kind == kind);
    CHECK(golden<Ack>(bare, Role::client).packet.packet_id == 9);
    CHECK(golden<Ack>(bare, Role::client).packet.reason == 0);
  }
  CHECK(golden<Ack>(wire("40 03 0009 97"), Role::client).packet.reason == 0x97);
  CHECK(golden<Ack>(wire("62 03 0009 92"), Role::client).packet.reason == 0x92);
  const auto g =
      golden<Ack>(framed(0x40, cat({wire("0009 87"), block(wire("1f 0002 'no' 26 0001 'a' 0001 'b'"))})), Role::client);
  CHECK(g.packet.properties.reason_string == "no");
  CHECK(g.packet.properties.user == UserProperties{{"a", "b"}});
  // Longer than we write it, and just as right (3.4.2.1).
  CHECK(from_server(wire("40 03 0009 00")).status == DecodeStatus::complete);
  CHECK(from_server(wire("40 04 0009 00 00")).status == DecodeStatus::complete);
}

TEST_CASE("mqtt: SUBSCRIBE and SUBACK of both versions") {
  auto g = golden<Subscribe>(wire("82 0e 000a 0003 'a/b' 01 0003 'c/d' 02"), Role::server, Version::v311);
  REQUIRE(g.packet.subscriptions.size() == 2);
  CHECK(g.packet.packet_id == 10);
  CHECK(g.packet.subscriptions[0].filter == "a/b");
  CHECK(g.packet.subscriptions[0].qos == 1);
  CHECK(g.packet.subscriptions[1].qos == 2);
  g = golden<Subscribe>(
      framed(0x82, cat({wire("000a"), block(wire("0b 8001 26 0001 'a' 0001 'b'")), wire("0001 '#' 2d")})),
      Role::server);
  CHECK(g.packet.properties.subscription_identifiers == std::vector<std::uint32_t>{128});
  REQUIRE(g.packet.subscriptions.size() == 1);
  CHECK(g.packet.subscriptions[0].qos == 1);
  CHECK(g.packet.subscriptions[0].no_local);
  CHECK(g.packet.subscriptions[0].retain_as_published);
  CHECK(g.packet.subscriptions[0].retain_handling == 2);
  CHECK(golden<Suback>(wire("90 04 000a 01 80"), Role::client, Version::v311).packet.reasons == Bytes{0x01, 0x80});
  CHECK(golden<Suback>(wire("90 05 000a 00 02 87"), Role::client).packet.reasons == Bytes{0x02, 0x87});
}

TEST_CASE("mqtt: UNSUBSCRIBE and UNSUBACK of both versions") {
  const auto g = golden<Unsubscribe>(wire("a2 0a 000a 0001 'a' 0003 'b/#'"), Role::server, Version::v311);
  CHECK(g.packet.filters == std::vector<std::string_view>{"a", "b/#"});
  CHECK(golden<Unsubscribe>(wire("a2 06 000a 00 0001 'a'"), Role::server).packet.filters.size() == 1);
  CHECK(golden<Unsuback>(wire("b0 02 000a"), Role::client, Version::v311).packet.reasons.empty());
  CHECK(golden<Unsuback>(wire("b0 05 000a 00 00 11"), Role::client).packet.reasons == Bytes{0x00, 0x11});
}

TEST_CASE("mqtt: pings, DISCONNECT and AUTH") {
  golden<Pingreq>(wire("c0 00"), Role::server, Version::v311);
  golden<Pingresp>(wire("d0 00"), Role::client);
  golden<Disconnect>(wire("e0 00"), Role::server, Version::v311);
  CHECK(golden<Disconnect>(wire("e0 00"), Role::server).packet.reason == 0);
  CHECK(golden<Disconnect>(wire("e0 01 04"), Role::server).packet.reason == 4);
  const auto expiry = golden<Disconnect>(wire("e0 07 00 05 11 00000000"), Role::server);
  CHECK(expiry.packet.properties.session_expiry_s == 0U);
  const auto moved = golden<Disconnect>(wire("e0 06 9d 04 1c 0001 's'"), Role::client);
  CHECK(moved.packet.properties.server_reference == "s");
  const auto auth = golden<Auth>(wire("f0 06 18 04 15 0001 'm'"), Role::server);
  CHECK(auth.packet.reason == 0x18);
  CHECK(auth.packet.properties.authentication_method == "m");
  golden<Auth>(wire("f0 00"), Role::client);
}

TEST_CASE("mqtt: a packet cut anywhere needs more and names its size once the header is there") {
  const Bytes bytes = framed(0x30, cat({wire("0003 'a/b'"), Bytes(200, 0x2A)}));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const Decoded decoded = decode(ByteView(bytes).first(cut), Version::v311, Role::server, kPacketBytesMax);
    CHECK(decoded.status == DecodeStatus::need_more);
    CHECK(decoded.need == (cut < 3 ? 0 : bytes.size()));
  }
}

TEST_CASE("mqtt: packets behind each other are taken one at a time") {
  const Bytes both = cat({wire("c0 00"), wire("e0 00")});
  const Decoded first = from_client(both);
  CHECK(std::holds_alternative<Pingreq>(first.packet));
  CHECK(first.consumed == 2);
  const Decoded second = from_client(Bytes(both.begin() + 2, both.end()));
  CHECK(std::holds_alternative<Disconnect>(second.packet));
}

TEST_CASE("mqtt: the encoder appends behind what is there and says how much") {
  Bytes out = {0xAA};
  CHECK(encode_publish({"t", as_bytes("x"), 0, false, false, 0, {}}, Version::v311, out) == 6);
  CHECK(encode_ack({AckKind::puback, 1, 0, {}}, Version::v311, out) == 4);
  CHECK(to_hex(out) ==
        "aa3004000174784002"
        "0001");
}

TEST_CASE("mqtt: an acknowledgement without properties is the same from either encoder") {
  for (const AckKind kind : {AckKind::puback, AckKind::pubrec, AckKind::pubrel, AckKind::pubcomp}) {
    for (const Version version : {Version::v311, Version::v5}) {
      for (const std::uint8_t reason : {std::uint8_t{0x00}, std::uint8_t{0x10}, std::uint8_t{0x97}}) {
        Bytes expected{1};
        Bytes plain{1};
        const std::size_t size = encode_ack({kind, 0xABCD, reason, {}}, version, expected);
        CHECK(encode_plain_ack(kind, 0xABCD, reason, version, plain) == size);
        CHECK(to_hex(plain) == to_hex(expected));
      }
    }
  }
}

TEST_CASE("mqtt: an object that is decoded into again keeps nothing of what it held") {
  Publish rich;
  rich.topic = "t";
  rich.payload = as_bytes("payload");
  rich.qos = 1;
  rich.packet_id = 7;
  rich.properties.message_expiry_s = 5;
  rich.properties.user = {{"a", "b"}};
  const Bytes first = encoded(rich, Version::v5);
  Publish plain;
  plain.topic = "u";
  const Bytes second = encoded(plain, Version::v5);
  Decoded decoded;
  decode_into(first, Version::v5, Role::server, kPacketBytesMax, decoded);
  REQUIRE(decoded.status == DecodeStatus::complete);
  decode_into(Bytes{0xF1}, Version::v5, Role::server, kPacketBytesMax, decoded);
  REQUIRE(decoded.status == DecodeStatus::malformed);
  decode_into(second, Version::v5, Role::server, kPacketBytesMax, decoded);
  REQUIRE(decoded.status == DecodeStatus::complete);
  CHECK(decoded.consumed == second.size());
  const Publish& publish = std::get<Publish>(decoded.packet);
  CHECK(publish.topic == "u");
  CHECK(publish.payload.empty());
  CHECK(publish.packet_id == 0);
  CHECK_FALSE(publish.properties.message_expiry_s);
  CHECK(publish.properties.user.empty());
  decode_into(ByteView(second).first(1), Version::v5, Role::server, kPacketBytesMax, decoded);
  CHECK(decoded.status == DecodeStatus::need_more);
  CHECK(decoded.consumed == 0);
}

TEST_CASE("mqtt: 3.1.1 has no properties and no reasons, whatever the packet holds") {
  Publish publish;
  publish.topic = "t";
  publish.properties.content_type = "c";
  CHECK(to_hex(encoded(publish, Version::v311)) == "3003000174");
  Ack ack{AckKind::puback, 1, 0x97, {}};
  ack.properties.reason_string = "full";
  CHECK(to_hex(encoded(ack, Version::v311)) == "40020001");
}

}  // namespace
}  // namespace wayside::mqtt
