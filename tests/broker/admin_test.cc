// The operator's socket and the bridge's socket, over real Unix sockets and the real control loop.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstring>
#include <mutex>
#include <thread>

#include "broker/admin/admin_server.h"
#include "broker/admin/bridge_server.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace wayside::broker {
namespace {

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

// A client of either socket, turned together with the loop that serves it.
struct Client {
  ControlLoop& loop;
  int fd;
  Bytes got;
  bool closed = false;

  Client(ControlLoop& loop_to_turn, const std::string& path) : loop(loop_to_turn), fd(connect_to(path)) {}
  Client(const Client&) = delete;
  ~Client() { close(fd); }
  void send(ByteView bytes) const {
    REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  void turn() {
    loop.turn(5);
    Bytes buffer(4096);
    const ssize_t count = recv(fd, buffer.data(), buffer.size(), 0);
    closed = closed || count == 0;
    if (count > 0) got.insert(got.end(), buffer.begin(), buffer.begin() + count);
  }
  bool until(const std::function<bool()>& predicate) {
    return test::wait_until(
        [&] {
          turn();
          return predicate();
        },
        5000);
  }
  std::string line() {
    REQUIRE(until([this] { return as_text(got).find('\n') != std::string_view::npos; }));
    std::string out(as_text(got));
    got.clear();
    return out;
  }
  ipc::Frame frame() {
    ipc::DecodedFrame decoded;
    REQUIRE(until([&] {
      decoded = ipc::decode_frame(got);
      return decoded.status == ipc::FrameStatus::complete;
    }));
    got.erase(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(decoded.consumed));
    return decoded.frame;
  }
};

struct Recorder final : AdminHandler {
  std::vector<AdminRequest> requests;
  AdminReply reply = AdminDone{};
  std::vector<AdminReplied> later;  // of op vehicle
  void handle(const AdminRequest& request, AdminReplied replied) override {
    requests.push_back(request);
    if (request.op == AdminOp::vehicle) return later.push_back(std::move(replied));
    replied(reply);
  }
};

// Answers from a thread of its own, as the command thread does.
struct Desk final : CommandPort {
  bool full = false;
  std::mutex mutex;
  std::vector<CommandRequested> taken;
  bool post(CommandEvent event) override {
    if (full) return false;
    const std::lock_guard lock(mutex);
    taken.push_back(std::get<CommandRequested>(std::move(event)));
    return true;
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return taken.size();
  }
};

Bytes framed(const ipc::Frame& frame) {
  Bytes out;
  ipc::encode_frame(frame, out);
  return out;
}

struct BridgeBench {
  BridgeServer::Options options = {};
  test::TempDir dir{"bridge"};
  std::unique_ptr<metrics::Registry> metrics = metrics::Registry::create();
  std::unique_ptr<ControlLoop> loop = std::move(ControlLoop::create()).value();
  Desk desk{};
  std::unique_ptr<BridgeServer> server = std::move(BridgeServer::start(*loop, desk, *metrics, dir / "bridge.sock",
                                                                       {SpoolUuid{{1, 2, 3}}, "edge-1", "eu"}, options))
                                             .value();
};

}  // namespace

TEST_CASE("Admin: requests are one JSON object with a known op and its members") {
  CHECK(parse_admin_request(R"({"op":"status"})").value().op == AdminOp::status);
  const Outcome<AdminRequest> block = parse_admin_request(R"({"op":"block","vehicle":"WVWZZZ1JZXW000001"})");
  REQUIRE(block.ok());
  CHECK(block.value().vehicle == "WVWZZZ1JZXW000001");
  for (const char* bad : {"", "[]", "{}", R"({"op":7})", R"({"op":"erase"})", R"({"op":"block"})",
                          R"({"op":"block","vehicle":5})", R"({"op":"status"} x)", "{\"op\":\"sta"}) {
    CAPTURE(bad);
    CHECK(parse_admin_request(bad).reason() == Reason::ADMIN_MALFORMED);
  }
}

TEST_CASE("Admin: a vehicle is rendered with what is known, and null where nothing is") {
  CHECK(parse_admin_request(R"({"op":"vehicle","vehicle":"A"})").value().op == AdminOp::vehicle);
  CHECK(parse_admin_request(R"({"op":"vehicle"})").reason() == Reason::ADMIN_MALFORMED);
  VehicleReport report;
  report.vehicle = "A";
  report.edge = "edge-1";
  report.refusals.push_back({"connect", Reason::BLOCKED, 2, {1}, {2}, "127.0.0.1:1"});
  const std::string offline = render_admin_reply(report);
  CHECK(offline.starts_with(R"({"ok":true,"vehicle":"A","edge":"edge-1")"));
  CHECK(offline.find(R"("online":false,"blocked":false,"connection":null,"sessions_answer":false,"session":null)") !=
        std::string::npos);
  CHECK(offline.find(R"("reason":"BLOCKED","sentence":"An operator has blocked this vehicle.","count":2)") !=
        std::string::npos);
  report.connection.emplace().from = "[2001:db8::7]:1";
  report.session.emplace().ended = WallMs{7};
  report.commands.push_back({{}, "SENT", "", "climate", "start", {1}, {2}, true});
  const std::string online = render_admin_reply(report);
  CHECK(online.find(R"("online":true)") != std::string::npos);
  CHECK(online.find(R"("from":"[2001:db8::7]:1")") != std::string::npos);
  CHECK(online.find(R"("ended_ms":7,"expires_ms":null)") != std::string::npos);
  CHECK(online.find(R"("state":"SENT","reason":"","group":"climate","name":"start")") != std::string::npos);
}

TEST_CASE("Admin: the ledger is rendered lane by lane with its door") {
  LaneReport lane;
  lane.lane = Lane::state;
  lane.received = 10;
  lane.delivered = 6;
  lane.pending = 4;
  lane.refused["SPOOL_FULL"] = 2;
  const std::string text = render_admin_reply(LedgerReport{"u", {lane}});
  CHECK(text.find(R"("ok":true)") != std::string::npos);
  CHECK(text.find(R"("lane":"state","received":10,"delivered":6)") != std::string::npos);
  CHECK(text.find(R"("refused":{"SPOOL_FULL":2})") != std::string::npos);
}

TEST_CASE("AdminServer: a line in, a line out, in order, and malformed lines end nothing") {
  const test::TempDir dir("admin");
  auto loop = std::move(ControlLoop::create()).value();
  Recorder handler;
  auto server = std::move(AdminServer::start(*loop, handler, dir / "admin.sock", {})).value();
  struct stat mode{};
  REQUIRE(stat((dir / "admin.sock").c_str(), &mode) == 0);
  CHECK((mode.st_mode & 0777U) == 0600);

  Client client(*loop, dir / "admin.sock");
  client.send(as_bytes("{\"op\":\"unblock\",\"vehicle\":\"A\"}\nnonsense\n"));
  std::string lines = client.line();
  if (std::count(lines.begin(), lines.end(), '\n') < 2) lines += client.line();
  CHECK(lines.starts_with("{\"ok\":true}\n{\"ok\":false,\"reason\":\"ADMIN_MALFORMED\",\"sentence\":\""));
  REQUIRE(handler.requests.size() == 1);
  CHECK(handler.requests[0].op == AdminOp::unblock);
  handler.reply = AdminRefusal{Reason::ADMIN_FAILED, "disk \"x\" is gone"};
  client.send(as_bytes("{\"op\":\"drain\"}\n"));
  CHECK(client.line() == "{\"ok\":false,\"reason\":\"ADMIN_FAILED\",\"sentence\":\"disk \\\"x\\\" is gone\"}\n");
}

TEST_CASE("AdminServer: an answer that takes its time is waited for, in order, and disturbs no other operator") {
  const test::TempDir dir("admin");
  auto loop = std::move(ControlLoop::create()).value();
  Recorder handler;
  auto server = std::move(AdminServer::start(*loop, handler, dir / "admin.sock", {})).value();
  Client patient(*loop, dir / "admin.sock");
  patient.send(as_bytes("{\"op\":\"vehicle\",\"vehicle\":\"A\"}\n{\"op\":\"drain\"}\n"));
  REQUIRE(patient.until([&] { return handler.later.size() == 1; }));
  Client other(*loop, dir / "admin.sock");
  other.send(as_bytes("{\"op\":\"unblock\",\"vehicle\":\"B\"}\n"));
  CHECK(other.line() == "{\"ok\":true}\n");
  for (int i = 0; i < 10; ++i) patient.turn();
  CHECK(patient.got.empty());
  CHECK(handler.requests.size() == 2);  // the drain behind it waits
  handler.later[0](AdminRefusal{Reason::VEHICLE_UNKNOWN, "who?"});
  std::string lines = patient.line();
  if (std::count(lines.begin(), lines.end(), '\n') < 2) lines += patient.line();
  CHECK(lines == "{\"ok\":false,\"reason\":\"VEHICLE_UNKNOWN\",\"sentence\":\"who?\"}\n{\"ok\":true}\n");

  // Who has said all it had to say is answered; who is gone is nobody, and neither is who came after it.
  {
    Client gone(*loop, dir / "admin.sock");
    gone.send(as_bytes("{\"op\":\"vehicle\",\"vehicle\":\"C\"}\n"));
    REQUIRE(gone.until([&] { return handler.later.size() == 2; }));
  }
  for (int i = 0; i < 10; ++i) patient.turn();
  Client next(*loop, dir / "admin.sock");
  next.send(as_bytes("{\"op\":\"vehicle\",\"vehicle\":\"D\"}\n"));
  REQUIRE(next.until([&] { return handler.later.size() == 3; }));
  REQUIRE(shutdown(next.fd, SHUT_WR) == 0);
  handler.later[1](AdminDone{});
  for (int i = 0; i < 10; ++i) next.turn();
  CHECK(next.got.empty());
  handler.later[2](AdminDone{});
  CHECK(next.line() == "{\"ok\":true}\n");
  CHECK(next.until([&] { return next.closed; }));
  server.reset();
  handler.later[0](AdminDone{});  // of nobody
}

TEST_CASE("AdminServer: a line without end is cut off at its bound") {
  const test::TempDir dir("admin");
  auto loop = std::move(ControlLoop::create()).value();
  Recorder handler;
  const std::uint64_t bound = GENERATE(1'024U, 4'096U, 10'000U);
  auto server = std::move(AdminServer::start(*loop, handler, dir / "admin.sock", {.line_bytes_max = bound})).value();
  Client client(*loop, dir / "admin.sock");
  const std::string line = "{\"op\":\"unblock\",\"vehicle\":\"A\"}";
  client.send(as_bytes(std::string(bound - line.size() - 2, ' ') + line + "\n"));
  CHECK(client.line() == "{\"ok\":true}\n");
  client.send(as_bytes(std::string(bound, 'x')));
  CHECK(client.until([&] { return client.closed; }));
}

TEST_CASE("AdminServer: an operator beyond the bound is closed and disturbs nobody") {
  const test::TempDir dir("admin");
  auto loop = std::move(ControlLoop::create()).value();
  Recorder handler;
  auto server = std::move(AdminServer::start(*loop, handler, dir / "admin.sock", {.connections_max = 1})).value();
  Client first(*loop, dir / "admin.sock");
  first.send(as_bytes("{\"op\":\"drain\"}\n"));
  CHECK_FALSE(first.line().empty());
  Client second(*loop, dir / "admin.sock");
  CHECK(second.until([&] { return second.closed; }));
  first.send(as_bytes("{\"op\":\"drain\"}\n"));
  CHECK(first.line() == "{\"ok\":true}\n");
}

TEST_CASE("BridgeServer: hello comes first and every request gets the answer of the command thread") {
  BridgeBench bench;
  Client bridge(*bench.loop, bench.dir / "bridge.sock");
  const auto hello = std::get<ipc::Hello>(bridge.frame());
  CHECK(hello.edge == "edge-1");
  CHECK(hello.region == "eu");
  CHECK(hello.uuid == SpoolUuid{{1, 2, 3}});
  bridge.send(framed(ipc::Request{7, {1, 2, 3}}));
  bridge.send(framed(ipc::Request{8, {4}}));
  REQUIRE(bridge.until([&] { return bench.desk.count() == 2; }));
  CHECK(bench.desk.taken[0].request == Bytes{1, 2, 3});
  std::thread command([&] {
    bench.desk.taken[1].done(false, Reason::GRANT_EXPIRED);
    bench.desk.taken[0].done(true, Reason{});
  });
  const auto first = std::get<ipc::Answer>(bridge.frame());
  const auto second = std::get<ipc::Answer>(bridge.frame());
  command.join();
  CHECK(first.sequence == 8);
  CHECK_FALSE(first.accepted);
  CHECK(first.reason == "GRANT_EXPIRED");
  CHECK(second.sequence == 7);
  CHECK(second.accepted);
}

TEST_CASE("BridgeServer: a full command mailbox is an answer, and a late answer of a gone bridge finds nobody") {
  BridgeBench bench;
  {
    Client gone(*bench.loop, bench.dir / "bridge.sock");
    gone.frame();
    gone.send(framed(ipc::Request{1, {1}}));
    REQUIRE(gone.until([&] { return bench.desk.count() == 1; }));
  }
  Client bridge(*bench.loop, bench.dir / "bridge.sock");
  bridge.frame();
  bench.desk.taken[0].done(true, Reason{});
  bench.desk.full = true;
  bridge.send(framed(ipc::Request{5, {1}}));
  const auto answer = std::get<ipc::Answer>(bridge.frame());
  CHECK(answer.sequence == 5);
  CHECK(answer.reason == "QUEUE_FULL");
}

TEST_CASE("BridgeServer: a frame that does not parse, or is not a request, ends the connection and is counted") {
  BridgeBench bench;
  Client bad(*bench.loop, bench.dir / "bridge.sock");
  bad.frame();
  bad.send(Bytes(64, 0xFF));
  CHECK(bad.until([&] { return bad.closed; }));
  Client wrong(*bench.loop, bench.dir / "bridge.sock");
  wrong.frame();
  wrong.send(framed(ipc::Answer{1, true, ""}));
  CHECK(wrong.until([&] { return wrong.closed; }));
  CHECK(bench.metrics->counter("wayside_bridge_socket_refused_total", "", {{"reason", "frame_malformed"}}).value() ==
        2);
  CHECK(bench.desk.count() == 0);
}

TEST_CASE("BridgeServer: connections and unanswered requests stop at the bounds it was given") {
  BridgeBench bench{.options = {.connections_max = 1, .requests_max = 3}};
  Client bridge(*bench.loop, bench.dir / "bridge.sock");
  bridge.frame();
  Client second(*bench.loop, bench.dir / "bridge.sock");
  CHECK(second.until([&] { return second.closed; }));
  CHECK(bench.metrics->counter("wayside_bridge_socket_refused_total", "", {{"reason", "connections_max"}}).value() ==
        1);
  Bytes many;
  for (std::uint64_t i = 0; i < 5; ++i) ipc::encode_frame(ipc::Request{i, {1}}, many);
  bridge.send(many);
  REQUIRE(bridge.until([&] { return bench.desk.count() == 3; }));
  for (int i = 0; i < 20; ++i) bridge.turn();
  CHECK(bench.desk.count() == 3);
}

TEST_CASE("BridgeServer: beyond its bound of unanswered requests it reads no more, and goes on as answers come") {
  BridgeBench bench;
  Client bridge(*bench.loop, bench.dir / "bridge.sock");
  bridge.frame();
  Bytes many;
  for (std::uint64_t i = 0; i < 1500; ++i) ipc::encode_frame(ipc::Request{i, {1}}, many);
  bridge.send(many);
  REQUIRE(bridge.until([&] { return bench.desk.count() == 1024; }));
  for (int i = 0; i < 20; ++i) bridge.turn();
  CHECK(bench.desk.count() == 1024);
  for (std::size_t i = 0; i < 600; ++i) bench.desk.taken[i].done(true, Reason{});
  CHECK(bridge.until([&] { return bench.desk.count() == 1500; }));
}

}  // namespace wayside::broker
