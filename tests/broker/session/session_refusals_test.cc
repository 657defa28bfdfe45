// docs/refusals.md is the table; every row of it is driven through a session here, and every event here has
// its rows there. WAYSIDE_PRINT_REFUSALS=1 prints the table as the session behaves now.
#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "schemas/messages.h"
#include "tests/broker/session/harness.h"

namespace wayside {
namespace {

using broker::session::OfferRecord;
using broker::session::OpenedSession;
using broker::session::PostCommand;
using mqtt::Version;
using test::kOtherVin;
using test::kVin;
using test::SessionHarness;

constexpr int kNoQos = -1;

struct Row {
  std::string event;
  Version version{};
  int qos = kNoQos;
};
struct Event {
  std::string name;
  std::vector<Version> versions;
  std::vector<int> qos;
  std::function<void(SessionHarness&, int qos)> act;
  bool service = false;
  bool connected = true;  // the session is open before it happens
};

const std::vector<Version> kBoth = {Version::v5, Version::v311};
const std::vector<Version> kV5 = {Version::v5};
const std::vector<Version> kV311 = {Version::v311};
const std::vector<int> kNone = {kNoQos};
const std::vector<int> kQos01 = {0, 1};
const std::vector<int> kQos012 = {0, 1, 2};

std::string own(const std::string& rest) { return std::string("v1/") + kVin + "/" + rest; }
std::uint8_t q(int qos) { return static_cast<std::uint8_t>(qos); }

std::function<void(SessionHarness&, int)> publishes(const std::string& topic, const std::string& payload = "") {
  return [=](SessionHarness& harness, int qos) { harness.publish(topic, q(qos), as_bytes(payload)); };
}
std::function<void(SessionHarness&, int)> publishes_with(const std::function<void(mqtt::Publish&)>& adjust) {
  return [=](SessionHarness& harness, int qos) {
    const std::string topic = own("event/door");
    mqtt::Publish packet;
    packet.topic = topic;
    packet.qos = q(qos);
    packet.packet_id = qos == 0 ? std::uint16_t{0} : std::uint16_t{5};
    adjust(packet);
    harness.feed(packet);
  };
}
// The lane says no.
std::function<void(SessionHarness&, int)> lane_says(Reason reason) {
  return [=](SessionHarness& harness, int qos) {
    harness.publish(own("state/Vehicle/Speed"), q(qos), as_bytes("1"));
    const auto offers = harness.all<OfferRecord>();
    WAYSIDE_ASSERT(offers.size() == 1);
    harness.actions.clear();
    harness.refuse(offers[0].token, reason, Lane::state);
  };
}
// A publish of a lane that this connection knows to have no room: one QoS 1 publish of it waits.
std::function<void(SessionHarness&, int)> behind_a_parked_one(std::size_t others) {
  return [=](SessionHarness& harness, int qos) {
    harness.publish(own("state/Vehicle/Speed"), 1, as_bytes("1"), 1);
    harness.refuse(harness.all<OfferRecord>().at(0).token, Reason::SPOOL_FULL, Lane::state);
    for (std::size_t i = 0; i < others; ++i) {
      harness.publish(own("state/Vehicle/Speed"), 1, as_bytes("1"), static_cast<std::uint16_t>(i + 2));
    }
    WAYSIDE_ASSERT(harness.session.phase() == broker::session::Phase::open);
    harness.actions.clear();
    harness.publish(own("state/Vehicle/Speed"), q(qos), as_bytes("1"), 500);
  };
}
std::function<void(SessionHarness&, int)> ack_is_refused(Reason reason) {
  return [=](SessionHarness& harness, int qos) {
    const Bytes payload = schemas::build_command_ack({{}, schemas::CommandState{4}, "", {1'700'000'000'000}});
    harness.publish(own("cmd/" + std::string(26, 'a') + "/ack"), q(qos), payload);
    const auto offered = harness.posted<broker::AckOffered>();
    WAYSIDE_ASSERT(offered.size() == 1);
    harness.actions.clear();
    harness.refuse(offered[0].token, reason, Lane::ack);
  };
}
std::function<void(SessionHarness&, int)> connects(const std::function<void(mqtt::Connect&)>& adjust) {
  return [=](SessionHarness& harness, int) {
    mqtt::Connect packet;
    packet.version = harness.version();
    packet.client_id = kVin;
    packet.properties.request_problem_information = std::uint8_t{0};
    adjust(packet);
    harness.feed(packet);
  };
}
std::function<void(SessionHarness&, int)> opening_says(Reason reason) {
  return [=](SessionHarness& harness, int) {
    harness.connect();
    harness.actions.clear();
    harness.session.step(Outcome<OpenedSession>(reason), harness.now, harness.actions);
  };
}
std::function<void(SessionHarness&, int)> subscribes(const std::string& filter) {
  return [=](SessionHarness& harness, int) { harness.subscribe({filter}); };
}
std::function<void(SessionHarness&, int)> sends_raw(const Bytes& bytes) {
  return [=](SessionHarness& harness, int) { harness.feed_raw(bytes); };
}
std::function<void(SessionHarness&, int)> ends(Reason reason) {
  return [=](SessionHarness& harness, int) { harness.session.end(reason, harness.now, harness.actions); };
}
Bytes level(std::uint8_t number) { return {0x10, 0x0D, 0, 4, 'M', 'Q', 'T', 'T', number, 2, 0, 60, 0, 1, 'a'}; }

// A QoS 2 publish with identifier 5 that is in custody and not released.
void receive(SessionHarness& harness) {
  harness.publish(own("event/door"), 2);
  harness.commit(harness.all<OfferRecord>().at(0).token);
  harness.actions.clear();
}
// The vehicle comes back with `count` identifiers unreleased: its window is new.
void come_back(SessionHarness& harness, std::uint16_t count) {
  OpenedSession opened;
  opened.present = true;
  for (std::uint16_t id = 1; id <= count; ++id) opened.unreleased.push_back(static_cast<std::uint16_t>(id + 100));
  harness.session = broker::session::Session(test::vehicle_options());
  harness.open(false, 3'600, opened);
}

std::vector<Event> events() {
  return {
      // before a session
      {"protocol level 3 or 0x83", kV311, kNone, sends_raw(level(0x83)), false, false},
      {"protocol level 0x84", kV311, kNone, sends_raw(level(0x84)), false, false},
      {"protocol level 6 or 0x85 and above", kV5, kNone, sends_raw(level(0x86)), false, false},
      {"first packet is not CONNECT", kBoth, kNone, [](SessionHarness& h, int) { h.feed(mqtt::Pingreq{}); }, false,
       false},
      {"CONNECT with another id", kBoth, kNone, connects([](auto& c) { c.client_id = kOtherVin; }), false, false},
      {"CONNECT without id and with a session to keep", kV311, kNone,
       connects([](auto& c) { c.client_id = "", c.clean_start = false; }), false, false},
      {"CONNECT with a Will", kBoth, kNone, connects([](auto& c) { c.will = mqtt::Will{"x/a/b", {}, 0, false, {}}; }),
       false, false},
      {"CONNECT with an authentication method", kV5, kNone,
       connects([](auto& c) { c.properties.authentication_method = "SCRAM"; }), false, false},
      {"vehicle is blocked", kBoth, kNone, opening_says(Reason::BLOCKED), false, false},
      {"vehicle comes back too soon", kBoth, kNone, opening_says(Reason::BACKOFF), false, false},
      {"session table is full", kBoth, kNone, opening_says(Reason::TOO_MANY_SESSIONS), false, false},
      {"session store fails", kBoth, kNone, opening_says(Reason::STORE_FAULT), false, false},
      // the connection
      {"second CONNECT", kBoth, kNone, [](SessionHarness& h, int) { h.connect(); }},
      {"malformed packet", kBoth, kNone, sends_raw({0xC0, 0x01, 0x00})},
      {"overlong Remaining Length", kBoth, kNone, sends_raw({0x30, 0x91, 0x80, 0x00})},
      {"packet above Maximum Packet Size", kBoth, kNone, sends_raw({0x30, 0xFF, 0xFF, 0xFF, 0x7F})},
      {"CONNACK, SUBACK, UNSUBACK or PINGRESP from a client", kBoth, kNone, sends_raw({0xD0, 0x00})},
      {"PUBREC or PUBCOMP", kBoth, kNone,
       [](SessionHarness& h, int) { h.feed(mqtt::Ack{mqtt::AckKind::pubrec, 1, 0, {}}); }},
      {"PUBACK of nothing", kBoth, kNone,
       [](SessionHarness& h, int) { h.feed(mqtt::Ack{mqtt::AckKind::puback, 1, 0, {}}); }},
      {"silence for 1.5 x keep alive", kBoth, kNone,
       [](SessionHarness& h, int) {
         h.now.mono = h.now.mono + 90'000;
         h.session.tick(h.now, h.actions);
       }},
      {"taken over by a newer connection", kBoth, kNone, ends(Reason::SESSION_TAKEN_OVER)},
      {"blocked while connected", kBoth, kNone, ends(Reason::BLOCKED)},
      {"certificate revoked while connected", kBoth, kNone, ends(Reason::REVOKED)},
      {"edge shuts down", kBoth, kNone, ends(Reason::SERVER_SHUTTING_DOWN)},
      // PUBLISH of a vehicle
      {"PUBLISH on no row", kBoth, kQos012, publishes("v1/" + std::string(kVin) + "/other/x")},
      {"PUBLISH for another vehicle", kBoth, kQos012, publishes("v1/" + std::string(kOtherVin) + "/event/door")},
      {"PUBLISH on cmd", kBoth, kQos012, publishes(own("cmd/" + std::string(26, 'a')))},
      {"PUBLISH on request", kBoth, kQos012, publishes(own("request"))},
      {"PUBLISH on status", kBoth, kQos012, publishes(own("status/" + std::string(26, 'a')))},
      {"PUBLISH on control", kBoth, kQos012, publishes(own("control/log"))},
      {"PUBLISH on presence", kBoth, kQos012, publishes(own("presence"))},
      {"PUBLISH on broadcast", kBoth, kQos012, publishes("b/all/x")},
      {"PUBLISH with an ill-formed topic name", kBoth, kQos012, publishes(own("event/\x01"))},
      {"PUBLISH with RETAIN", kBoth, kQos012, publishes_with([](auto& p) { p.retain = true; })},
      {"PUBLISH with topic alias 0, unknown or too high", kV5, kQos012,
       publishes_with([](auto& p) { p.properties.topic_alias = std::uint16_t{17}; })},
      {"PUBLISH with a foreign Response Topic", kV5, kQos012,
       publishes_with([](auto& p) { p.properties.response_topic = "v1/WVWZZZ1JZXW000002/request"; })},
      {"PUBLISH with a Subscription Identifier", kV5, kQos012,
       publishes_with([](auto& p) { p.properties.subscription_identifiers = {3}; })},
      {"PUBLISH above Receive Maximum",
       kV5,
       {1, 2},
       [](SessionHarness& h, int qos) {
         for (std::uint16_t id = 1; id <= 65; ++id) h.publish(own("event/door"), q(qos), {}, id);
       }},
      {"PUBLISH that claims to be a SignalBatch and is none", kBoth, kQos012,
       publishes(own("state"), std::string("\x08\0\0\0WSSBxxxx", 12))},
      {"PUBLISH with a `mid` above 64 bytes", kV5, kQos012, publishes_with([](auto& p) {
         static const std::string kLong(65, 'm');
         p.properties.user.emplace_back("mid", kLong);
       })},
      {"PUBLISH to a full lane", kBoth, kQos012, lane_says(Reason::SPOOL_FULL)},
      {"PUBLISH while the volume fails", kBoth, kQos012, lane_says(Reason::SPOOL_FAULT)},
      {"PUBLISH to a full queue", kBoth, kQos012, lane_says(Reason::QUEUE_FULL)},
      {"PUBLISH behind one that waits for room", kV311, kQos012, behind_a_parked_one(0)},
      {"PUBLISH to a full park", kV311, {1, 2}, behind_a_parked_one(broker::session::Limits{}.park_packets_max - 1)},
      {"PUBLISH above the size of its lane", kBoth, kQos012, lane_says(Reason::PAYLOAD_TOO_LARGE)},
      {"command ack with an id that is none", kBoth, kQos012, publishes(own("cmd/nothing/ack"))},
      {"command ack that is no CommandAck", kBoth, kQos012,
       publishes(own("cmd/" + std::string(26, 'a') + "/ack"), "{}")},
      {"command ack above 4 KiB", kBoth, kQos012,
       publishes(own("cmd/" + std::string(26, 'a') + "/ack"), std::string(5'000, 'x'))},
      {"command ack of an unknown command", kBoth, {1, 2}, ack_is_refused(Reason::COMMAND_UNKNOWN)},
      {"command ack to a full ack lane", kBoth, {1, 2}, ack_is_refused(Reason::SPOOL_FULL)},
      // the second half of QoS 2
      {"QoS 2 PUBLISH on an ordinary topic", kBoth, {2}, publishes("x/" + std::string(kVin) + "/log")},
      {"QoS 2 PUBLISH above the unreleased identifiers of a session",
       kBoth,
       {2},
       [](SessionHarness& h, int) {
         for (std::uint16_t id = 1; id <= broker::session::Limits{}.unreleased_ids_max; ++id) {
           h.publish(own("event/door"), 2, {}, static_cast<std::uint16_t>(id + 100));
           h.commit(h.all<OfferRecord>().back().token);
           if (h.version() == Version::v5 && id % 60 == 0) come_back(h, id);
         }
         h.actions.clear();
         h.publish(own("event/door"), 2);
       }},
      {"QoS 2 PUBLISH again while it is on its way",
       kBoth,
       {2},
       [](SessionHarness& h, int) {
         h.publish(own("event/door"), 2);
         h.actions.clear();
         h.publish(own("event/door"), 2);
       }},
      {"QoS 2 PUBLISH again while it is in custody",
       kBoth,
       {2},
       [](SessionHarness& h, int) {
         receive(h);
         h.publish(own("event/door"), 2);
       }},
      {"QoS 2 PUBLISH with an identifier that is being released",
       kBoth,
       {2},
       [](SessionHarness& h, int) {
         receive(h);
         h.feed(mqtt::Ack{mqtt::AckKind::pubrel, 5, 0, {}});
         h.actions.clear();
         h.publish(own("event/door"), 2);
       }},
      {"QoS 2 PUBLISH while the session store fails",
       kBoth,
       {2},
       [](SessionHarness& h, int) {
         h.publish(own("event/door"), 2);
         const std::uint64_t token = h.all<OfferRecord>().at(0).token;
         h.actions.clear();
         h.refuse(token, Reason::STORE_FAULT, Lane::event);
       }},
      {"PUBREL of nothing", kBoth, kNone,
       [](SessionHarness& h, int) { h.feed(mqtt::Ack{mqtt::AckKind::pubrel, 5, 0, {}}); }},
      {"PUBREL before its PUBREC", kBoth, kNone,
       [](SessionHarness& h, int) {
         h.publish(own("event/door"), 2);
         h.actions.clear();
         h.feed(mqtt::Ack{mqtt::AckKind::pubrel, 5, 0, {}});
       }},
      {"PUBREL while the session store fails", kBoth, kNone,
       [](SessionHarness& h, int) {
         receive(h);
         h.feed(mqtt::Ack{mqtt::AckKind::pubrel, 5, 0, {}});
         h.actions.clear();
         h.session.released(5, Reason::STORE_FAULT, h.now, h.actions);
       }},
      {"ordinary PUBLISH while the local broker is away", kBoth, kQos01,
       [](SessionHarness& h, int qos) {
         h.publish(std::string("x/") + kVin + "/log", q(qos));
         h.actions.clear();
         h.session.step(broker::session::ProxyEvent(broker::session::ProxyDown{}), h.now, h.actions);
       }},
      // SUBSCRIBE of a vehicle
      {"SUBSCRIBE to another vehicle", kBoth, kNone, subscribes("v1/" + std::string(kOtherVin) + "/cmd/#")},
      {"SUBSCRIBE with a wildcard in the vehicle slot", kBoth, kNone, subscribes("v1/+/cmd/#")},
      {"SUBSCRIBE to a row that vehicles do not receive", kBoth, kNone, subscribes(own("state/#"))},
      {"SUBSCRIBE with an ill-formed filter", kBoth, kNone, subscribes(own("cmd/#/x"))},
      {"SUBSCRIBE to a shared subscription", kBoth, kNone, subscribes("$share/g/" + own("cmd/#"))},
      {"SUBSCRIBE with a Subscription Identifier", kV5, kNone,
       [](SessionHarness& h, int) {
         mqtt::Subscribe packet;
         packet.packet_id = 7;
         packet.subscriptions = {{"b/all/#", 1, false, false, 0}};
         packet.properties.subscription_identifiers = {3};
         h.feed(packet);
       }},
      {"SUBSCRIBE above the subscriptions of a session", kBoth, kNone,
       [](SessionHarness& h, int) {
         for (int i = 0; i < 32; ++i) h.subscribe({own("control/c" + std::to_string(i))});
         h.actions.clear();
         h.subscribe({own("control/one-more")});
       }},
      {"SUBSCRIBE while the session store fails", kBoth, kNone,
       [](SessionHarness& h, int) {
         h.subscribe({own("cmd/#")});
         const auto saves = h.all<broker::session::SaveSession>();
         WAYSIDE_ASSERT(saves.size() == 1);
         h.actions.clear();
         h.session.saved(saves[0].token, Reason::STORE_FAULT, h.now, h.actions);
       }},
      // services
      {"request refused by its judgement",
       kV5,
       {1},
       [](SessionHarness& h, int) {
         h.publish(own("request"), 1, as_bytes("signed"));
         const auto asked = h.posted<broker::CommandRequested>();
         WAYSIDE_ASSERT(asked.size() == 1);
         h.actions.clear();
         h.session.step(broker::CommandAnswer{{1, 42}, asked[0].token, false, Reason::GRANT_EXPIRED}, h.now, h.actions);
       },
       true},
      {"QoS 2 PUBLISH of a service", kBoth, {2}, publishes(own("request"), "signed"), true},
      {"request that cannot be answered", kV5, {0}, publishes(own("request"), "signed"), true},
      {"request that cannot be answered", kV311, kQos01, publishes(own("request"), "signed"), true},
      {"request for a vehicle out of scope", kBoth, kQos01, publishes("v1/" + std::string(kOtherVin) + "/request"),
       true},
      {"SUBSCRIBE of a service out of scope", kBoth, kNone, subscribes("v1/" + std::string(kOtherVin) + "/status/#"),
       true},
  };
}

std::string hex(const Bytes& bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) {
    char text[4];
    std::snprintf(text, sizeof text, "%s%02x", out.empty() ? "" : " ", byte);
    out += text;
  }
  return out.empty() ? "-" : out;
}

// What a row says of an event: bytes, counter, and what becomes of the connection.
std::string answer_of(const Event& event, const Row& row) {
  SessionHarness harness(event.service ? test::service_options() : test::vehicle_options(), row.version);
  if (event.connected) harness.open(false, 3'600);
  event.act(harness, row.qos);
  std::string counter = "-";
  std::string fate = "open";
  for (const auto& action : harness.actions) {
    if (const auto* count = std::get_if<broker::session::Count>(&action)) {
      counter = std::string(count->stage) + " " + std::string(code(count->reason));
    }
    if (const auto* close = std::get_if<broker::session::Close>(&action)) {
      counter = std::string(close->stage) + " " + std::string(code(close->reason));
      fate = close->penalty ? "closed, delayed" : "closed";
    }
  }
  return "`" + hex(harness.written()) + "` | " + counter + " | " + fate;
}

std::string key_of(const Row& row) {
  return row.event + " | " + (row.version == Version::v5 ? "5" : "3.1.1") + " | " +
         (row.qos == kNoQos ? "-" : std::to_string(row.qos));
}

std::map<std::string, std::string> documented() {
  std::ifstream file(std::string(WAYSIDE_SOURCE_DIR) + "/docs/refusals.md");
  std::map<std::string, std::string> rows;
  std::string line;
  bool table = false;
  while (std::getline(file, line)) {
    if (line.starts_with("| Event |")) table = true;
    if (!line.starts_with("|")) table = false;
    if (!table || line.starts_with("| Event |") || line.starts_with("|--")) continue;
    std::vector<std::string> cells;
    std::istringstream in(line.substr(2));
    std::string cell;
    while (std::getline(in, cell, '|')) cells.push_back(cell.substr(cell.find_first_not_of(' ')));
    REQUIRE(cells.size() >= 6);
    for (std::string& one : cells) one = one.substr(0, one.find_last_not_of(' ') + 1);
    rows[cells[0] + " | " + cells[1] + " | " + cells[2]] = cells[3] + " | " + cells[4] + " | " + cells[5];
  }
  return rows;
}

TEST_CASE("a session answers every row of the refusal table as the document says") {
  const std::map<std::string, std::string> rows = documented();
  const bool print = std::getenv("WAYSIDE_PRINT_REFUSALS") != nullptr;
  std::set<std::string> driven;
  for (const Event& event : events()) {
    for (const Version version : event.versions) {
      for (const int qos : event.qos) {
        const Row row{event.name, version, qos};
        const std::string key = key_of(row);
        const std::string answer = answer_of(event, row);
        driven.insert(key);
        if (print) {
          std::printf("| %s | %s |\n", key.c_str(), answer.c_str());
          continue;
        }
        INFO(key);
        const auto found = rows.find(key);
        REQUIRE(found != rows.end());
        CHECK(answer == found->second);
      }
    }
  }
  if (print) return;
  for (const auto& [key, answer] : rows) {
    INFO("documented and not driven: " << key);
    CHECK(driven.contains(key));
  }
}

}  // namespace
}  // namespace wayside
