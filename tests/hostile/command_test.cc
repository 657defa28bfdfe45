// Attacks on commands: by who asks, and by the vehicle that they go to.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "schemas/messages.h"
#include "tests/hostile/hostile_region.h"
#include "vehicle/verifier.h"

namespace wayside::test {
namespace {

std::string ack_payload(const intent::CommandId& id, std::string_view state) {
  const Bytes payload =
      schemas::build_command_ack({id, *schemas::parse_command_state(state), "", os::SystemClock().wall()});
  return std::string(as_text(payload));
}

// What a vehicle with this region's lists says to a command that it gets now.
vehicle::Judgement judge_now(const HostileRegion& region, ByteView request) {
  vehicle::MemoryStorage storage;
  vehicle::Options options;
  options.vehicle = region.rogue();
  options.region = "demo";
  Bytes root;
  const auto text = os::read_file(region.pki("commands/root.pub"), 1024);
  REQUIRE((text.ok() && from_hex(text->substr(0, 64), root) && root.size() == 32));
  std::ranges::copy(root, options.root_key.begin());
  auto verifier = vehicle::Verifier::open(options, storage);
  REQUIRE(verifier.ok());
  for (const auto& entry : std::filesystem::directory_iterator(region.pki("commands/trust"))) {
    const auto list = os::read_file(entry.path().string(), 1U << 20U);
    REQUIRE((list.ok() && verifier->accept_list(as_bytes(*list)).ok()));
  }
  return verifier->judge(request, os::SystemClock().wall());
}

}  // namespace

TEST_CASE("Hostile: a command with 0.4 s left behind a radio stalled for 5 s is never acted on and ends EXPIRED") {
  HostileRegion region;
  MqttClient car(region.rogue_client());
  REQUIRE((car.open() && car.connect(region.rogue(), false, 600)));
  REQUIRE(car.subscribe({region.own("cmd/+")}) == std::vector<std::uint8_t>{1});
  const fleet::SignedRequest request = region.request_to(region.rogue(), 400);
  const auto answer = region.issuer().request(region.rogue(), request, 5'000);
  REQUIRE(answer.ok());
  REQUIRE(answer->outcome == "ACCEPTED");
  const os::SystemClock clock;
  const MonoMs stalled_until = clock.mono() + 5'000;
  region.commands_stay_fast_during([] {});
  while (clock.mono() < stalled_until) REQUIRE(region.issuer().listen(50).ok());

  // The radio is back. What was on the air before the deadline may still come in; the vehicle's library says no.
  while (const auto arrived = car.receive(500)) {
    const auto* publish = arrived->get<mqtt::Publish>();
    if (publish == nullptr) continue;
    const vehicle::Judgement judged = judge_now(region, publish->payload);
    CHECK(judged.verdict == vehicle::Verdict::reject);
    CHECK(judged.reason == Reason::DEADLINE_PASSED);
  }
  MqttClient back(region.rogue_client());
  REQUIRE((back.open() && back.connect(region.rogue(), false, 600)));
  const auto acked = back.publish(region.own("cmd/" + request.id_text + "/ack"), ack_payload(request.id, "EXPIRED"), 7);
  REQUIRE(acked);
  CHECK(acked->reason == 0);
  CHECK(back.silent_for(500));  // and it is not sent again
  const auto ended = region.issuer().wait_final(request, 20'000);
  REQUIRE(ended.ok());
  CHECK(schemas::to_string(ended->state) == "EXPIRED");
  CHECK(region.counter("wayside_gate_ended_total", {{"reason", "DEADLINE_PASSED"}}) == 1);
  region.nothing_is_lost();
}

TEST_CASE("Hostile: requests that are cut, lengthened, changed or of another region are refused with their reason") {
  HostileRegion region;
  const fleet::SignedRequest good = region.request_to(region.good());
  const fleet::SignedRequest elsewhere = region.request_to(region.good(), 30'000, "other");
  const std::size_t intent_bytes = intent::open_request(good.bytes)->intent_bytes.size();
  const auto with = [&](const std::function<void(Bytes&)>& change) {
    Bytes bytes = good.bytes;
    change(bytes);
    return bytes;
  };
  const std::vector<std::pair<Bytes, std::string>> cases = {
      {with([&](Bytes& b) { b.resize(intent_bytes); }), "SIGNED_MALFORMED"},  // no grant
      {with([](Bytes& b) { b.push_back(0); }), "SIGNED_MALFORMED"},
      {with([](Bytes& b) { b[5] = 2; }), "SIGNED_MALFORMED"},                               // says that it is a grant
      {with([](Bytes& b) { b[4] = 9; }), "SIGNED_UNSUPPORTED"},                             // version
      {with([](Bytes& b) { b[110] ^= 1U; }), "SIGNATURE_INVALID"},                          // body
      {with([](Bytes& b) { std::fill_n(b.begin() + 6, 32, 0); }), "SIGNATURE_INVALID"},     // key of small order
      {with([](Bytes& b) { std::fill_n(b.begin() + 70, 32, 255); }), "SIGNATURE_INVALID"},  // S >= L
      {elsewhere.bytes, "REGION_MISMATCH"}};
  std::vector<double> before;
  before.reserve(cases.size());
  for (const auto& [bytes, reason] : cases) {
    before.push_back(region.counter("wayside_commands_total", {{"state", "REFUSED"}, {"reason", reason}}));
  }
  const std::string leaf = std::string("services/") + fleet::kRegionApp;
  int rounds = 0;
  region.commands_stay_fast_during([&] {
    MqttClient client(region.client(leaf, region.ports().services, mqtt::Version::v5));
    REQUIRE((client.open() && client.connect("forger")));
    for (const auto& [bytes, reason] : cases) {
      INFO(reason);
      mqtt::Publish publish;
      const std::string topic = "v1/" + region.good() + "/request";
      publish.topic = topic;
      publish.payload = bytes;
      publish.qos = 1;
      publish.packet_id = 1;
      REQUIRE(client.send(publish));
      const auto arrived = client.expect<mqtt::Ack>();
      REQUIRE(arrived);
      const mqtt::Ack& ack = *arrived->get<mqtt::Ack>();
      CHECK(ack.reason >= 0x80);
      CHECK(ack.properties.reason_string.value_or("") == reason);
    }
    ++rounds;
  });
  for (std::size_t i = 0; i < cases.size(); ++i) {
    INFO(cases[i].second);
    CHECK(region.counter("wayside_commands_total", {{"state", "REFUSED"}, {"reason", cases[i].second}}) - before[i] >=
          rounds);
  }
  for (const auto& status : region.issuer().statuses()) CHECK(status.command_id != good.id);
  region.nothing_is_lost();
}

TEST_CASE("Hostile: a vehicle that floods acks of commands it never had costs nobody a command") {
  HostileRegion region;
  const std::uint64_t kib_before = region.resident_kib();
  std::uint32_t sent = 0;
  MqttClient client(region.rogue_client());
  REQUIRE((client.open() && client.connect(region.rogue())));
  region.commands_stay_fast_during([&] {
    Bytes bytes;
    for (int i = 0; i < 500; ++i) {
      intent::CommandId id{};
      const std::uint32_t number = ++sent;
      std::memcpy(id.data(), &number, sizeof number);
      const std::string topic = region.own("cmd/" + intent::to_base32(id) + "/ack");
      const std::string payload = ack_payload(id, "SUCCEEDED");
      mqtt::Publish publish;
      publish.topic = topic;
      publish.payload = as_bytes(payload);
      mqtt::encode(publish, mqtt::Version::v5, bytes);
    }
    REQUIRE(client.send_raw(bytes));
  });
  const auto refused = [&](const std::string& reason) {
    return region.counter("wayside_command_acks_total", {{"outcome", "refused"}, {"reason", reason}});
  };
  CHECK(wait_until([&] { return refused("BUDGET") > 0; }, 5'000));
  CHECK(refused("COMMAND_UNKNOWN") <= 64);  // 32 a minute: the flood does not reach the store
  CHECK(region.resident_kib() < kib_before + (64U << 10U));
  const auto ack = client.publish(region.own("event/door"), "x");
  REQUIRE(ack);
  CHECK(ack->reason == 0);  // its own events are still taken
  region.nothing_is_lost();
}

}  // namespace wayside::test
