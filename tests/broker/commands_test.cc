// The command thread between real custody, a real store and the ports of the gate.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "broker/commands/desk.h"
#include "broker/custody/custody.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "schemas/messages.h"
#include "schemas/record.h"
#include "spool/lane.h"
#include "spool/settlement.h"
#include "tests/command/signed.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace wayside::broker {
namespace {

using command::State;
using test::Ask;
using test::id_of;

const std::string kCar = "1M8GDM9AXKP042788";

// What reached the I/O threads. Thread: any.
class Inbox final : public IoPort {
 public:
  void post(IoMessage message) override {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
    arrived_.notify_all();
  }
  [[nodiscard]] std::uint32_t threads() const override { return 1; }

  // Waits for the next message of that kind and takes it.
  template <typename Kind>
  std::optional<Kind> take(int timeout_ms = 5'000) {
    std::unique_lock lock(mutex_);
    std::optional<Kind> out;
    arrived_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] {
      for (auto at = messages_.begin(); at != messages_.end(); ++at) {
        if (auto* found = std::get_if<Kind>(&*at)) {
          out = std::move(*found);
          messages_.erase(at);
          return true;
        }
      }
      return false;
    });
    return out;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<IoMessage> messages_;
};

// Custody that can lose its answers, as a death between commit and answer does.
class Door final : public CustodyPort {
 public:
  explicit Door(CustodyPort& custody) : custody_(custody) {}
  Outcome<void> offer(Offer offer) override {
    if (mute) offer.done = [](const Committed&) {};
    return custody_.offer(std::move(offer));
  }
  void keep_from(Lane lane, Offset offset, broker::Keeper keeper) override { custody_.keep_from(lane, offset, keeper); }
  std::atomic<bool> mute{false};

 private:
  CustodyPort& custody_;
};

struct Lanes {
  std::vector<schemas::CommandStatusMessage> statuses;
  std::vector<std::string> audits;
  std::size_t acks = 0;
};

class Edge {
 public:
  explicit Edge(const test::TempDir& folder) : dir(folder) {
    std::filesystem::create_directories(dir / "trust");
    CustodyOptions options;
    options.spool_root = dir / "spool";
    options.door_file = dir / "door.counts";
    options.segment_bytes_max = 2U << 20U;
    options.lane_bytes_max.fill(8U << 20U);
    options.volume_reserve_bytes = 0;
    auto opened = Custody::open(*disk, clock, *metrics, options, os::random_uuid());
    REQUIRE(opened.ok());
    custody = std::move(*opened);
    custody->start(io);
    door = std::make_unique<Door>(*custody);
    put_list("1.wsl", authority.trust_list());
    open_desk();
  }
  ~Edge() {
    desk->stop();
    custody->stop();
  }
  void open_desk() {
    auto opened = CommandDesk::open(*disk, clock, *metrics, desk_options());
    REQUIRE(opened.ok());
    desk = std::move(*opened);
    REQUIRE(desk->start(*door, io).ok());
  }
  // The next life of the broker, over the same store and lanes.
  void restart_desk() {
    desk->stop();
    desk.reset();
    door->mute = false;
    open_desk();
  }
  [[nodiscard]] DeskOptions desk_options() const {
    DeskOptions options;
    options.edge = "edge-1";
    options.region = "eu-1";
    options.store_file = dir / "commands.db";
    options.trust_dir = dir / "trust";
    options.root_key = authority.root.public_key();
    options.ack_lane = {custody->volume().lane_dir(Lane::ack), custody->volume().uuid};
    options.look_interval_ms = 50;
    options.limits.outcome_wait_ms = 0;
    return options;
  }
  void put_list(const std::string& name, const Bytes& framed) {
    dir.write("trust/" + name, std::string(as_text(framed)));
  }
  // The reason of the answer; ACCEPTED if it is none.
  std::string ask(Ask what) {
    what.now = clock.wall();
    return ask(test::request(authority, what));
  }
  std::string ask(Bytes request) {
    REQUIRE(desk->post(CommandRequested{std::move(request), {0, 900}, ++token, {}}));
    const auto answer = io.take<CommandAnswer>();
    if (!answer) return "(no answer)";
    CHECK(answer->token == token);
    return answer->accepted ? "ACCEPTED" : std::string(code(answer->reason));
  }
  void ready(std::uint64_t number) { REQUIRE(desk->post(VehicleReady{kCar, number, {0, number}})); }
  static Bytes ack_payload(std::uint8_t id, State state, const std::string& reason) {
    schemas::CommandAckMessage message;
    message.command_id = id_of(id);
    message.state = static_cast<schemas::CommandState>(state);
    message.reason = reason;
    return schemas::build_command_ack(message);
  }
  static Bytes ack_body(std::uint8_t id, const Bytes& payload) {
    const std::string topic = "v1/" + kCar + "/cmd/" + intent::to_base32(id_of(id)) + "/ack";
    schemas::RecordView record;
    record.vehicle = kCar;
    record.topic = topic;
    record.payload = payload;
    Bytes body;
    schemas::encode_record(record, body);
    return body;
  }
  // An ack that is committed and that the desk does not hear of: it dies in between.
  void put_ack(std::uint8_t id, State state) {
    const std::size_t before = read_lanes().acks;
    Offer offer;
    offer.lane = Lane::ack;
    offer.body = ack_body(id, ack_payload(id, state, {}));
    offer.done = [](const Committed&) {};
    REQUIRE(custody->offer(std::move(offer)).ok());
    REQUIRE(test::wait_until([&] { return read_lanes().acks == before + 1; }, 5'000));
  }
  // Offers the vehicle's ack; the answer that its PUBACK would follow.
  Committed ack(std::uint8_t id, State state, const std::string& reason = {}) {
    AckOffered offered;
    offered.vehicle = kCar;
    offered.id = id_of(id);
    offered.payload = ack_payload(id, state, reason);
    offered.body = ack_body(id, offered.payload);
    offered.to = {0, 7};
    offered.token = ++token;
    REQUIRE(desk->post(std::move(offered)));
    const auto answer = io.take<Committed>();
    REQUIRE(answer.has_value());
    CHECK(answer->token == token);
    CHECK(answer->to == ConnectionRef{0, 7});
    return *answer;
  }
  std::optional<schemas::CommandStatusMessage> next_status() {
    const auto event = io.take<ServiceEvent>();
    if (!event) return std::nullopt;
    CHECK(event->topic.starts_with("v1/" + kCar + "/status/"));
    const auto status = schemas::parse_command_status(*event->payload);
    REQUIRE(status.ok());
    return status.value();
  }
  // "ACCEPTED SENT": the next statuses as services get them.
  std::string next_states(int count) {
    std::string out;
    for (int i = 0; i < count; ++i) {
      const auto status = next_status();
      if (!status) return out + " (nothing more)";
      out += (i == 0 ? "" : " ") + std::string(schemas::to_string(status->state));
    }
    return out;
  }
  Lanes read_lanes() {
    Lanes out;
    for (const Lane lane : {Lane::ack, Lane::command}) {
      const spool::Volume& volume = custody->volume();
      auto reader = spool::LaneReader::open(*disk, volume.lane_dir(lane), volume.uuid, lane);
      REQUIRE(reader.ok());
      const auto records = (*reader)->read({0}, 10'000, 64U << 20U);
      REQUIRE(records.ok());
      for (const spool::ReadRecord& read : *records) {
        const auto record = schemas::decode_record(read.body);
        REQUIRE(record.ok());
        if (lane == Lane::command) {
          out.audits.emplace_back(as_text(record->payload));
        } else if (const auto status = schemas::parse_command_status(record->payload); status.ok()) {
          out.statuses.push_back(status.value());
        } else {
          ++out.acks;
        }
      }
    }
    return out;
  }
  // The store knows of every status that it is in the lane.
  [[nodiscard]] bool outbox_is_empty() const {
    return metrics->text().find("\nwayside_command_outbox 0\n") != std::string::npos;
  }
  bool lanes_become(std::size_t statuses, std::size_t audits) {
    return test::wait_until(
        [&] {
          const Lanes lanes = read_lanes();
          return lanes.statuses.size() == statuses && lanes.audits.size() == audits;
        },
        5'000);
  }

  const test::TempDir& dir;
  test::Authority authority;
  std::unique_ptr<Disk> disk = os::make_posix_disk();
  os::SystemClock clock;
  std::unique_ptr<metrics::Registry> metrics = metrics::Registry::create();
  Inbox io;
  std::unique_ptr<Custody> custody;
  std::unique_ptr<Door> door;
  std::unique_ptr<CommandDesk> desk;
  std::uint64_t token = 0;
};

}  // namespace

TEST_CASE("CommandDesk: a command goes to its vehicle and every status to services and the ack lane") {
  const test::TempDir dir("desk");
  Edge edge(dir);
  edge.ready(1);
  CHECK(edge.ask(Ask{}) == "ACCEPTED");
  const auto deliver = edge.io.take<Deliver>();
  REQUIRE(deliver.has_value());
  CHECK(deliver->to == ConnectionRef{0, 1});
  CHECK(intent::open_request(deliver->request).ok());
  REQUIRE(edge.desk->post(CommandWritten{kCar, id_of(1), {0, 1}, true}));
  REQUIRE(edge.desk->post(CommandPuback{kCar, id_of(1), {0, 1}}));
  CHECK(edge.next_states(3) == "ACCEPTED SENT RECEIVED");
  const Committed acked = edge.ack(1, State::succeeded, "DONE");
  CHECK(acked.ok);
  CHECK(acked.lane == Lane::ack);
  const auto last = edge.next_status();
  REQUIRE(last.has_value());
  CHECK(schemas::to_string(last->state) == "SUCCEEDED");
  CHECK(last->reason == "DONE");
  CHECK(last->edge == "edge-1");
  CHECK(last->version == 4);

  REQUIRE(edge.lanes_become(4, 1));
  const Lanes lanes = edge.read_lanes();
  CHECK(lanes.acks == 1);
  CHECK(lanes.audits.front().find("\"outcome\":\"ACCEPTED\"") != std::string::npos);
  CHECK(edge.metrics->text().find("wayside_commands_total") != std::string::npos);
}

TEST_CASE("CommandDesk: who asks for a vehicle is told its open commands in their order, and no others") {
  const test::TempDir dir("desk");
  Edge edge(dir);
  const auto waiting = [&](const std::string& vehicle) {
    auto answer = std::make_shared<std::promise<std::vector<WaitingCommand>>>();
    auto future = answer->get_future();
    REQUIRE(
        edge.desk->post(CommandsAsked{vehicle, [answer](std::vector<WaitingCommand> all) { answer->set_value(all); }}));
    REQUIRE(future.wait_for(std::chrono::seconds(5)) == std::future_status::ready);
    return future.get();
  };
  CHECK(waiting(kCar).empty());
  CHECK(edge.ask(Ask{}) == "ACCEPTED");
  CHECK(edge.ask(Ask{.id = 2}) == "ACCEPTED");
  const auto queued = waiting(kCar);
  REQUIRE(queued.size() == 2);
  CHECK(queued[0].id == id_of(1));
  CHECK(queued[0].state == "QUEUED");
  CHECK_FALSE(queued[0].group.empty());
  CHECK(queued[0].deadline > queued[0].accepted_at);
  CHECK_FALSE(queued[0].written);
  CHECK(queued[1].id == id_of(2));
  CHECK(waiting("somebody-else").empty());
  edge.ready(1);
  REQUIRE(edge.io.take<Deliver>());
  REQUIRE(edge.desk->post(CommandWritten{kCar, id_of(1), {0, 1}, true}));
  const auto sent = waiting(kCar);
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].state == "SENT");
  CHECK(sent[0].written);
}

TEST_CASE("CommandDesk: refused requests are audited when their signatures hold and reach no vehicle") {
  const test::TempDir dir("desk");
  Edge edge(dir);
  edge.ready(1);
  CHECK(edge.ask(Ask{.group = "engine"}) == "GRANT_SCOPE");
  CHECK(edge.ask(Ask{.id = 2, .deadline_in_ms = -1}) == "DEADLINE_PASSED");
  Bytes forged = test::request(edge.authority, {.now = edge.clock.wall()});
  forged[60] ^= 1U;
  CHECK(edge.ask(forged) == "SIGNATURE_INVALID");
  CHECK(edge.lanes_become(0, 2));
  CHECK_FALSE(edge.io.take<Deliver>(0).has_value());
}

TEST_CASE("CommandDesk: a request from the bridge is answered by its callback") {
  const test::TempDir dir("desk");
  Edge edge(dir);
  std::promise<std::pair<bool, Reason>> answered;
  REQUIRE(edge.desk->post(CommandRequested{
      test::request(edge.authority, {.now = edge.clock.wall()}), {}, 0, [&](bool accepted, Reason reason) {
        answered.set_value({accepted, reason});
      }}));
  auto answer = answered.get_future();
  REQUIRE(answer.wait_for(std::chrono::seconds(5)) == std::future_status::ready);
  CHECK(answer.get().first);
  CHECK_FALSE(edge.io.take<CommandAnswer>(0).has_value());
}

TEST_CASE("CommandDesk: an ack of an unknown command is not taken into custody") {
  const test::TempDir dir("desk");
  Edge edge(dir);
  const Committed answer = edge.ack(9, State::succeeded);
  CHECK_FALSE(answer.ok);
  CHECK(answer.reason == Reason::COMMAND_UNKNOWN);
  CHECK(edge.read_lanes().acks == 0);
}

TEST_CASE("CommandDesk: an ack that comes late is committed, counted and changes nothing") {
  const test::TempDir dir("desk");
  Edge edge(dir);
  edge.ready(1);
  CHECK(edge.ask(Ask{}) == "ACCEPTED");
  CHECK(edge.ack(1, State::succeeded).ok);
  CHECK(edge.next_states(3) == "ACCEPTED SENT SUCCEEDED");
  CHECK(edge.ack(1, State::failed).ok);
  CHECK(edge.read_lanes().acks == 2);
  CHECK(edge.metrics->text().find("outcome=\"late\"") != std::string::npos);
  CHECK_FALSE(edge.io.take<ServiceEvent>(50).has_value());
}

TEST_CASE("CommandDesk: a deadline passes without anything else happening") {
  const test::TempDir dir("desk");
  Edge edge(dir);
  CHECK(edge.ask(Ask{.deadline_in_ms = 300}) == "ACCEPTED");
  CHECK(edge.next_states(3) == "ACCEPTED QUEUED EXPIRED");
  edge.ready(1);
  CHECK(edge.ask(Ask{.id = 2, .deadline_in_ms = 300}) == "ACCEPTED");
  const auto deliver = edge.io.take<Deliver>();
  REQUIRE(deliver.has_value());
  CHECK(deliver->id == id_of(2));
  REQUIRE(edge.desk->post(CommandWritten{kCar, id_of(2), {0, 1}, true}));
  const auto reset = edge.io.take<CloseConnection>();
  REQUIRE(reset.has_value());
  CHECK(reset->reset);
  CHECK(reset->to == ConnectionRef{0, 1});
  CHECK(edge.next_states(3) == "ACCEPTED SENT UNKNOWN_OUTCOME");
}

TEST_CASE("CommandDesk: statuses that reached the lane before a death are not appended twice") {
  const test::TempDir dir("desk");
  Edge edge(dir);
  edge.door->mute = true;
  CHECK(edge.ask(Ask{}) == "ACCEPTED");
  CHECK(edge.next_states(2) == "ACCEPTED QUEUED");
  REQUIRE(edge.lanes_become(2, 1));
  edge.restart_desk();
  edge.ready(1);
  REQUIRE(edge.io.take<Deliver>().has_value());
  CHECK(edge.next_states(1) == "SENT");
  REQUIRE(edge.lanes_become(3, 1));
  const Lanes lanes = edge.read_lanes();
  for (std::uint32_t i = 0; i < 3; ++i) CHECK(lanes.statuses[i].version == i + 1);
}

TEST_CASE("CommandDesk: what a scan would ask for is not released though it is settled") {
  const test::TempDir dir("desk");
  constexpr int kFiller = 40;
  const auto settle_all = [&](Edge& edge) {
    const spool::Volume& volume = edge.custody->volume();
    auto log = spool::SettlementLog::open(*edge.disk, volume.lane_dir(Lane::ack), volume.uuid, Lane::ack);
    auto reader = spool::LaneReader::open(*edge.disk, volume.lane_dir(Lane::ack), volume.uuid, Lane::ack);
    REQUIRE(log.ok());
    REQUIRE(reader.ok());
    spool::Standing standing;
    standing.next = (*reader)->synced();
    standing.digest = (*reader)->digest_before(standing.next).value();
    standing.totals.delivered = standing.next.value;
    standing.cohorts["other"] = standing.totals;
    REQUIRE((*log)->settle(standing).ok());
  };
  {
    Edge edge(dir);
    edge.door->mute = true;
    CHECK(edge.ask(Ask{}) == "ACCEPTED");
    CHECK(edge.next_states(2) == "ACCEPTED QUEUED");
    REQUIRE(edge.lanes_become(2, 1));
    for (int i = 0; i < kFiller; ++i) {  // more than a segment
      Offer filler;
      filler.lane = Lane::ack;
      filler.body = Bytes(128U << 10U);
      filler.done = [](const Committed&) {};
      REQUIRE(edge.custody->offer(std::move(filler)).ok());
    }
    REQUIRE(test::wait_until([&] { return edge.custody->ledger(Lane::ack).synced == Offset{2 + kFiller}; }, 5'000));
    settle_all(edge);
  }
  // The next life recovers the lane and could release the segment that both statuses are in.
  Edge edge(dir);
  edge.ready(1);
  CHECK(edge.next_states(1) == "SENT");
  REQUIRE(test::wait_until([&] { return edge.custody->ledger(Lane::ack).synced >= Offset{3 + kFiller}; }, 5'000));
  CHECK_FALSE(edge.io.take<ServiceEvent>(50).has_value());
  CHECK(edge.custody->ledger(Lane::ack).synced == Offset{3 + kFiller});
  // Once it is confirmed it goes.
  const auto oldest = [&] {
    const spool::Volume& volume = edge.custody->volume();
    auto reader = spool::LaneReader::open(*edge.disk, volume.lane_dir(Lane::ack), volume.uuid, Lane::ack);
    return reader.ok() ? (*reader)->oldest().value() : Offset{};
  };
  CHECK(test::wait_until([&] { return oldest() >= Offset{2}; }, 5'000));
}

TEST_CASE("CommandDesk: an ack that was committed before a death is applied before any resend") {
  const test::TempDir dir("desk");
  Edge edge(dir);
  edge.ready(1);
  CHECK(edge.ask(Ask{.id = 1}) == "ACCEPTED");
  CHECK(edge.ask(Ask{.id = 2}) == "ACCEPTED");
  REQUIRE(edge.io.take<Deliver>().has_value());
  REQUIRE(edge.io.take<Deliver>().has_value());
  CHECK(edge.next_states(4) == "ACCEPTED SENT ACCEPTED SENT");
  REQUIRE(edge.lanes_become(4, 2));
  // The broker dies between the commit of the ack and its application.
  edge.put_ack(1, State::succeeded);
  edge.restart_desk();
  CHECK(edge.next_states(1) == "SUCCEEDED");
  edge.ready(2);
  const auto deliver = edge.io.take<Deliver>();
  REQUIRE(deliver.has_value());
  CHECK(deliver->id == id_of(2));
  CHECK_FALSE(edge.io.take<Deliver>(50).has_value());
}

TEST_CASE("CommandDesk: an ack in a fresh spool counts though the spool before it was longer") {
  const test::TempDir dir("desk");
  {
    Edge edge(dir);
    edge.ready(1);
    CHECK(edge.ask(Ask{.id = 1}) == "ACCEPTED");
    CHECK(edge.next_states(2) == "ACCEPTED SENT");
    CHECK(edge.ack(1, State::succeeded).ok);
    CHECK(edge.next_states(1) == "SUCCEEDED");
    CHECK(edge.ask(Ask{.id = 2}) == "ACCEPTED");
    CHECK(edge.next_states(2) == "ACCEPTED SENT");
    CHECK(edge.ack(2, State::received).ok);
    CHECK(edge.next_states(1) == "RECEIVED");
    REQUIRE(edge.lanes_become(6, 2));
    REQUIRE(test::wait_until([&] { return edge.outbox_is_empty(); }, 5'000));
  }
  std::filesystem::remove_all(dir / "spool");  // the store stayed
  Edge edge(dir);
  SECTION("while the broker runs") {
    edge.ready(2);
    CHECK(edge.ack(2, State::succeeded).ok);
    CHECK(edge.next_states(1) == "SUCCEEDED");
  }
  SECTION("that only the lane has when the broker starts again") {
    edge.put_ack(2, State::succeeded);
    edge.restart_desk();
    CHECK(edge.next_states(1) == "SUCCEEDED");
  }
}

TEST_CASE("CommandDesk: a revocation list in the watched folder cancels and is kept over a restart") {
  const test::TempDir dir("desk");
  Edge edge(dir);
  CHECK(edge.ask(Ask{}) == "ACCEPTED");
  CHECK(edge.next_states(2) == "ACCEPTED QUEUED");
  edge.put_list("revoked.wsl", edge.authority.revocation(2, 7));
  CHECK(edge.next_states(1) == "CANCELLED");
  CHECK(edge.ask(Ask{.id = 2}) == "GRANT_REVOKED");
  // An older list in its place, and a restart, change nothing.
  edge.put_list("revoked.wsl", edge.authority.revocation(1, 0));
  edge.restart_desk();
  CHECK(edge.ask(Ask{.id = 2}) == "GRANT_REVOKED");
}

TEST_CASE("CommandDesk: a list that cannot be used is counted until it is good or gone, an older one is none") {
  const test::TempDir dir("desk");
  Edge edge(dir);
  metrics::Gauge& failing =
      edge.metrics->gauge("wayside_command_lists_failing",
                          "Files of commands.trust_dir that cannot be used; the lists accepted before are in force.");
  const auto becomes = [&](double value) { return test::wait_until([&] { return failing.value() == value; }, 3'000); };
  edge.put_list("0.wsl", edge.authority.trust_list());  // the same number once more
  edge.put_list("2.wsl", {});
  edge.put_list("3.wsl", Bytes{'n', 'o', ' ', 'l', 'i', 's', 't'});
  CHECK(becomes(2));
  CHECK(edge.ask(Ask{}) == "ACCEPTED");
  edge.put_list("2.wsl", edge.authority.trust_list());
  CHECK(becomes(1));
  std::filesystem::remove(dir / "trust/3.wsl");
  CHECK(becomes(0));
  std::filesystem::rename(dir / "trust", dir / "away");
  CHECK(becomes(1));
  std::filesystem::rename(dir / "away", dir / "trust");
  CHECK(becomes(0));
}

TEST_CASE("CommandDesk: a start with lists in any order knows them all") {
  const test::TempDir dir("desk");
  {
    const test::Authority authority;
    dir.write("trust/0-revoked.wsl", std::string(as_text(authority.revocation(1, 7))));
  }
  Edge edge(dir);
  CHECK(edge.ask(Ask{.serial = 7}) == "GRANT_REVOKED");
  CHECK(edge.ask(Ask{.id = 2, .serial = 8}) == "ACCEPTED");
}

TEST_CASE("CommandDesk: a store that cannot be read fails the open with its path") {
  const test::TempDir dir("desk");
  dir.write("commands.db", std::string(4'096, 'x'));
  const auto disk = os::make_posix_disk();
  const os::SystemClock clock;
  const auto metrics = metrics::Registry::create();
  DeskOptions options;
  options.store_file = dir / "commands.db";
  const auto desk = CommandDesk::open(*disk, clock, *metrics, options);
  REQUIRE_FALSE(desk.ok());
  CHECK(desk.error().what.find("commands.db") != std::string::npos);
}

TEST_CASE("CommandDesk: a full mailbox refuses requests and takes what connections report") {
  Mailbox mailbox(2, 2);
  const auto request = [] { return Posted{CommandEvent{CommandRequested{}}, {}}; };
  CHECK(mailbox.post(request()));
  CHECK(mailbox.post(request()));
  CHECK_FALSE(mailbox.post(request()));
  CHECK(mailbox.post({CommandEvent{VehicleGone{}}, {}}));
  CHECK(mailbox.wait(0).size() == 3);
  CHECK(mailbox.post(request()));
}

TEST_CASE("CommandDesk: acks that fill the mailbox leave requests their room") {
  Mailbox mailbox(2, 2);
  const auto ack = [] { return Posted{CommandEvent{AckOffered{}}, {}}; };
  const auto request = [] { return Posted{CommandEvent{CommandRequested{}}, {}}; };
  CHECK(mailbox.post(ack()));
  CHECK(mailbox.post(ack()));
  CHECK_FALSE(mailbox.post(ack()));
  CHECK(mailbox.post(request()));
  CHECK(mailbox.post(request()));
}

TEST_CASE("CommandDesk: acks of one vehicle fill their own room in the mailbox and nobody else's") {
  Mailbox mailbox(10, 2);
  const auto ack_of = [](const char* vehicle) {
    AckOffered ack;
    ack.vehicle = vehicle;
    return Posted{CommandEvent{std::move(ack)}, {}};
  };
  CHECK(mailbox.post(ack_of("rogue")));
  CHECK(mailbox.post(ack_of("rogue")));
  CHECK_FALSE(mailbox.post(ack_of("rogue")));
  CHECK(mailbox.post(ack_of("good")));
  CHECK(mailbox.wait(0).size() == 3);
  CHECK(mailbox.post(ack_of("rogue")));
}

TEST_CASE("CommandDesk: a command for a connected vehicle is delivered within a few syncs") {
  const test::TempDir dir("desk");
  Edge edge(dir);
  edge.ready(1);
  const MonoMs before = edge.clock.mono();
  for (std::uint8_t id = 1; id <= 10; ++id) {
    CHECK(edge.ask(Ask{.id = id}) == "ACCEPTED");
    CHECK(edge.io.take<Deliver>().has_value());
  }
  // Far below ten turns of the 50 ms look at the folder, even where a sync is slow.
  CHECK(edge.clock.mono() - before < 400);
}

}  // namespace wayside::broker
