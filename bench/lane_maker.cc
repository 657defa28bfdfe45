#include "bench/lane_maker.h"

#include <poll.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "common/os/system.h"
#include "spool/lane.h"
#include "spool/segment_file.h"
#include "spool/spool.h"

namespace wayside::bench {
namespace {

constexpr std::uint64_t kCohorts = 8;
constexpr std::size_t kRecordBytes = 200;
// Large groups fill the disk quickly; the last segment is written in those of a quiet road.
constexpr std::uint64_t kBulkGroup = 2048;
constexpr std::uint64_t kLastGroup = 64;
constexpr std::uint64_t kKillGroup = 16;
// From here on the writers wait for each other, so that a kill meets all of them at work.
constexpr std::uint64_t kNearBytes = 512U << 10U;
constexpr int kPollMs = 5;

std::string cohort_of(std::uint64_t offset) { return "cohort-" + std::to_string(offset % kCohorts); }

std::uint64_t received_of(std::uint64_t cohort, Offset head) {
  return head.value / kCohorts + (cohort < head.value % kCohorts ? 1 : 0);
}

class LaneMaker {
 public:
  LaneMaker(Disk& disk, const broker::CustodyOptions& options, const spool::Volume& volume, Lane lane, MakerPage& page)
      : disk_(disk), options_(options), lane_(lane), page_(page), uuid_(volume.uuid), dir_(volume.lane_dir(lane)) {}

  Result<void> run(MakerEnd end);

 private:
  Result<void> open();
  Result<void> make_room();
  Result<void> settle_into(Offset first, Offset end);
  Result<bool> group(std::uint64_t records);  // false: the lane is full
  [[nodiscard]] std::uint64_t room() const { return bound_ - std::min(bound_, writer_->bytes()); }

  Disk& disk_;
  const broker::CustodyOptions& options_;
  Lane lane_;
  MakerPage& page_;
  SpoolUuid uuid_;
  std::string dir_;
  std::uint64_t bound_ = 0;
  os::SystemClock clock_;
  Bytes body_ = Bytes(kRecordBytes);
  std::unique_ptr<spool::SettlementLog> settlement_;
  std::unique_ptr<spool::LaneWriter> writer_;
};

Result<void> LaneMaker::open() {
  auto settlement = spool::SettlementLog::open(disk_, dir_, uuid_, lane_);
  if (!settlement) return std::move(settlement).error();
  settlement_ = std::move(settlement).value();
  spool::LaneOptions lane;
  lane.dir = dir_;
  lane.lane = lane_;
  lane.uuid = uuid_;
  lane.segment_bytes_max = options_.segment_bytes_max;
  lane.lane_bytes_max = bound_ = options_.lane_bytes_max[index_of(lane_)];
  lane.record_bytes_max = options_.record_bytes_max;
  auto writer = spool::LaneWriter::open(disk_, lane, settlement_->standing().next, nullptr);
  if (!writer) return std::move(writer).error();
  writer_ = std::move(writer).value();
  page_.near_bound(lane_).store(0);
  page_.synced(lane_).store(writer_->synced().value);
  page_.appended(lane_).store(writer_->appended().value);
  return {};
}

// Into the middle of a segment, as a bridge leaves it.
Result<void> LaneMaker::settle_into(Offset first, Offset end) {
  const Offset at = first + (end - first) / 2;
  auto reader = spool::LaneReader::open(disk_, dir_, uuid_, lane_);
  if (!reader) return std::move(reader).error();
  auto digest = (*reader)->digest_before(at);
  if (!digest) return std::move(digest).error();
  spool::Standing standing = standing_at(at);
  standing.digest = *digest;
  return settlement_->settle(standing);
}

Result<void> LaneMaker::make_room() {
  while (room() < options_.segment_bytes_max) {
    auto bases = spool::list_segments(disk_, dir_);
    if (!bases) return std::move(bases).error();
    const auto next = std::upper_bound(bases->begin(), bases->end(), settlement_->standing().next);
    if (next == bases->end() || next + 1 == bases->end()) return Error{Fault::no_space, dir_ + ": no segment to free"};
    if (auto settled = settle_into(*next, *(next + 1)); !settled) return settled;
    auto freed = writer_->release_below(settlement_->standing().next);
    if (!freed) return std::move(freed).error();
  }
  page_.settled(lane_).store(settlement_->standing().next.value);
  return {};
}

Result<bool> LaneMaker::group(std::uint64_t records) {
  const WallMs now = clock_.wall();
  bool fits = true;
  for (std::uint64_t i = 0; i < records && fits; ++i) {
    const std::uint64_t offset = writer_->appended().value;
    for (std::size_t at = 0; at < body_.size(); ++at) body_[at] = static_cast<std::uint8_t>(offset * 31 + at * 7);
    fits = writer_->append(body_, cohort_of(offset), now, nullptr) == spool::AppendOutcome::appended;
  }
  page_.appended(lane_).store(writer_->appended().value);
  auto synced = writer_->commit(now);
  if (!synced) return std::move(synced).error();
  page_.synced(lane_).store(synced->value);
  page_.bytes(lane_).store(writer_->bytes());
  return fits;
}

Result<void> LaneMaker::run(MakerEnd end) {
  bound_ = options_.lane_bytes_max[index_of(lane_)];
  if (auto opened = open(); !opened) return opened;
  if (auto made = make_room(); !made) return made;
  while (room() > options_.segment_bytes_max) {
    auto more = group(kBulkGroup);
    if (!more) return std::move(more).error();
  }
  // A segment of its own, so that what is open in the end is as long as one may be.
  if (auto sealed = writer_->seal(); !sealed) return sealed;
  for (bool more = true; more;) {
    const bool near = room() < kNearBytes;
    if (near && page_.near_bound(lane_).load() == 0) page_.near_bound(lane_).store(1);
    while (near && end == MakerEnd::kill && !page_.all_near_bound()) poll(nullptr, 0, kPollMs);
    auto written = group(near && end == MakerEnd::kill ? kKillGroup : kLastGroup);
    if (!written) return std::move(written).error();
    more = *written;
  }
  if (end == MakerEnd::stop) return writer_->seal();
  while (true) poll(nullptr, 0, 1000);  // full before the kill came: it may still come
}

}  // namespace

Result<MakerPage> MakerPage::open(Disk& disk, const std::string& path) {
  MakerPage page;
  unsigned index = 0;
  for (Words& words : page.words_) {
    for (auto* word : {&words.appended, &words.synced, &words.settled, &words.bytes, &words.near_bound}) {
      auto mapped = disk.map_word(path, index++);
      if (!mapped) return std::move(mapped).error();
      *word = std::move(mapped).value();
    }
  }
  return page;
}

bool MakerPage::all_near_bound() {
  return std::all_of(words_.begin(), words_.end(), [](const Words& words) { return words.near_bound->load() != 0; });
}

Result<void> make_lanes(Disk& disk, const broker::CustodyOptions& options, MakerPage& page, MakerEnd end) {
  auto volume = spool::open_volume(disk, options.spool_root, spool::VolumeRole::writer, os::random_uuid());
  if (!volume) return std::move(volume).error();
  std::array<Result<void>, kLanes> results;
  std::vector<std::thread> threads;
  for (const Lane lane : kAllLanes) {
    threads.emplace_back(
        [&, lane] { results[index_of(lane)] = LaneMaker(disk, options, *volume, lane, page).run(end); });
  }
  for (auto& thread : threads) thread.join();
  for (auto& result : results) {
    if (!result) return result;
  }
  return {};
}

spool::Standing standing_at(Offset next) {
  spool::Standing standing;
  standing.next = next;
  standing.totals.delivered = next.value;
  for (const auto& [cohort, count] : received_at(next)) standing.cohorts[cohort].delivered = count;
  return standing;
}

std::map<std::string, std::uint64_t> received_at(Offset head) {
  std::map<std::string, std::uint64_t> received;
  for (std::uint64_t cohort = 0; cohort < std::min(kCohorts, head.value); ++cohort) {
    received[cohort_of(cohort)] = received_of(cohort, head);
  }
  return received;
}

}  // namespace wayside::bench
