// Random packets: what is written reads back, and no bytes at all can confuse the decoder.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <new>

#include "common/rng.h"
#include "tests/common/mqtt_bytes.h"

namespace {
std::atomic<std::uint64_t> allocations{0};
}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
// The library's own would not come through the one above under a sanitizer, and is freed by the one below.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace wayside::mqtt {
namespace {

constexpr std::uint64_t kSeed = 20211119;

// Makes packets whose views point into words that live as long as the program.
class Maker {
 public:
  Maker(SeededRng& rng, Version version) : rng_(rng), v5_(version == Version::v5) {}

  Packet from_client() {
    switch (rng_.below(7)) {
      case 0: return connect();
      case 1: return publish(true);
      case 2: return ack();
      case 3: return subscribe();
      case 4: return unsubscribe();
      case 5: return Pingreq{};
      default: return v5_ ? Packet(Disconnect{pick({0x00, 0x04, 0x81}), tail()}) : Packet(Disconnect{});
    }
  }
  Packet from_server() {
    switch (rng_.below(6)) {
      case 0: return connack();
      case 1: return publish(false);
      case 2: return ack();
      case 3: return Suback{id(), reasons({0x00, 0x01, 0x02, 0x80}), v5_ ? tail() : Properties{}};
      case 4: return Unsuback{id(), v5_ ? reasons({0x00, 0x11, 0x87}) : Bytes{}, v5_ ? tail() : Properties{}};
      default: return Pingresp{};
    }
  }

 private:
  static constexpr std::string_view kWords[] = {
      "", "a", "v1/WVWZZZ1JZXW000001/event/door", "Grüße", "0123456789", "\x01\x7f", "\xf0\x9f\x9a\x97"};

  bool coin() { return rng_.below(2) == 0; }
  std::string_view word() { return kWords[rng_.below(std::size(kWords))]; }
  std::string_view topic() { return kWords[1 + rng_.below(std::size(kWords) - 1)]; }
  ByteView binary() { return as_bytes(word()); }
  std::uint16_t id() { return static_cast<std::uint16_t>(1 + rng_.below(65535)); }
  std::uint8_t flag() { return static_cast<std::uint8_t>(rng_.below(2)); }
  std::uint8_t qos() { return static_cast<std::uint8_t>(rng_.below(3)); }
  std::uint32_t number() { return static_cast<std::uint32_t>(rng_.next()); }
  std::uint8_t pick(std::initializer_list<std::uint8_t> from) { return from.begin()[rng_.below(from.size())]; }
  Bytes reasons(std::initializer_list<std::uint8_t> from) {
    Bytes out(1 + rng_.below(4));
    for (auto& reason : out) reason = pick(from);
    return out;
  }
  template <typename T>
  void maybe(std::optional<T>& into, T value) {
    if (coin()) into = value;
  }
  void users(Properties& p) {
    for (std::uint64_t n = rng_.below(3); n > 0; --n) p.user.emplace_back(word(), word());
  }
  Properties tail() {
    Properties p;
    maybe(p.reason_string, word());
    users(p);
    return p;
  }
  Properties message() {
    Properties p;
    maybe(p.payload_format, flag());
    maybe(p.message_expiry_s, number());
    maybe(p.content_type, word());
    maybe(p.response_topic, word());
    maybe(p.correlation_data, binary());
    users(p);
    return p;
  }

  Connect connect() {
    Connect c;
    c.version = v5_ ? Version::v5 : Version::v311;
    c.client_id = word();
    c.clean_start = coin();
    c.keep_alive_s = static_cast<std::uint16_t>(rng_.next());
    if (coin()) c.will = Will{topic(), binary(), qos(), coin(), {}};
    if (coin()) c.username = word();
    if (coin() && (v5_ || c.username)) c.password = binary();
    if (!v5_) return c;
    maybe(c.properties.session_expiry_s, number());
    maybe(c.properties.receive_maximum, id());
    maybe(c.properties.topic_alias_maximum, id());
    users(c.properties);
    if (!c.will) return c;
    c.will->properties = message();
    maybe(c.will->properties.will_delay_s, number());
    return c;
  }
  Connack connack() {
    Connack c;
    c.reason = v5_ ? pick({0x00, 0x87, 0x89}) : pick({0, 1, 5});
    c.session_present = c.reason == 0 && coin();
    if (!v5_) return c;
    c.properties = tail();
    maybe(c.properties.assigned_client_id, word());
    maybe(c.properties.maximum_qos, flag());
    maybe(c.properties.server_keep_alive_s, id());
    return c;
  }
  Publish publish(bool client) {
    Publish p;
    p.topic = topic();
    p.payload = binary();
    p.qos = qos();
    p.retain = coin();
    p.dup = p.qos != 0 && coin();
    p.packet_id = p.qos == 0 ? std::uint16_t{0} : id();
    if (!v5_) return p;
    p.properties = message();
    maybe(p.properties.topic_alias, id());
    if (!client && coin())
      p.properties.subscription_identifiers = {1 + static_cast<std::uint32_t>(rng_.below(1U << 27U)), 1};
    return p;
  }
  Ack ack() {
    Ack a;
    a.kind = static_cast<AckKind>(4 + rng_.below(4));
    a.packet_id = id();
    if (!v5_) return a;
    const bool early = a.kind == AckKind::puback || a.kind == AckKind::pubrec;
    a.reason = early ? pick({0x00, 0x10, 0x97, 0x99}) : pick({0x00, 0x92});
    a.properties = tail();
    return a;
  }
  Subscribe subscribe() {
    Subscribe s{id(), {}, {}};
    for (std::uint64_t n = 1 + rng_.below(4); n > 0; --n) {
      Subscription one{topic(), qos(), false, false, 0};
      if (v5_) one = {one.filter, one.qos, coin(), coin(), qos()};
      s.subscriptions.push_back(one);
    }
    if (v5_) users(s.properties);
    return s;
  }
  Unsubscribe unsubscribe() {
    Unsubscribe u{id(), {}, {}};
    for (std::uint64_t n = 1 + rng_.below(4); n > 0; --n) u.filters.push_back(topic());
    if (v5_) users(u.properties);
    return u;
  }

  SeededRng& rng_;
  bool v5_;
};

Version version_of(SeededRng& rng) { return rng.below(2) == 0 ? Version::v5 : Version::v311; }

TEST_CASE("mqtt: every packet that can be written reads back and writes the same bytes again") {
  CAPTURE(kSeed);
  SeededRng rng(kSeed);
  for (int i = 0; i < 20000; ++i) {
    const Version version = version_of(rng);
    const Role role = rng.below(2) == 0 ? Role::server : Role::client;
    Maker maker(rng, version);
    const Packet packet = role == Role::server ? maker.from_client() : maker.from_server();
    const Bytes bytes = encoded(packet, version);
    const Decoded decoded = decode(bytes, version, role, kPacketBytesMax);
    CAPTURE(i, to_hex(bytes), decoded.what);
    REQUIRE(decoded.status == DecodeStatus::complete);
    REQUIRE(decoded.consumed == bytes.size());
    REQUIRE(decoded.packet.index() == packet.index());
    REQUIRE(encoded(decoded.packet, version) == bytes);
  }
}

TEST_CASE("mqtt: damaged packets are refused or are other packets, and never reach beyond their bytes") {
  CAPTURE(kSeed);
  SeededRng rng(kSeed + 1);
  std::size_t refused = 0;
  for (int i = 0; i < 40000; ++i) {
    const Version version = version_of(rng);
    Bytes bytes = encoded(Maker(rng, version).from_client(), version);
    for (std::uint64_t n = 1 + rng.below(3); n > 0; --n) {
      bytes[rng.below(bytes.size())] = static_cast<std::uint8_t>(rng.next());
    }
    bytes.shrink_to_fit();
    const Decoded decoded = decode(bytes, version, Role::server, kPacketBytesMax);
    CAPTURE(i, to_hex(bytes));
    REQUIRE(decoded.consumed <= bytes.size());
    if (decoded.status != DecodeStatus::complete) {
      refused += decoded.status == DecodeStatus::need_more ? 0 : 1;
      REQUIRE(decoded.consumed == 0);
      continue;
    }
    // What was understood can be said again, and is then understood the same way.
    const Bytes again = encoded(decoded.packet, version);
    const Decoded second = decode(again, version, Role::server, kPacketBytesMax);
    REQUIRE(second.status == DecodeStatus::complete);
    REQUIRE(encoded(second.packet, version) == again);
  }
  CHECK(refused > 1000);
}

TEST_CASE("mqtt: a packet is never complete before its last byte") {
  CAPTURE(kSeed);
  SeededRng rng(kSeed + 2);
  for (int i = 0; i < 500; ++i) {
    const Version version = version_of(rng);
    const Bytes bytes = encoded(Maker(rng, version).from_client(), version);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      const Decoded decoded = decode(ByteView(bytes).first(cut), version, Role::server, kPacketBytesMax);
      REQUIRE(decoded.status == DecodeStatus::need_more);
    }
  }
}

TEST_CASE("mqtt: decoding a PUBLISH allocates nothing, encoding into a warm buffer neither") {
  Publish publish;
  publish.topic = "v1/WVWZZZ1JZXW000001/state/Vehicle/Speed";
  const Bytes payload(4096, 0x55);
  publish.payload = payload;
  publish.qos = 1;
  publish.packet_id = 17;
  publish.properties.topic_alias = 3;
  publish.properties.content_type = "application/octet-stream";
  Bytes bytes;
  bytes.reserve(8192);
  const std::uint64_t before = allocations.load();
  encode_publish(publish, Version::v5, bytes);
  const Decoded decoded = decode(bytes, Version::v5, Role::server, kPacketBytesMax);
  Bytes ack;
  const std::uint64_t after = allocations.load();
  REQUIRE(decoded.status == DecodeStatus::complete);
  CHECK(after == before);
  encode_ack({AckKind::puback, 17, 0, {}}, Version::v5, ack);
  CHECK(allocations.load() > after);  // the counter does count
}

}  // namespace
}  // namespace wayside::mqtt
