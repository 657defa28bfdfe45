// A session and what it asked for, driven packet by packet through the codec.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "broker/session/session.h"
#include "common/mqtt/codec.h"

namespace wayside::test {

inline constexpr const char* kVin = "WVWZZZ1JZXW000001";
inline constexpr const char* kOtherVin = "WVWZZZ1JZXW000002";

inline broker::session::SessionOptions vehicle_options() {
  broker::session::SessionOptions options;
  options.peer = {broker::session::Role::vehicle, kVin, "2024-compact", nullptr};
  options.self = {1, 42};
  options.edge = "edge-1";
  options.local_broker = true;
  options.ordinary_enabled = true;
  return options;
}

inline broker::session::SessionOptions service_options() {
  broker::session::Acl acl;
  acl.service = "region-app";
  acl.publish_request = acl.subscribe_status = acl.subscribe_presence = acl.ordinary = true;
  acl.vehicles = {kVin};
  broker::session::SessionOptions options = vehicle_options();
  options.peer = {broker::session::Role::service, "region-app", "", std::make_shared<const broker::session::Acl>(acl)};
  return options;
}

// Owns: the session and all its actions since the last clear().
class SessionHarness {
 public:
  explicit SessionHarness(broker::session::SessionOptions options, mqtt::Version version = mqtt::Version::v5)
      : session(std::move(options)), version_(version) {}

  void feed(const mqtt::Packet& packet) {
    Bytes bytes;
    mqtt::encode(packet, version_, bytes);
    feed_raw(bytes);
  }
  void feed_raw(ByteView bytes) {
    const Bytes kept(bytes.begin(), bytes.end());
    const mqtt::Decoded decoded = mqtt::decode(kept, session.version(), mqtt::Role::server, packet_bytes_max);
    if (decoded.status == mqtt::DecodeStatus::complete) {
      session.step(decoded.packet, now, actions);
    } else {
      session.step(decoded, now, actions);
    }
  }
  // CONNECT, and the store's answer. Without Reason Strings, so that answers are short.
  void open(bool clean_start = true, std::uint32_t expiry_s = 0, const broker::session::OpenedSession& opened = {}) {
    connect(clean_start, expiry_s);
    session.step(Outcome<broker::session::OpenedSession>(opened), now, actions);
    actions.clear();
  }
  void connect(bool clean_start = true, std::uint32_t expiry_s = 0) {
    mqtt::Connect packet;
    packet.version = version_;
    packet.clean_start = clean_start;
    packet.client_id = session.peer().id;
    packet.keep_alive_s = 60;
    packet.properties.request_problem_information = std::uint8_t{0};
    if (version_ == mqtt::Version::v5 && expiry_s > 0) packet.properties.session_expiry_s = expiry_s;
    feed(packet);
  }
  void publish(std::string_view topic, std::uint8_t qos, ByteView payload = {}, std::uint16_t packet_id = 5) {
    mqtt::Publish packet;
    packet.topic = topic;
    packet.payload = payload;
    packet.qos = qos;
    packet.packet_id = qos == 0 ? std::uint16_t{0} : packet_id;
    feed(packet);
  }
  void subscribe(const std::vector<std::string>& filters, std::uint8_t qos = 1, std::uint16_t packet_id = 7) {
    mqtt::Subscribe packet;
    packet.packet_id = packet_id;
    for (const std::string& filter : filters) {
      mqtt::Subscription wanted;
      wanted.filter = filter;
      wanted.qos = qos;
      packet.subscriptions.push_back(wanted);
    }
    feed(packet);
  }
  [[nodiscard]] mqtt::Version version() const { return version_; }
  void commit(std::uint64_t token) { session.step(broker::Committed{{1, 42}, token, true, {}, {}, {}}, now, actions); }
  void refuse(std::uint64_t token, Reason reason, Lane lane = {}) {
    session.step(broker::Committed{{1, 42}, token, false, reason, lane, {}}, now, actions);
  }

  template <typename T>
  [[nodiscard]] std::vector<T> all() const {
    std::vector<T> out;
    for (const broker::session::Action& action : actions) {
      if (const auto* one = std::get_if<T>(&action)) out.push_back(*one);
    }
    return out;
  }
  // Command events of one kind.
  template <typename T>
  [[nodiscard]] std::vector<T> posted() const {
    std::vector<T> out;
    for (const auto& post : all<broker::session::PostCommand>()) {
      if (const auto* one = std::get_if<T>(&post.event)) out.push_back(*one);
    }
    return out;
  }
  // Everything written, commands included, in order.
  [[nodiscard]] Bytes written() const {
    Bytes bytes;
    for (const broker::session::Action& action : actions) {
      if (const auto* send = std::get_if<broker::session::SendBytes>(&action)) append(bytes, send->bytes);
      if (const auto* command = std::get_if<broker::session::SendCommand>(&action)) append(bytes, command->bytes);
    }
    return bytes;
  }
  // The packets written, with the bytes that they view.
  std::vector<mqtt::Packet> packets() {
    kept_.push_back(written());
    std::vector<mqtt::Packet> out;
    ByteView rest = kept_.back();
    while (!rest.empty()) {
      const mqtt::Decoded decoded = mqtt::decode(rest, version_, mqtt::Role::client, 1U << 20U);
      WAYSIDE_ASSERT(decoded.status == mqtt::DecodeStatus::complete);
      out.push_back(decoded.packet);
      rest = rest.subspan(decoded.consumed);
    }
    return out;
  }

  broker::session::Session session;
  broker::session::Actions actions;
  broker::session::Now now{{1'000}, {1'700'000'000'000}};
  std::size_t packet_bytes_max = 64U << 10U;

 private:
  static void append(Bytes& to, const Bytes& from) { to.insert(to.end(), from.begin(), from.end()); }
  mqtt::Version version_;
  std::deque<Bytes> kept_;
};

}  // namespace wayside::test
