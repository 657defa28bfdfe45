#include "spool/inspect.h"

#include <algorithm>

#include "spool/dry_disk.h"
#include "spool/segment_walker.h"
#include "spool/settlement.h"

namespace wayside::spool {
namespace {

constexpr Offset kNoLimit{UINT64_MAX};
constexpr int kLooks = 5;

// The last group of a sealed segment ends where the footer begins: found from there backwards, by sectors.
Result<std::optional<GroupHeader>> last_group(const Identity& identity, FileWindow& file, const Footer& footer) {
  std::uint64_t window_end = footer.data_bytes;
  while (window_end > kHeaderBytes) {
    const std::uint64_t from = window_end - std::min<std::uint64_t>(kWindowBytes, window_end - kHeaderBytes);
    // Taken along: as much of a header as may stand over the window's end.
    auto bytes = file.view(from, window_end - from + kGroupHeaderBytesMax);
    if (!bytes) return std::move(bytes).error();
    for (std::uint64_t at = window_end; at >= from + kSectorBytes;) {
      at -= kSectorBytes;
      if (at - from >= (*bytes).size()) continue;
      const auto group = decode_group_header(identity, (*bytes).subspan(at - from));
      if (group && at + group->padded_bytes() == footer.data_bytes) return group;
    }
    window_end = from;
  }
  return std::optional<GroupHeader>{};
}

Result<void> read_sealed(const Identity& identity, SegmentWalker& walker, const Footer& footer, SegmentInfo& info) {
  info.sealed = true;
  info.end = footer.end;
  auto first = walker.skip_group(kNoLimit);
  if (!first) return std::move(first).error();
  if (*first && walker.group().base == info.base) info.first = walker.group().committed;
  auto last = last_group(identity, walker.file(), footer);
  if (!last) return std::move(last).error();
  if (*last) info.last = (*last)->committed;
  return {};
}

Result<void> walk_open(SegmentWalker& walker, SegmentInfo& info) {
  for (;;) {
    auto more = walker.skip_group(kNoLimit);
    if (!more) return std::move(more).error();
    if (!*more) return {};
    if (walker.group().base == info.base) info.first = walker.group().committed;
    info.last = walker.group().committed;
    info.end = walker.group().end();
  }
}

Result<SegmentInfo> look_at(Disk& disk, const std::string& dir, const Identity& identity, Offset base) {
  auto walker = SegmentWalker::open(disk, dir, identity, base);
  if (!walker) return std::move(walker).error();
  SegmentInfo info;
  info.base = info.end = base;
  info.header_intact = (*walker)->header().has_value();
  auto size = (*walker)->file().size();
  if (!size) return std::move(size).error();
  info.bytes = *size;
  auto footer = read_footer(identity, (*walker)->file());
  if (!footer) return std::move(footer).error();
  const bool sealed = footer->has_value() && (*footer)->base == base;
  auto done = sealed ? read_sealed(identity, **walker, **footer, info) : walk_open(**walker, info);
  if (!done) return std::move(done).error();
  return info;
}

Result<DryRun> look_once(Disk& below, const std::string& dir, const Identity& identity, Offset* seen) {
  DryDisk disk(below);
  const auto standing = read_settled(disk, dir, identity.uuid, identity.lane);
  if (!standing) return standing.error();
  auto page = SyncedPage::open(disk, dir);
  if (!page) return std::move(page).error();
  *seen = page->load();
  LaneOptions options;
  options.dir = dir;
  options.lane = identity.lane;
  options.uuid = identity.uuid;
  DryRun run;
  auto writer = LaneWriter::open(disk, options, standing->next, &run.recovery);
  if (!writer) return std::move(writer).error();
  run.changes = disk.notes();
  return run;
}

}  // namespace

Result<std::vector<SegmentInfo>> list_lane(Disk& disk, const std::string& lane_dir, const Identity& identity) {
  auto bases = list_segments(disk, lane_dir);
  if (!bases) return std::move(bases).error();
  std::vector<SegmentInfo> out;
  for (std::size_t i = 0; i < bases->size(); ++i) {
    auto info = look_at(disk, lane_dir, identity, (*bases)[i]);
    if (!info && info.error().fault == Fault::not_found) continue;  // released meanwhile
    if (!info) return std::move(info).error();
    if (i + 1 < bases->size()) info->end = std::min(info->end, (*bases)[i + 1]);
    out.push_back(*info);
  }
  return out;
}

// A writer at work moves the head between two reads; what a moment in the middle looks like is no finding.
Result<DryRun> dry_recover(Disk& disk, const std::string& lane_dir, const Identity& identity) {
  for (int look = 1;; ++look) {
    Offset before;
    Offset after;
    auto run = look_once(disk, lane_dir, identity, &before);
    DryDisk again(disk);
    auto page = SyncedPage::open(again, lane_dir);
    if (!page) return std::move(page).error();
    after = page->load();
    if (before == after) return run;
    if (look < kLooks) continue;
    if (run) run->moving = true;
    return run;
  }
}

}  // namespace wayside::spool
