// The local broker: its configuration and version, its supervision, and the upstream's conversation.
#include <poll.h>
#include <signal.h>

#include <catch2/catch_test_macros.hpp>

#include "broker/localbroker/local_broker.h"
#include "broker/localbroker/machine/restart_pause.h"
#include "broker/localbroker/machine/upstream_session.h"
#include "broker/localbroker/mosquitto.h"
#include "common/mqtt/codec.h"
#include "common/os/system.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace wayside::broker {
namespace {

using session::ProxyEvent;

session::ProxyMessage message(const std::string& topic, std::uint8_t qos, const std::string& payload = "p") {
  session::ProxyMessage out;
  out.topic = topic;
  out.qos = qos;
  out.payload.assign(payload.begin(), payload.end());
  return out;
}

// The packets in an upstream's output, which is taken.
std::vector<mqtt::Packet> packets(UpstreamSession& session, Bytes& keep) {
  keep.assign(session.output().begin(), session.output().end());
  session.output_taken(keep.size());
  std::vector<mqtt::Packet> out;
  for (std::size_t at = 0; at < keep.size();) {
    mqtt::Decoded decoded = mqtt::decode(ByteView(keep).subspan(at), mqtt::Version::v5, mqtt::Role::server, 1U << 20U);
    REQUIRE(decoded.status == mqtt::DecodeStatus::complete);
    at += decoded.consumed;
    out.push_back(std::move(decoded.packet));
  }
  return out;
}

struct Conversation {
  UpstreamSession session{3, UpstreamLimits{.waiting_bytes_max = 4096}};
  std::vector<ProxyEvent> events;
  Bytes kept;

  void give(const mqtt::Packet& packet) {
    Bytes bytes;
    mqtt::encode(packet, mqtt::Version::v5, bytes);
    session.received(bytes, {0}, events);
  }
  std::vector<mqtt::Packet> sent() { return packets(session, kept); }
  void connect(std::uint16_t receive_maximum = 10) {
    session.connect("w1-3");
    mqtt::Connack connack;
    connack.properties.receive_maximum = receive_maximum;
    give(connack);
  }
};

}  // namespace

TEST_CASE("Upstream: CONNECT is built from scratch, without will, session or keep alive") {
  Conversation c;
  c.session.connect("w1-3");
  const auto sent = c.sent();
  REQUIRE(sent.size() == 1);
  const auto& connect = std::get<mqtt::Connect>(sent[0]);
  CHECK(connect.version == mqtt::Version::v5);
  CHECK(connect.clean_start);
  CHECK(connect.keep_alive_s == 0);
  CHECK_FALSE(connect.will);
  CHECK_FALSE(connect.properties.session_expiry_s);
}

TEST_CASE("Upstream: what was asked before CONNACK goes out after it, subscriptions first") {
  Conversation c;
  c.session.connect("w1-3");
  REQUIRE(c.session.publish(7, message("b/x", 1)));
  REQUIRE(c.session.subscribe(8, {{.filter = "b/#", .qos = 1}}));
  CHECK(c.sent().size() == 1);
  c.give(mqtt::Connack{});
  const auto sent = c.sent();
  REQUIRE(sent.size() == 2);
  const auto& subscribe = std::get<mqtt::Subscribe>(sent[0]);
  const auto& publish = std::get<mqtt::Publish>(sent[1]);
  c.give(mqtt::Suback{subscribe.packet_id, {1}, {}});
  c.give(mqtt::Ack{mqtt::AckKind::puback, publish.packet_id, 0x10, {}});
  REQUIRE(c.events.size() == 2);
  CHECK(std::get<session::ProxySubacked>(c.events[0]).token == 8);
  CHECK(std::get<session::ProxyPubacked>(c.events[1]).token == 7);
  CHECK(std::get<session::ProxyPubacked>(c.events[1]).reason == 0x10);
}

TEST_CASE("Upstream: the broker's Receive Maximum is kept and the rest waits in a bounded queue") {
  Conversation c;
  c.connect(2);
  CHECK(c.sent().size() == 1);
  for (std::uint64_t token = 1; token <= 3; ++token) REQUIRE(c.session.publish(token, message("b/x", 1)));
  const auto first = c.sent();
  REQUIRE(first.size() == 2);
  c.give(mqtt::Ack{mqtt::AckKind::puback, std::get<mqtt::Publish>(first[0]).packet_id, 0, {}});
  CHECK(c.sent().size() == 1);
  bool taken = true;
  for (int i = 0; i < 100 && taken; ++i) taken = c.session.publish(9, message("b/x", 1, std::string(100, 'x')));
  CHECK_FALSE(taken);
  CHECK(c.session.publish(0, message("b/x", 0, std::string(100, 'x'))));
  CHECK(c.session.take_counts().shed == 1);
}

TEST_CASE("Upstream: anything the local broker sends on v1/ is dropped, acknowledged and counted") {
  Conversation c;
  c.connect();
  c.sent();
  const std::string payload = "x";
  mqtt::Publish publish{
      .topic = "v1/WVWZZZ1JZXW000001/cmd/a", .payload = as_bytes(payload), .qos = 1, .packet_id = 5, .properties = {}};
  c.give(publish);
  publish.topic = "$SYS/broker/uptime";
  publish.qos = 0;
  publish.packet_id = 0;
  c.give(publish);
  CHECK(c.events.empty());
  CHECK(c.session.take_counts().reserved_topic == 2);
  const auto sent = c.sent();
  REQUIRE(sent.size() == 1);
  CHECK(std::get<mqtt::Ack>(sent[0]).packet_id == 5);
}

TEST_CASE("Upstream: acknowledgements of an older generation are swallowed and counted") {
  UpstreamSession older(2, {});
  Conversation c;
  c.connect();
  c.sent();
  const std::string payload = "x";
  c.give(mqtt::Publish{.topic = "b/news", .payload = as_bytes(payload), .qos = 1, .packet_id = 5, .properties = {}});
  const std::uint64_t token = std::get<session::ProxyReceived>(c.events.at(0)).token;
  c.session.ack((std::uint64_t{2} << 40U) | 1U);
  CHECK(c.sent().empty());
  c.session.ack(token);
  REQUIRE(c.sent().size() == 1);
  c.session.ack(token);
  CHECK(c.sent().empty());
  CHECK(c.session.take_counts().stale_ack == 2);
}

TEST_CASE("Upstream: a conversation that breaks the rules ends once, with ProxyDown") {
  Conversation c;
  c.connect();
  c.give(mqtt::Ack{mqtt::AckKind::puback, 77, 0, {}});
  c.give(mqtt::Pingresp{});
  REQUIRE(c.events.size() == 1);
  CHECK(std::holds_alternative<session::ProxyDown>(c.events[0]));
  CHECK(c.session.publish(1, message("b/x", 1)));
}

TEST_CASE("Upstream: a keep alive that the broker insists on is served") {
  Conversation c;
  c.session.connect("w1-3");
  mqtt::Connack connack;
  connack.properties.server_keep_alive_s = 10;
  c.give(connack);
  c.sent();
  CHECK(c.session.next_tick() == MonoMs{5000});
  c.session.tick({4999});
  CHECK(c.sent().empty());
  c.session.tick({5000});
  REQUIRE(c.sent().size() == 1);
}

TEST_CASE("RestartPause: pauses double up to their bound and start over after a healthy life") {
  RestartPause pause({.pause_first_ms = 100, .pause_max_ms = 300, .healthy_ms = 1000});
  pause.started({0});
  pause.ended({10});
  CHECK(pause.next_start() == MonoMs{110});
  pause.started({110});
  pause.ended({120});
  CHECK(pause.next_start() == MonoMs{320});
  pause.started({320});
  pause.ended({330});
  CHECK(pause.next_start() == MonoMs{630});
  pause.started({630});
  pause.ended({1630});
  CHECK(pause.next_start() == MonoMs{1730});
  CHECK(pause.endings() == 4);
}

TEST_CASE("Mosquitto: the version is read from its help, and an old one is below the minimum") {
  CHECK(parse_mosquitto_version("mosquitto version 2.0.21\n\nmosquitto is") == MosquittoVersion{2, 0, 21});
  CHECK_FALSE(parse_mosquitto_version("nanomq 0.2"));
  CHECK(*parse_mosquitto_version("mosquitto version 2.0.11\n") < kMosquittoVersionMin);
  CHECK(check_mosquitto("mosquitto").ok());
  CHECK(check_mosquitto("/nonexistent/mosquitto").error().fault == Fault::not_found);
  CHECK(check_mosquitto("true").error().fault == Fault::unsupported);
}

TEST_CASE("Mosquitto: the configuration has one listener, and drops no privileges only when we are root") {
  const std::string user = mosquitto_config({"/run/w/local/mqtt.sock", "/var/w/localbroker", false});
  CHECK(user.find("listener 0 /run/w/local/mqtt.sock\n") != std::string::npos);
  CHECK(user.find("user root") == std::string::npos);
  CHECK(mosquitto_config({"/s", "/p", true}).find("user root\n") != std::string::npos);
}

namespace {

struct Local {
  test::TempDir dir{"local"};
  os::SystemClock clock;
  std::unique_ptr<metrics::Registry> metrics = metrics::Registry::create();
  LocalBroker broker{
      {.mode = LocalBrokerMode::managed, .socket = dir / "run/mqtt.sock", .state_dir = dir / "state"}, *metrics, clock};
  bool wait_up() {
    return test::wait_until(
        [this] {
          broker.tick();
          return broker.up();
        },
        10'000);
  }
};

// Turns an upstream until it said something.
std::vector<ProxyEvent> turn_until_event(session::Upstream& upstream, const Clock& clock) {
  std::vector<ProxyEvent> events;
  test::wait_until(
      [&] {
        pollfd ready{upstream.fd(), POLLIN, 0};
        poll(&ready, upstream.fd() >= 0 ? 1 : 0, 5);
        upstream.turn((ready.revents & (POLLIN | POLLHUP)) != 0, upstream.wants_write(), clock.mono(), events);
        return !events.empty();
      },
      5000);
  return events;
}

}  // namespace

TEST_CASE("LocalBroker: a message goes up one upstream and comes down another") {
  Local local;
  REQUIRE(local.broker.start().ok());
  REQUIRE(local.wait_up());
  auto subscriber = local.broker.open("a", local.clock.mono());
  auto publisher = local.broker.open("b", local.clock.mono());
  REQUIRE(subscriber);
  REQUIRE(publisher);
  REQUIRE(subscriber->subscribe(1, {{.filter = "b/#", .qos = 1}}));
  auto events = turn_until_event(*subscriber, local.clock);
  REQUIRE(events.size() == 1);
  CHECK(std::get<session::ProxySubacked>(events[0]).reasons == std::vector<std::uint8_t>{1});
  REQUIRE(publisher->publish(9, message("b/news", 1, "hello")));
  events = turn_until_event(*publisher, local.clock);
  REQUIRE(events.size() == 1);
  CHECK(std::get<session::ProxyPubacked>(events[0]).token == 9);
  events = turn_until_event(*subscriber, local.clock);
  REQUIRE(events.size() == 1);
  const auto& received = std::get<session::ProxyReceived>(events[0]);
  CHECK(received.message.topic == "b/news");
  CHECK(as_text(received.message.payload) == "hello");
  CHECK(received.token != 0);
}

TEST_CASE("LocalBroker: killed, it says ProxyDown once, comes back by itself and takes new upstreams") {
  Local local;
  REQUIRE(local.broker.start().ok());
  REQUIRE(local.wait_up());
  auto upstream = local.broker.open("a", local.clock.mono());
  REQUIRE(upstream);
  const pid_t first = local.broker.pid();
  kill(first, SIGKILL);
  const auto events = turn_until_event(*upstream, local.clock);
  REQUIRE(events.size() == 1);
  CHECK(std::holds_alternative<session::ProxyDown>(events[0]));
  CHECK(upstream->next_turn() == MonoMs{-1});
  REQUIRE(test::wait_until(
      [&] {
        local.broker.tick();
        return local.broker.pid() != first && local.broker.pid() != 0 && local.broker.up();
      },
      10'000));
  CHECK(local.metrics->counter("wayside_local_broker_restarts_total", "").value() == 1);
  CHECK(local.broker.open("a", local.clock.mono()) != nullptr);
}

TEST_CASE("LocalBroker: a clean end keeps retained messages, and a crash never revives older ones") {
  Local local;
  const auto start = [&] {
    auto broker = std::make_unique<LocalBroker>(
        LocalBrokerOptions{
            .mode = LocalBrokerMode::managed, .socket = local.dir / "run/mqtt.sock", .state_dir = local.dir / "state"},
        *local.metrics, local.clock);
    REQUIRE(broker->start().ok());
    return broker;
  };
  const auto retain = [&](LocalBroker& broker, const std::string& text) {
    auto upstream = broker.open("p", local.clock.mono());
    REQUIRE(upstream);
    session::ProxyMessage kept = message("b/kept", 1, text);
    kept.retain = true;
    REQUIRE(upstream->publish(1, kept));
    CHECK(turn_until_event(*upstream, local.clock).size() == 1);
  };
  const auto retained = [&](LocalBroker& broker) {
    auto upstream = broker.open("s", local.clock.mono());
    REQUIRE(upstream);
    REQUIRE(upstream->subscribe(1, {{.filter = "b/#", .qos = 0}}));
    // The retained message follows the SUBACK; a second answer bounds the wait for it.
    std::string out;
    std::size_t answers = 0;
    REQUIRE(upstream->unsubscribe(2, {"b/none"}));
    while (answers < 2) {
      const auto events = turn_until_event(*upstream, local.clock);
      REQUIRE_FALSE(events.empty());
      for (const ProxyEvent& event : events) {
        if (const auto* received = std::get_if<session::ProxyReceived>(&event))
          out = as_text(received->message.payload);
        answers += std::holds_alternative<session::ProxySubacked>(event) ||
                   std::holds_alternative<session::ProxyUnsubacked>(event);
      }
    }
    return out;
  };
  auto first = start();
  retain(*first, "one");
  first->stop(5000);
  auto second = start();
  CHECK(retained(*second) == "one");
  retain(*second, "two");
  kill(second->pid(), SIGKILL);
  second.reset();
  auto third = start();
  CHECK(retained(*third).empty());
}

TEST_CASE("LocalBroker: many upstreams at once get past a listen backlog of 10") {
  Local local;
  REQUIRE(local.broker.start().ok());
  REQUIRE(local.wait_up());
  std::vector<std::unique_ptr<session::Upstream>> upstreams;
  for (int i = 0; i < 200; ++i) {
    upstreams.push_back(local.broker.open("v", local.clock.mono()));
    REQUIRE(upstreams.back());
    REQUIRE(upstreams.back()->subscribe(1, {{.filter = "b/all", .qos = 0}}));
  }
  std::vector<ProxyEvent> events;
  REQUIRE(test::wait_until(
      [&] {
        for (auto& upstream : upstreams) upstream->turn(true, true, local.clock.mono(), events);
        return events.size() == upstreams.size();
      },
      20'000));
  for (const ProxyEvent& event : events) CHECK(std::holds_alternative<session::ProxySubacked>(event));
}

TEST_CASE("LocalBroker: a second one on the same socket is refused by the lock, and a long path by its length") {
  Local local;
  REQUIRE(local.broker.start().ok());
  LocalBroker second({.mode = LocalBrokerMode::managed,
                      .socket = local.dir / "run/mqtt.sock",
                      .state_dir = local.dir / "other",
                      .lock_ms_max = 50},
                     *local.metrics, local.clock);
  CHECK(second.start().error().fault == Fault::locked);
  LocalBroker far({.mode = LocalBrokerMode::managed, .socket = local.dir / std::string(120, 'x'), .state_dir = "/tmp"},
                  *local.metrics, local.clock);
  CHECK(far.start().error().fault == Fault::config);
}

TEST_CASE("LocalBroker: off and away give no upstream") {
  Local local;
  CHECK(local.broker.open("a", local.clock.mono()) == nullptr);
  LocalBroker off({.mode = LocalBrokerMode::off, .socket = "", .state_dir = ""}, *local.metrics, local.clock);
  REQUIRE(off.start().ok());
  off.tick();
  CHECK(off.open("a", local.clock.mono()) == nullptr);
}

}  // namespace wayside::broker
