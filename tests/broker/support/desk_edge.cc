#include "tests/broker/support/desk_edge.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "schemas/record.h"
#include "spool/lane.h"
#include "tests/support/process.h"

namespace wayside::test {

using namespace broker;

namespace {

Bytes ack_payload(std::uint8_t id, command::State state, const std::string& reason) {
  schemas::CommandAckMessage message;
  message.command_id = id_of(id);
  message.state = static_cast<schemas::CommandState>(state);
  message.reason = reason;
  return schemas::build_command_ack(message);
}

Bytes ack_body(std::uint8_t id, const Bytes& payload) {
  const std::string topic = "v1/" + kDeskCar + "/cmd/" + intent::to_base32(id_of(id)) + "/ack";
  schemas::RecordView record;
  record.vehicle = kDeskCar;
  record.topic = topic;
  record.payload = payload;
  Bytes body;
  schemas::encode_record(record, body);
  return body;
}

}  // namespace

void Inbox::post(IoMessage message) {
  const std::lock_guard lock(mutex_);
  messages_.push_back(std::move(message));
  arrived_.notify_all();
}

Outcome<void> Door::offer(Offer offer) {
  if (mute) offer.done = [](const Committed&) {};
  return custody_.offer(std::move(offer));
}

DeskEdge::DeskEdge(const TempDir& folder) : dir(folder) {
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

DeskEdge::~DeskEdge() {
  desk->stop();
  custody->stop();
}

void DeskEdge::open_desk() {
  auto opened = CommandDesk::open(*disk, clock, *metrics, desk_options());
  REQUIRE(opened.ok());
  desk = std::move(*opened);
  REQUIRE(desk->start(*door, io).ok());
}

void DeskEdge::restart_desk() {
  desk->stop();
  desk.reset();
  door->mute = false;
  open_desk();
}

DeskOptions DeskEdge::desk_options() const {
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

void DeskEdge::put_list(const std::string& name, const Bytes& framed) {
  dir.write("trust/" + name, std::string(as_text(framed)));
}

std::string DeskEdge::ask(Ask what) {
  what.now = clock.wall();
  return ask(request(authority, what));
}

std::string DeskEdge::ask(Bytes request) {
  REQUIRE(desk->post(CommandRequested{std::move(request), {0, 900}, ++token, {}}));
  const auto answer = io.take<CommandAnswer>();
  if (!answer) return "(no answer)";
  CHECK(answer->token == token);
  return answer->accepted ? "ACCEPTED" : std::string(code(answer->reason));
}

void DeskEdge::ready(std::uint64_t number) { REQUIRE(desk->post(VehicleReady{kDeskCar, number, {0, number}})); }

void DeskEdge::put_ack(std::uint8_t id, command::State state) {
  const std::size_t before = read_lanes().acks;
  Offer offer;
  offer.lane = Lane::ack;
  offer.body = ack_body(id, ack_payload(id, state, {}));
  offer.done = [](const Committed&) {};
  REQUIRE(custody->offer(std::move(offer)).ok());
  REQUIRE(wait_until([&] { return read_lanes().acks == before + 1; }, 5'000));
}

Committed DeskEdge::ack(std::uint8_t id, command::State state, const std::string& reason) {
  AckOffered offered;
  offered.vehicle = kDeskCar;
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

std::optional<schemas::CommandStatusMessage> DeskEdge::next_status() {
  const auto event = io.take<ServiceEvent>();
  if (!event) return std::nullopt;
  CHECK(event->topic.starts_with("v1/" + kDeskCar + "/status/"));
  const auto status = schemas::parse_command_status(*event->payload);
  REQUIRE(status.ok());
  return status.value();
}

std::string DeskEdge::next_states(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    const auto status = next_status();
    if (!status) return out + " (nothing more)";
    out += (i == 0 ? "" : " ") + std::string(schemas::to_string(status->state));
  }
  return out;
}

DeskLanes DeskEdge::read_lanes() {
  DeskLanes out;
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

bool DeskEdge::lanes_become(std::size_t statuses, std::size_t audits) {
  return wait_until(
      [&] {
        const DeskLanes lanes = read_lanes();
        return lanes.statuses.size() == statuses && lanes.audits.size() == audits;
      },
      5'000);
}

bool DeskEdge::outbox_is_empty() const {
  return metrics->text().find("\nwayside_command_outbox 0\n") != std::string::npos;
}

}  // namespace wayside::test
