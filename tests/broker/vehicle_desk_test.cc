// The desk that asks gate, session store and command thread of one vehicle, and puts their answers together.
#include "broker/vehicle_desk.h"

#include <catch2/catch_test_macros.hpp>

#include "common/os/system.h"

namespace wayside::broker {
namespace {

using session::KnownSession;

// Keeps what it is asked until the test answers.
struct SlowGate final : gate::Gate {
  std::vector<gate::ConnectionReported> asked;
  std::vector<gate::Refusal> refusals;
  bool is_blocked = false;
  void describe(const std::string& /*vehicle*/, gate::ConnectionReported done) override {
    asked.push_back(std::move(done));
  }
  [[nodiscard]] std::vector<gate::Refusal> refusals_of(const std::string& /*vehicle*/) const override {
    return refusals;
  }
  [[nodiscard]] bool blocked(const std::string& /*vehicle*/) const override { return is_blocked; }
  void open(gate::GatePorts /*ports*/) override {}
  [[nodiscard]] int vehicles_port() const override { return 0; }
  [[nodiscard]] int services_port() const override { return 0; }
  [[nodiscard]] std::uint64_t vehicles_online() const override { return 0; }
  Result<void> reload() override { return {}; }
  Result<void> block(const std::string& /*vehicle*/) override { return {}; }
  Result<void> unblock(const std::string& /*vehicle*/) override { return {}; }
  void drain(int /*ms*/) override {}
  void post(IoMessage /*message*/) override {}
  [[nodiscard]] std::uint32_t threads() const override { return 1; }
};

struct SlowSessions final : session::SessionStore {
  std::vector<std::function<void(Outcome<std::optional<KnownSession>>)>> asked;
  void look(std::string /*id*/, std::function<void(Outcome<std::optional<KnownSession>>)> done) override {
    asked.push_back(std::move(done));
  }
  void open(session::OpenRequest /*request*/, std::function<void(Outcome<session::OpenedSession>)> /*done*/) override {}
  void save(session::SaveRequest /*request*/, std::function<void(Outcome<void>)> /*done*/) override {}
  void end(session::EndRequest /*request*/) override {}
  void expect(const std::string& /*id*/, Lane /*lane*/) override {}
  void received(session::Receipt /*receipt*/, std::function<void(Outcome<void>)> /*done*/) override {}
  void not_received(const std::string& /*id*/, Lane /*lane*/) override {}
  void release(session::ReleaseRequest /*request*/, std::function<void(Outcome<void>)> /*done*/) override {}
  void lane_synced(Lane /*lane*/, Offset /*synced*/) override {}
  void left(std::size_t /*max*/, bool /*also_by_death*/,
            std::function<void(Outcome<std::vector<session::LeftOnline>>)> /*done*/) override {}
  void untold(session::LeftOnline /*one*/) override {}
  void told(session::LeftOnline /*one*/) override {}
};

struct SlowCommands final : CommandPort {
  bool open = true;
  std::vector<CommandsAsked> asked;
  bool post(CommandEvent event) override {
    if (open) asked.push_back(std::get<CommandsAsked>(std::move(event)));
    return open;
  }
};

struct Bench {
  os::SystemClock clock;
  SlowGate gate;
  SlowSessions sessions;
  SlowCommands commands;
  VehicleDesk desk{
      {"edge-1", "eu", gate, sessions, commands, clock, [](const std::function<void()>& task) { task(); }}};
  std::vector<AdminReply> replies;
  void ask(const std::string& vehicle) {
    desk.ask(vehicle, [this](AdminReply reply) { replies.push_back(std::move(reply)); });
  }
  [[nodiscard]] std::string refusal() const {
    const auto* refused = std::get_if<AdminRefusal>(&replies.back());
    return refused == nullptr ? "none" : std::string(code(refused->reason));
  }
};

}  // namespace

TEST_CASE("VehicleDesk: it answers when all have answered, in whatever order they do") {
  Bench bench;
  bench.ask("A");
  bench.commands.asked[0].done({WaitingCommand{{}, "QUEUED", "", "climate", "start", {1}, {2}, false}});
  bench.gate.asked[0](std::nullopt);
  CHECK(bench.replies.empty());
  bench.sessions.asked[0](std::optional<KnownSession>(KnownSession{7, true, 10, WallMs{1'000}, 2}));
  REQUIRE(bench.replies.size() == 1);
  const auto& report = std::get<VehicleReport>(bench.replies[0]);
  CHECK(report.vehicle == "A");
  CHECK_FALSE(report.connection);
  REQUIRE(report.session);
  CHECK(report.session->expires == WallMs{11'000});
  CHECK_FALSE(report.session->kept);  // that was long ago
  CHECK(report.commands.size() == 1);
}

TEST_CASE("VehicleDesk: who is known to nobody is unknown, who is known to anybody is not") {
  Bench bench;
  const auto nobody_knows = [&] {
    bench.ask("A");
    bench.gate.asked.back()(std::nullopt);
    bench.sessions.asked.back()(std::optional<KnownSession>());
    bench.commands.asked.back().done({});
  };
  nobody_knows();
  CHECK(bench.refusal() == "VEHICLE_UNKNOWN");
  bench.gate.is_blocked = true;
  nobody_knows();
  CHECK(bench.refusal() == "none");
  bench.gate.is_blocked = false;
  bench.gate.refusals = {{"connect", Reason::REVOKED, 1, {1}, {1}, {}}};
  nobody_knows();
  CHECK(bench.refusal() == "none");
  bench.ask("not an id");
  CHECK(bench.refusal() == "ADMIN_MALFORMED");
}

TEST_CASE("VehicleDesk: what does not answer is told as that, not as nothing") {
  Bench bench;
  bench.commands.open = false;
  bench.ask("A");
  bench.gate.asked[0](std::nullopt);
  bench.sessions.asked[0](Reason::STORE_FAULT);
  REQUIRE(bench.replies.size() == 1);
  const auto& report = std::get<VehicleReport>(bench.replies[0]);
  CHECK_FALSE(report.sessions_answer);
  CHECK_FALSE(report.commands_answer);
}

TEST_CASE("VehicleDesk: a store that hangs is asked so often and no more, until it answers") {
  Bench bench;
  for (std::size_t i = 0; i < VehicleDesk::kQuestionsMax; ++i) bench.ask("A");
  CHECK(bench.replies.empty());
  bench.ask("A");
  CHECK(bench.refusal() == "QUEUE_FULL");
  CHECK(bench.sessions.asked.size() == VehicleDesk::kQuestionsMax);
  bench.gate.asked[0](std::nullopt);
  bench.commands.asked[0].done({});
  bench.sessions.asked[0](std::optional<KnownSession>());
  CHECK(bench.refusal() == "VEHICLE_UNKNOWN");
  bench.ask("A");
  CHECK(bench.sessions.asked.size() == VehicleDesk::kQuestionsMax + 1);
}

}  // namespace wayside::broker
