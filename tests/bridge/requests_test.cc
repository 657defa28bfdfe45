// Requests at the core: judged, durable before FORWARDED, resent until answered or late.
#include <catch2/catch_test_macros.hpp>

#include "intent/intent.h"
#include "schemas/messages.h"
#include "tests/simulation/world.h"

namespace wayside::test {
namespace {

constexpr const char* kTopic = "wayside/answer/backend";
constexpr const char* kCar = "WVWZZZ1JZXW000001";

// Keys, lists and a world whose two ends are up.
struct CommandWorld {
  CommandWorld()
      : root(intent::SigningKey::generate().value()),
        grant_key(intent::SigningKey::generate().value()),
        issuer(intent::SigningKey::generate().value()) {
    trust.root_key = root.public_key();
    trust.trust_list = intent::TrustList{root.public_key(), 1, {}, {grant_key.public_key()}};
    REQUIRE(world.start_broker().empty());
    start_core();
    REQUIRE(world.start_edge().empty());
    REQUIRE(world.drain());
    world.packets.clear();
  }
  void start_core() {
    REQUIRE(world.start_core().empty());
    world.core_event(bridge::core::TrustChanged{trust});
  }
  [[nodiscard]] Bytes request(std::uint8_t id, std::int64_t lives_ms = 60'000) const {
    const WallMs now = world.clock.wall();
    intent::Grant grant{grant_key.public_key(), issuer.public_key(),     1,   {kCar}, {"unlock"},
                        {now.value - 1'000},    {now.value + 3'600'000}, "r1"};
    intent::Intent intent;
    intent.vehicle = kCar;
    intent.command_id.fill(id);
    intent.issuer_key = issuer.public_key();
    intent.grant_serial = 1;
    intent.region = "r1";
    intent.group = "unlock";
    intent.name = "unlock";
    intent.created = now;
    intent.deadline = {now.value + lives_ms};
    intent.counter = id;
    Bytes out = intent::sign_intent(issuer, intent);
    const Bytes signed_grant = intent::sign_grant(grant_key, grant);
    out.insert(out.end(), signed_grant.begin(), signed_grant.end());
    return out;
  }
  void ask(const Bytes& bytes, const std::string& vehicle = kCar, const std::string& topic = kTopic) {
    world.core_event(bridge::core::Request{vehicle, topic, {7}, bytes});
  }
  [[nodiscard]] std::string last_answer() const {
    if (world.answers.empty()) return "none";
    const auto answer = schemas::parse_answer(world.answers.back().payload);
    return answer ? answer.value().outcome + (answer.value().reason.empty() ? "" : " " + answer.value().reason) : "bad";
  }
  void run() {
    for (unsigned n = 0; n < 20; ++n) {
      while (world.deliver({})) continue;
      world.core_event(bridge::core::Flush{});
    }
  }

  World world{21};
  intent::SigningKey root;
  intent::SigningKey grant_key;
  intent::SigningKey issuer;
  intent::Trust trust;
};

}  // namespace

TEST_CASE("FORWARDED is said only after the request is durable, and the bytes go down as signed") {
  CommandWorld c;
  const Bytes request = c.request(1);
  c.ask(request);
  CHECK(c.world.answers.empty());
  c.world.core_event(bridge::core::Flush{});
  CHECK(c.last_answer() == "FORWARDED");
  CHECK(c.world.answers.back().correlation == Bytes{7});
  c.run();
  REQUIRE(c.world.to_broker.size() == 1);
  CHECK(c.world.to_broker.front().request == request);
}

TEST_CASE("a request that the core log does not take is refused, not FORWARDED") {
  CommandWorld c;
  c.ask(c.request(1));
  c.world.core_disk.fail(SimCall::fdatasync, Fault::io, 0, 20);
  c.world.core_event(bridge::core::Flush{});
  CHECK(c.last_answer() == "REFUSED CORE_LOG_FAULT");
  CHECK(c.world.core->link->requests().open() == 0);
}

TEST_CASE("a core that lost power sends its unanswered requests again and its answered ones never") {
  CommandWorld c;
  c.ask(c.request(1));
  c.ask(c.request(2));
  c.run();
  REQUIRE(c.world.to_broker.size() == 2);
  c.world.edge_event(bridge::edge::BrokerAnswer{c.world.to_broker[0].sequence, true, ""});
  c.run();
  CHECK(c.world.core->link->requests().open() == 1);
  c.world.core_power_loss();
  c.start_core();
  CHECK(c.world.core->link->requests().open() == 1);
  const Bytes unanswered = c.world.to_broker[1].request;
  c.world.edge_event(bridge::edge::BrokerDown{});
  c.world.edge_event(bridge::edge::BrokerUp{});
  c.world.to_broker.clear();
  c.world.link_up();
  c.run();
  REQUIRE(c.world.to_broker.size() == 1);
  CHECK(c.world.to_broker.front().request == unanswered);
}

TEST_CASE("the edge's refusal reaches the requester with its reason") {
  CommandWorld c;
  c.ask(c.request(1));
  c.run();
  c.world.edge_event(bridge::edge::BrokerAnswer{c.world.to_broker.at(0).sequence, false, "COUNTER_LOW"});
  c.run();
  CHECK(c.last_answer() == "REFUSED COUNTER_LOW");
}

TEST_CASE("a request is resent while the edge's broker is away, until its deadline") {
  CommandWorld c;
  c.world.edge_event(bridge::edge::BrokerDown{});
  c.ask(c.request(1, 5'000));
  c.run();
  CHECK(c.world.to_broker.empty());
  c.world.tick(600);
  c.world.edge_event(bridge::edge::BrokerUp{});
  c.world.tick(600);
  c.run();
  CHECK(c.world.to_broker.size() == 1);
  c.world.to_broker.clear();
  c.world.edge_event(bridge::edge::BrokerDown{});
  c.world.edge_event(bridge::edge::BrokerUp{});
  c.world.tick(5'000);
  c.run();
  CHECK(c.world.core->link->requests().open() == 0);
  c.world.tick(1'000);
  c.run();
  CHECK(c.world.to_broker.empty());
  CHECK(c.last_answer() == "FORWARDED");  // it may have arrived: REFUSED would be a guess
}

TEST_CASE("a request the core cannot stand behind is refused with its reason") {
  CommandWorld c;
  Bytes forged = c.request(1);
  forged[60] ^= 1U;
  c.ask(forged);
  CHECK(c.last_answer() == "REFUSED SIGNATURE_INVALID");
  c.ask(c.request(2), "WVWZZZ1JZXW000002");
  CHECK(c.last_answer() == "REFUSED GRANT_SCOPE");
  c.ask(c.request(3, -1));
  CHECK(c.last_answer() == "REFUSED DEADLINE_PASSED");
  c.ask(c.request(4));
  c.run();
  c.ask(c.request(4, 61'000));
  CHECK(c.last_answer() == "REFUSED ID_CONFLICT");
  CHECK(c.world.core->link->requests().open() == 1);
}

TEST_CASE("a requester cannot make the core write anywhere but to answer topics") {
  CommandWorld c;
  c.ask(c.request(1), kCar, "wayside/e1/down/urgent/downbatch");
  c.run();
  CHECK(c.world.answers.empty());
  CHECK(c.world.to_broker.empty());
}

TEST_CASE("the command lane of the core log is released though nobody ever made a request") {
  World world(7);
  world.sizes = kSmall;
  REQUIRE(world.start_broker().empty());
  REQUIRE(world.start_core().empty());
  REQUIRE(world.start_edge().empty());
  std::uint64_t bytes = 0;
  for (std::uint64_t n = 0; bytes < 4 * world.sizes.core_lane_bytes_max; ++n) {
    INFO("after " << bytes << " bytes");
    const Bytes body = record_body(Lane::command, "V1", n, 2'000);
    bytes += body.size();
    REQUIRE(world.append(Lane::command, body));
    REQUIRE(world.commit(Lane::command));
    REQUIRE(world.drain());
    world.broker->release(world.edge_disk);
  }
}

}  // namespace wayside::test
