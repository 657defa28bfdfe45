#include "tests/simulation/custody_edge.h"

#include "broker/custody/volume_probe.h"
#include "schemas/record.h"

namespace wayside::test {
namespace {

constexpr const char* kRoot = "/custody/spool";

// Tells the account which records a group holds as it is written.
class NotedWriter final : public spool::LaneWriter {
 public:
  NotedWriter(Lane lane, CustodyAccount& account, std::unique_ptr<spool::LaneWriter> plain)
      : lane_(lane), account_(account), plain_(std::move(plain)) {}
  spool::AppendOutcome append(ByteView body, std::string_view cohort, WallMs time, Offset* offset) override {
    const spool::AppendOutcome outcome = plain_->append(body, cohort, time, offset);
    if (outcome == spool::AppendOutcome::appended) {
      account_.written(lane_, CustodyAccount::name_in(schemas::decode_record(body)->payload));
    }
    return outcome;
  }
  Result<Offset> commit(WallMs now) override {
    Result<Offset> synced = plain_->commit(now);
    if (synced.ok()) {
      account_.committed(lane_);
    } else {
      account_.not_committed(lane_);
    }
    return synced;
  }
  [[nodiscard]] Offset synced() const override { return plain_->synced(); }
  [[nodiscard]] Offset appended() const override { return plain_->appended(); }
  [[nodiscard]] std::uint64_t bytes() const override { return plain_->bytes(); }
  [[nodiscard]] std::uint64_t open_group_bytes() const override { return plain_->open_group_bytes(); }
  [[nodiscard]] std::uint64_t bytes_after(std::uint64_t framed, std::size_t records) const override {
    return plain_->bytes_after(framed, records);
  }
  [[nodiscard]] spool::AppendOutcome room_for(std::uint64_t framed, std::size_t records) override {
    return plain_->room_for(framed, records);
  }
  [[nodiscard]] Digest digest() const override { return plain_->digest(); }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& received_by_cohort() const override {
    return plain_->received_by_cohort();
  }
  Result<std::uint64_t> release_below(Offset settled) override { return plain_->release_below(settled); }
  Result<void> seal() override { return plain_->seal(); }

 private:
  Lane lane_;
  CustodyAccount& account_;
  std::unique_ptr<spool::LaneWriter> plain_;
};

}  // namespace

Result<std::unique_ptr<SimLane>> SimLane::open(const CustodyStage& stage, broker::SpaceBoard& space,
                                               metrics::Registry& metrics, const spool::Volume& volume, Lane lane) {
  std::unique_ptr<SimLane> out(new SimLane(stage, lane));
  const std::string dir = volume.lane_dir(lane);
  const Result<spool::Standing> standing = spool::read_settled(stage.disk, dir, volume.uuid, lane);
  if (!standing.ok()) return standing.error();
  spool::LaneOptions options;
  options.dir = dir;
  options.lane = lane;
  options.uuid = volume.uuid;
  options.segment_bytes_max = stage.sizes.segment_bytes_max;
  options.lane_bytes_max = stage.sizes.lane_bytes_max;
  spool::Recovery recovery;
  auto writer = spool::LaneWriter::open(stage.disk, options, standing->next, &recovery);
  if (!writer.ok()) return std::move(writer).error();
  out->probe_path_ = dir + ".probe";
  out->writer_ = std::make_unique<NotedWriter>(lane, stage.account, std::move(*writer));
  out->watch_ = std::make_unique<broker::LaneWatch>(stage.disk, stage.clock, metrics, dir, volume.uuid, lane);
  out->watch_->keep_from({}, broker::Keeper::sessions);
  out->watch_->keep_from({UINT64_MAX}, broker::Keeper::commands);
  broker::LaneDesk::Options desk;
  desk.lane = lane;
  desk.queue_bytes_max = stage.sizes.queue_bytes_max;
  desk.group.group_bytes_max = stage.sizes.group_bytes_max;
  desk.group.busy_records = 3;
  out->desk_ = std::make_unique<broker::LaneDesk>(desk, *out->writer_, stage.door, space, *out);
  out->look_around();
  return out;
}

SimLane::~SimLane() = default;

Result<Offset> SimLane::commit(WallMs now) {
  ++commits_;
  if (stage_.bug == CustodyBug::ack_before_sync && commits_ % 2 == 1) return writer_->appended();
  Result<Offset> synced = writer_->commit(now);
  if (!synced.ok() && stage_.bug == CustodyBug::ack_of_failed_sync) return writer_->appended();
  return synced;
}

bool SimLane::work(bool earlier_lane_syncs, bool all, const Answered& answered) {
  const broker::GroupDecision decision = desk_->decide(mono(), earlier_lane_syncs);
  const bool now = decision.action == broker::GroupAction::commit || (all && decision.records > 0);
  if (!now) return false;
  desk_->begin(decision.records, mono());
  desk_->write(stage_.clock.wall());
  desk_->answers(answered);
  desk_->end();
  return true;
}

void SimLane::look_around() {
  if (desk_->probe_due(mono())) desk_->probed(broker::probe_volume(stage_.disk, probe_path_).ok(), mono());
  watch_->tick(*writer_, !desk_->faulted());
  desk_->looked();
}

Outcome<void> SimLane::offer(broker::Offer offer) {
  if (const std::optional<Reason> reason = desk_->refuses(offer.body.size())) return *reason;
  return desk_->take(offer, mono());
}

void SimLane::offer_all(broker::OfferBurst& burst, std::vector<broker::Committed>& refused) {
  stage_.door.offered(lane_, burst.entries.size());
  const std::size_t before = refused.size();
  std::optional<Reason> no_room;  // of this turn alone
  desk_->take_all(burst, refused, no_room, mono());
  burst.clear();
  for (std::size_t i = before; i < refused.size(); ++i) stage_.door.refused(lane_, refused[i].reason);
}

Result<std::unique_ptr<SimCustody>> SimCustody::open(const CustodyStage& stage) {
  std::unique_ptr<SimCustody> out(new SimCustody(stage));
  SpoolUuid fresh;
  fresh.bytes.fill(0xED);
  auto volume = spool::open_volume(stage.disk, kRoot, spool::VolumeRole::writer, fresh);
  if (!volume) return volume.error();
  out->volume_ = std::move(*volume);
  for (const Lane lane : kAllLanes) {
    auto opened = SimLane::open(stage, out->space_, *out->metrics_, out->volume_, lane);
    if (!opened) return opened.error();
    out->lanes_[index_of(lane)] = std::move(*opened);
  }
  return out;
}

std::string SimCustody::problem(bool writing) const {
  std::uint64_t total = 0;
  for (const Lane lane : kAllLanes) {
    const std::string name = to_string(lane);
    const std::uint64_t bytes = lanes_[index_of(lane)]->writer().bytes();
    total += bytes;
    if (bytes > stage_.sizes.lane_bytes_max) return name + " holds " + std::to_string(bytes) + " bytes";
    if (writing) continue;
    const broker::LaneDoor door = stage_.door.lane(lane);
    std::uint64_t answered = door.committed;
    for (const auto& [reason, count] : door.refused) answered += count;
    for (const auto& [reason, count] : door.shed) answered += count;
    const std::uint64_t queued = lanes_[index_of(lane)]->desk().queued();
    if (door.offered != answered + queued) {
      return name + ": " + std::to_string(door.offered) + " offered, " + std::to_string(answered) + " answered, " +
             std::to_string(queued) + " wait";
    }
  }
  return total > stage_.sizes.total_bytes_max ? "all lanes hold " + std::to_string(total) + " bytes" : "";
}

std::string settle(SimDisk& disk, const spool::Volume& volume, Lane lane, std::size_t records, spool::Standing& core) {
  auto log = spool::SettlementLog::open(disk, volume.lane_dir(lane), volume.uuid, lane);
  if (!log) return log.error().what;
  auto reader = spool::LaneReader::open(disk, volume.lane_dir(lane), volume.uuid, lane);
  if (!reader) return reader.error().what;
  const auto read = (*reader)->read(core.next, records, UINT64_MAX);
  if (!read) return read.error().what;
  if (!read->empty()) {
    core.next = read->back().offset + 1;
    core.digest = read->back().after;
    core.totals.delivered = core.next.value;
    core.cohorts["cohort"].delivered = core.next.value;
  }
  if ((*log)->standing().next == core.next) return {};
  const Result<void> settled = (*log)->settle(core);
  return settled ? std::string() : settled.error().what;
}

}  // namespace wayside::test
