// Requests from a backend through the core down to an edge's broker, over real processes; the broker's end of the
// Unix socket is played by the test.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <thread>

#include "common/ipc/frame.h"
#include "intent/intent.h"
#include "schemas/messages.h"
#include "tests/integration/bridge_fixture.h"

namespace wayside::test {
namespace {

constexpr const char* kCar = "WVWZZZ1JZXW000001";

// The broker's end of bridge.sock: greets, keeps what is asked, answers when told to.
class FakeBroker {
 public:
  FakeBroker(const std::string& path, ipc::Hello hello) : hello_(std::move(hello)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener_, 4) == 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeBroker() {
    shutdown(listener_, SHUT_RDWR);
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
      if (fd_ >= 0) shutdown(fd_, SHUT_RDWR);
    }
    thread_.join();
    close(listener_);
  }
  FakeBroker(const FakeBroker&) = delete;
  FakeBroker& operator=(const FakeBroker&) = delete;

  std::vector<ipc::Request> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  // Every request from now on, and the ones that wait.
  void answer_all(bool accepted, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    answering_ = true;
    accepted_ = accepted;
    reason_ = reason;
    for (const ipc::Request& request : requests_) answer(request.sequence);
  }

 private:
  void answer(std::uint64_t sequence) {
    Bytes frame;
    ipc::encode_frame(ipc::Answer{sequence, accepted_, reason_}, frame);
    (void)!send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL);
  }
  void serve() {
    for (;;) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      {
        const std::lock_guard lock(mutex_);
        if (over_) return void(close(fd));
        fd_ = fd;
        Bytes frame;
        ipc::encode_frame(hello_, frame);
        (void)!send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL);
      }
      read_requests(fd);
      const std::lock_guard lock(mutex_);
      fd_ = -1;
      close(fd);
    }
  }
  void read_requests(int fd) {
    Bytes input;
    std::array<std::uint8_t, 4096> chunk;
    for (ssize_t got = 0; (got = recv(fd, chunk.data(), chunk.size(), 0)) > 0;) {
      input.insert(input.end(), chunk.begin(), chunk.begin() + got);
      for (auto frame = ipc::decode_frame(input); frame.status == ipc::FrameStatus::complete;
           frame = ipc::decode_frame(input)) {
        input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(frame.consumed));
        const std::lock_guard lock(mutex_);
        requests_.push_back(std::get<ipc::Request>(frame.frame));
        if (answering_) answer(requests_.back().sequence);
      }
    }
  }

  ipc::Hello hello_;
  int listener_ = -1;
  std::mutex mutex_;
  int fd_ = -1;
  bool over_ = false;
  bool answering_ = false;
  bool accepted_ = false;
  std::string reason_;
  std::vector<ipc::Request> requests_;
  std::thread thread_;
};

// An unlock of the car, signed by the backend under its grant, as it is published.
Bytes request_bytes(const BridgeFixture& world, std::uint8_t id) {
  auto keys = certs::CommandKeys::open(world.dir() / "pki");
  REQUIRE(keys.ok());
  const WallMs now = world.clock().wall();
  certs::GrantRequest grant;
  grant.issuer = "backend";
  grant.vehicles = {kCar};
  grant.groups = {"unlock"};
  grant.region = "demo";
  grant.not_before = {now.value - 1'000};
  grant.not_after = {now.value + 3'600'000};
  auto granted = keys->issue_grant(grant);
  REQUIRE(granted.ok());
  auto issuer = keys->issuer_key("backend");
  REQUIRE(issuer.ok());
  intent::Intent intent;
  intent.vehicle = kCar;
  intent.command_id.fill(id);
  intent.issuer_key = issuer->public_key();
  intent.grant_serial = granted->serial;
  intent.region = "demo";
  intent.group = "unlock";
  intent.name = "unlock";
  intent.created = now;
  intent.deadline = {now.value + 60'000};
  intent.counter = id;
  Bytes out = intent::sign_intent(*issuer, intent);
  auto signed_grant = keys->grant_of("backend");
  REQUIRE(signed_grant.ok());
  out.insert(out.end(), signed_grant->begin(), signed_grant->end());
  return out;
}

// Publishes as a stock client with Response Topic and gives the first answer. (mosquitto_rr 2.0 sends no file.)
schemas::AnswerMessage ask(const BridgeFixture& world, const Bytes& request, const std::string& name) {
  const std::string file = world.dir().write(name + ".bin", std::string(as_text(request)));
  const std::string answered = world.dir() / (name + ".answer");
  Process listener(world.as_backend("mosquitto_sub", {"-i", name, "-q", "1", "-N", "-C", "1", "-W", "20", "-t",
                                                      "wayside/answer/backend"}),
                   Process::Options{.output = answered});
  REQUIRE(wait_until([&] { return world.logs().find("Sending SUBACK to " + name) != std::string::npos; }, 10'000));
  const Ran ran = run(world.as_backend(
      "mosquitto_pub", {"-q", "1", "-t", std::string("v1/") + kCar + "/request", "-f", file, "-D", "publish",
                        "response-topic", "wayside/answer/backend", "-D", "publish", "correlation-data", name}));
  INFO(ran.output);
  REQUIRE(ran.exit_code == 0);
  const bool heard = listener.wait(25'000) == 0;
  INFO(world.logs());
  REQUIRE(heard);
  const std::string payload = slurp(answered);
  const auto answer = schemas::parse_answer(as_bytes(payload));
  REQUIRE(answer.ok());
  return answer.value();
}

// Waits for what one of the bridges says on its log.
bool said(const BridgeFixture& world, const std::string& words, int timeout_ms = 15'000) {
  return wait_until([&] { return world.logs().find(words) != std::string::npos; }, timeout_ms);
}

// Starts the core again and waits until it is back on its broker: a request published before that is heard by nobody.
void restart_core(BridgeFixture& world) {
  const auto ups = [&] {
    std::size_t count = 0;
    const std::string log = slurp(world.dir() / "bridge-core.log");
    for (std::size_t at = 0; (at = log.find("link_up", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  world.core().kill_now();
  const std::size_t before = ups();
  world.start_core();
  REQUIRE(wait_until([&] { return ups() > before; }, 15'000));
}

void start_all(BridgeFixture& world) {
  world.open_spool();
  world.start_mosquitto();
  world.start_core();
  world.start_edge();
  REQUIRE(said(world, "wayside-bridge-core link_up"));
  REQUIRE(said(world, "wayside-bridge-edge link_up"));
}

}  // namespace

TEST_CASE(
    "a request is FORWARDED once durable, survives kill -9 of the core, and reaches the edge's broker as signed") {
  BridgeFixture world;
  start_all(world);
  const Bytes request = request_bytes(world, 1);
  CHECK(ask(world, request, "first").outcome == "FORWARDED");  // nobody listens at the edge yet
  restart_core(world);
  FakeBroker broker(world.dir() / "bridge.sock", {world.uuid(), "edge-1", "demo"});
  const bool arrived = wait_until([&] { return !broker.requests().empty(); }, 20'000);
  INFO(world.logs());
  REQUIRE(arrived);
  CHECK(broker.requests().front().bytes == request);
  broker.answer_all(true, "");

  // Answered is answered, also for the next life of the core: nothing is sent again.
  const auto quiet = [&] {
    const std::size_t before = broker.requests().size();
    return !wait_until([&] { return broker.requests().size() > before; }, 1'500);
  };
  REQUIRE(wait_until(quiet, 10'000));
  const std::size_t before = broker.requests().size();
  restart_core(world);
  CHECK(ask(world, request_bytes(world, 2), "second").outcome == "FORWARDED");
  REQUIRE(wait_until([&] { return broker.requests().size() > before; }, 15'000));
  CHECK(broker.requests().back().bytes != request);
}

TEST_CASE("a forged request is refused by the core with its reason and never leaves it") {
  BridgeFixture world;
  start_all(world);
  FakeBroker broker(world.dir() / "bridge.sock", {world.uuid(), "edge-1", "demo"});
  Bytes forged = request_bytes(world, 3);
  forged[intent::kSignedHeaderBytes + 8] ^= 1U;
  const schemas::AnswerMessage answer = ask(world, forged, "forger");
  CHECK(answer.outcome == "REFUSED");
  CHECK(answer.reason == "SIGNATURE_INVALID");
  CHECK(broker.requests().empty());
}

}  // namespace wayside::test
