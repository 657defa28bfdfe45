#include "spool/settlement_check.h"

#include <algorithm>

#include "spool/dry_disk.h"

namespace wayside::spool {
namespace {

constexpr int kLooks = 3;
constexpr std::uint64_t kWordBytes = sizeof(std::uint64_t);

Damage at_offset(std::string path, std::string what, Offset here, std::uint64_t at, std::uint64_t bytes) {
  return {std::move(path), std::move(what), here, here, at, bytes, {}, {}};
}

Result<Offset> word(Disk& disk, const std::string& path, unsigned index) {
  auto mapped = DryDisk(disk).map_word(path, index);
  if (!mapped) return std::move(mapped).error();
  return Offset{(*mapped)->load()};
}

// Damaged sectors that an intact entry follows; the last intact entry.
void scan_log(const Identity& identity, const std::string& path, ByteView log, SettlementCheck& check) {
  std::optional<std::size_t> bad_from;
  for (std::size_t at = 0; at < log.size();) {
    auto entry = decode_settlement(identity, log.subspan(at));
    if (!entry) {
      if (!bad_from) bad_from = at;
      at += kSectorBytes;
      continue;
    }
    if (bad_from) {
      check.damages.push_back(at_offset(path, "an entry is damaged", entry->standing.next, *bad_from, at - *bad_from));
    }
    bad_from.reset();
    at += entry->bytes;
    if (!check.last || entry->sequence > check.last->sequence) check.last = std::move(entry);
  }
  if (!check.last && !log.empty()) {
    check.damages.push_back(at_offset(path, "no entry is intact", {}, 0, log.size()));
  }
}

}  // namespace

// The writer stores the copy, then the value: a copy above the value is a moment, unless it stays.
Result<SyncedPageCheck> check_synced_page(Disk& disk, const std::string& dir) {
  const std::string path = dir + "/" + kSyncedPage;
  SyncedPageCheck check;
  for (int look = 1;; ++look) {
    auto value = word(disk, path, 0);
    if (!value) return std::move(value).error();
    auto copy = word(disk, path, 1);
    if (!copy) return std::move(copy).error();
    check.synced = std::min(*value, *copy);
    if (*value == *copy) return check;
    if (look < kLooks && *copy > *value) continue;
    check.damages.push_back(at_offset(path,
                                      "its words differ: " + std::to_string(value->value) + " and " +
                                          std::to_string(copy->value) + "; read up to the lower",
                                      check.synced, 0, 2 * kWordBytes));
    return check;
  }
}

Result<SettlementCheck> check_settlement(Disk& disk, const std::string& dir, const Identity& identity) {
  const std::string path = dir + "/" + kSettlementFile;
  SettlementCheck check;
  // The page first: settle() writes it last, so that it never is ahead of the log.
  auto page = word(disk, dir + "/" + kSettledPage, 0);
  if (!page) return std::move(page).error();
  auto there = disk.exists(path);
  if (!there) return std::move(there).error();
  if (*there) {
    auto file = disk.open(path, OpenMode::read);
    if (!file) return std::move(file).error();
    Bytes log;
    if (auto read = (*file)->pread(log, kSettlementLogBytesMax + kSettlementBytesMax, 0); !read) {
      return std::move(read).error();
    }
    scan_log(identity, path, log, check);
  }
  const Offset next = check.last ? check.last->standing.next : Offset{};
  if (*page > next) {
    check.damages.push_back(
        at_offset(dir + "/" + kSettledPage,
                  "says " + std::to_string(page->value) + ", the settlement log only " + std::to_string(next.value),
                  next, 0, kWordBytes));
  }
  if (check.last && check.last->standing.totals.sum() != next.value) {
    check.damages.push_back(at_offset(path, "the totals do not add up to what is settled", next, 0, 0));
  }
  return check;
}

}  // namespace wayside::spool
