#include "spool/settlement.h"

#include "common/whole_file.h"
#include "spool/crc32c.h"
#include "spool/segment_file.h"
#include "spool/settlement_codec.h"

namespace wayside::spool {
namespace {

std::string log_path(const std::string& dir) { return dir + "/" + kSettlementFile; }

Result<Bytes> read_log(DiskFile& file) {
  Bytes bytes;
  // One entry may be written past the bound before the log is rewritten.
  if (auto read = file.pread(bytes, kSettlementLogBytesMax + kSettlementBytesMax, 0); !read) {
    return std::move(read).error();
  }
  return bytes;
}

class SettlementLogImpl final : public SettlementLog {
 public:
  SettlementLogImpl(Disk& disk, std::string dir, const Identity& identity, std::unique_ptr<SharedWord> page)
      : disk_(disk), dir_(std::move(dir)), identity_(identity), page_(std::move(page)) {}

  Result<void> recover();
  Result<void> settle(const Standing& standing) override;
  Result<bool> mend() override;
  [[nodiscard]] const Standing& standing() const override { return standing_; }

 private:
  [[nodiscard]] bool stands() const;
  Result<void> append(const Bytes& entry);
  Result<void> rewrite(const Bytes& entry);

  Disk& disk_;
  std::string dir_;
  Identity identity_;
  std::unique_ptr<SharedWord> page_;
  std::unique_ptr<DiskFile> file_;
  std::uint64_t end_ = 0;
  std::uint64_t sequence_ = 0;
  Standing standing_;
};

// Begins a file of its own with the last intact entry: whatever stood behind it is gone with the old one.
Result<void> SettlementLogImpl::recover() {
  auto there = disk_.exists(log_path(dir_));
  if (!there) return std::move(there).error();
  if (*there) {
    auto file = disk_.open(log_path(dir_), OpenMode::read);
    if (!file) return std::move(file).error();
    auto log = read_log(**file);
    if (!log) return std::move(log).error();
    if (auto last = last_settlement(identity_, *log)) {
      standing_ = std::move(last->standing);
      sequence_ = last->sequence;
    }
  }
  if (auto done = rewrite(encode_settlement(identity_, ++sequence_, standing_)); !done) return done;
  page_->store(standing_.next.value);
  return {};
}

Result<void> SettlementLogImpl::settle(const Standing& standing) {
  if (standing.next < standing_.next) {
    return Error{
        Fault::malformed,
        "settlement falls from " + std::to_string(standing_.next.value) + " to " + std::to_string(standing.next.value),
        0};
  }
  if (!adds_up(standing.totals, standing.next)) {
    return Error{Fault::malformed, "settlement totals do not add up to " + std::to_string(standing.next.value), 0};
  }
  if (standing.cohorts.size() > kCohortsMax + 1) return Error{Fault::malformed, "settlement with too many cohorts", 0};
  for (const auto& [name, totals] : standing.cohorts) {
    if (name.size() > kCohortBytesMax) return Error{Fault::malformed, "settlement with a cohort name too long", 0};
  }
  const Bytes entry = encode_settlement(identity_, sequence_ + 1, standing);
  auto done = append(entry);
  if (!done) done = rewrite(entry);
  if (!done) return done;
  ++sequence_;
  standing_ = standing;
  page_->store(standing_.next.value);
  return {};
}

// Read by its name, as others do: the file may also be gone, or another have taken its place.
bool SettlementLogImpl::stands() const {
  auto file = disk_.open(log_path(dir_), OpenMode::read);
  if (!file) return false;
  auto log = read_log(**file);
  if (!log) return false;
  const auto last = last_settlement(identity_, *log);
  return last && last->sequence == sequence_ && last->standing.next == standing_.next;
}

Result<bool> SettlementLogImpl::mend() {
  if (file_ != nullptr && stands()) return false;
  if (auto done = rewrite(encode_settlement(identity_, sequence_ + 1, standing_)); !done)
    return std::move(done).error();
  ++sequence_;
  return true;
}

Result<void> SettlementLogImpl::append(const Bytes& entry) {
  if (file_ == nullptr || end_ + entry.size() > kSettlementLogBytesMax) return rewrite(entry);
  auto done = file_->pwrite(entry, end_);
  if (done) done = file_->fdatasync();
  if (!done) {
    file_.reset();  // what this file holds is unknown from here on
    return done;
  }
  end_ += entry.size();
  return {};
}

Result<void> SettlementLogImpl::rewrite(const Bytes& entry) {
  file_.reset();
  auto file = replace_whole(disk_, dir_, kSettlementFile, entry, kTemporarySuffix);
  if (!file) return std::move(file).error();
  file_ = std::move(file).value();
  end_ = entry.size();
  return {};
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
  delivered += other.delivered;
  compacted += other.compacted;
  resent += other.resent;
  expired += other.expired;
  lost += other.lost;
  return *this;
}

bool adds_up(const Totals& totals, Offset next) {
  constexpr std::uint64_t kNextMax = 1ULL << 60U;
  for (const std::uint64_t part : {totals.delivered, totals.compacted, totals.expired, totals.lost}) {
    if (part > next.value) return false;
  }
  return totals.resent <= totals.compacted && next.value < kNextMax && totals.sum() == next.value;
}

std::uint32_t cohorts_checksum(const CohortTotals& cohorts) {
  std::uint32_t crc = 0;
  for (const auto& [name, totals] : cohorts) {
    std::string line = name;
    for (const auto part : {totals.delivered, totals.compacted, totals.resent, totals.expired, totals.lost}) {
      line += ' ' + std::to_string(part);
    }
    crc = crc32c(crc, as_bytes(line + '\n'));
  }
  return crc;
}

Result<std::unique_ptr<SettlementLog>> SettlementLog::open(Disk& disk, const std::string& lane_dir,
                                                           const SpoolUuid& uuid, Lane lane) {
  if (auto made = disk.make_dir(lane_dir); !made) return std::move(made).error();
  auto page = disk.map_word(lane_dir + "/" + kSettledPage, 0);
  if (!page) return std::move(page).error();
  auto log = std::make_unique<SettlementLogImpl>(disk, lane_dir, Identity{uuid, lane}, std::move(page).value());
  if (auto done = log->recover(); !done) return std::move(done).error().with(log_path(lane_dir));
  return std::unique_ptr<SettlementLog>(std::move(log));
}

Result<Standing> read_settled(Disk& disk, const std::string& lane_dir, const SpoolUuid& uuid, Lane lane) {
  auto there = disk.exists(log_path(lane_dir));
  if (!there) return std::move(there).error();
  if (!*there) return Standing{};
  auto file = disk.open(log_path(lane_dir), OpenMode::read);
  if (!file) return std::move(file).error();
  auto log = read_log(**file);
  if (!log) return std::move(log).error();
  auto last = last_settlement({uuid, lane}, *log);
  return last ? std::move(last->standing) : Standing{};
}

}  // namespace wayside::spool
