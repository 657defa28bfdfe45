// The way down through a running wayside-broker: the bridge's socket, the command store, the gate, the car.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "common/ipc/frame.h"
#include "fleet/request.h"
#include "tests/integration/edge_fixture.h"

namespace wayside::test {
namespace {

using Words = std::vector<std::string>;

// What `bridge edge` is to the broker: one connection to bridge.sock.
class Bridge {
 public:
  explicit Bridge(const EdgeFixture& edge) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const std::string path = edge.dir() / "run/bridge.sock";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  Bridge(const Bridge&) = delete;
  ~Bridge() { close(fd_); }

  ipc::Frame next() {
    while (true) {
      ipc::DecodedFrame decoded = ipc::decode_frame(input_);
      REQUIRE(decoded.status != ipc::FrameStatus::malformed);
      if (decoded.status == ipc::FrameStatus::complete) {
        input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(decoded.consumed));
        return decoded.frame;
      }
      pollfd ready{fd_, POLLIN, 0};
      REQUIRE(poll(&ready, 1, 10'000) == 1);
      Bytes buffer(4096);
      const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
      REQUIRE(got > 0);
      input_.insert(input_.end(), buffer.begin(), buffer.begin() + got);
    }
  }
  ipc::Answer ask(std::uint64_t sequence, const Bytes& request) {
    Bytes frame;
    ipc::encode_frame(ipc::Request{sequence, request}, frame);
    REQUIRE(send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size()));
    return std::get<ipc::Answer>(next());
  }

 private:
  int fd_;
  Bytes input_;
};

fleet::SignedRequest unlock(const EdgeFixture& edge, const std::string& region, std::int64_t deadline_ms) {
  auto keys = certs::CommandKeys::open(edge.dir() / "pki");
  REQUIRE(keys.ok());
  auto grant = keys->grant_of("backend");
  auto key = keys->issuer_key("backend");
  REQUIRE(grant.ok());
  REQUIRE(key.ok());
  auto request = fleet::sign_request(*key, *grant,
                                     {.vehicle = kVehicle,
                                      .region = region,
                                      .group = "unlock",
                                      .name = "doors",
                                      .arguments = {},
                                      .supersede_key = {},
                                      .deadline_ms = deadline_ms},
                                     os::SystemClock().wall());
  REQUIRE(request.ok());
  return std::move(*request);
}

void grant_backend(const EdgeFixture& edge) {
  auto keys = certs::CommandKeys::open(edge.dir() / "pki");
  REQUIRE(keys.ok());
  REQUIRE(keys->init_issuer("backend").ok());
  const WallMs now = os::SystemClock().wall();
  certs::GrantRequest grant;
  grant.issuer = "backend";
  grant.vehicles = {kVehicle};
  grant.groups = {"unlock"};
  grant.region = "demo";
  grant.not_before = {now.value - 60'000};
  grant.not_after = {now.value + 3'600'000};
  REQUIRE(keys->issue_grant(grant).ok());
}

}  // namespace

TEST_CASE("Bridge socket: an authorised command is accepted once, survives kill -9 and reaches its car") {
  EdgeFixture edge;
  grant_backend(edge);
  edge.start();
  const fleet::SignedRequest request = unlock(edge, "demo", 60'000);
  {
    Bridge bridge(edge);
    const auto hello = std::get<ipc::Hello>(bridge.next());
    CHECK(hello.edge == "edge-1");
    CHECK(hello.region == "demo");
    const ipc::Answer answer = bridge.ask(1, request.bytes);
    INFO(answer.reason << edge.log());
    REQUIRE(answer.accepted);
  }
  edge.broker().kill_now();
  edge.start();
  // The core had not heard the answer and asks again: the same command, accepted again, executed once.
  Bridge bridge(edge);
  bridge.next();
  CHECK(bridge.ask(2, request.bytes).accepted);

  const std::string heard = edge.dir() / "heard";
  Words argv =
      edge.as_vehicle("mosquitto_sub", kVehicle,
                      {"-V", "mqttv5", "-q", "1", "-F", "%t %l", "-t", std::string("v1/") + kVehicle + "/cmd/+"});
  argv.insert(argv.begin(), {"stdbuf", "-oL"});
  const Process vehicle(argv, {.output = heard});
  const std::string line =
      std::string("v1/") + kVehicle + "/cmd/" + request.id_text + " " + std::to_string(request.bytes.size()) + "\n";
  CHECK(wait_until([&] { return slurp(heard) == line; }, 10'000));
  INFO(slurp(heard) << edge.log());
  const std::string status = std::string("v1/") + kVehicle + "/status/" + request.id_text;
  CHECK(wait_until(
      [&] {
        std::size_t statuses = 0;
        for (const EdgeFixture::Stored& record : edge.records(Lane::ack)) statuses += record.topic == status ? 1U : 0U;
        return statuses >= 3;  // ACCEPTED, QUEUED, SENT
      },
      10'000));
}

TEST_CASE("Bridge socket: what is forged, out of scope or late is refused with its reason") {
  EdgeFixture edge;
  grant_backend(edge);
  edge.start();
  Bridge bridge(edge);
  bridge.next();
  CHECK(bridge.ask(1, {1, 2, 3}).reason == "SIGNED_MALFORMED");
  fleet::SignedRequest forged = unlock(edge, "demo", 60'000);
  forged.bytes[60] ^= 1U;  // inside the signature of the intent
  CHECK(bridge.ask(2, forged.bytes).reason == "SIGNATURE_INVALID");
  CHECK(bridge.ask(3, unlock(edge, "elsewhere", 60'000).bytes).reason == "REGION_MISMATCH");
  CHECK(bridge.ask(4, unlock(edge, "demo", -1'000).bytes).reason == "DEADLINE_PASSED");
  CHECK(bridge.ask(5, unlock(edge, "demo", 60'000).bytes).accepted);
}

}  // namespace wayside::test
