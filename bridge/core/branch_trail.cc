#include "bridge/core/branch_trail.h"

#include <algorithm>
#include <optional>
#include <set>

#include "bridge/core/seal.h"
#include "bridge/core/wire.h"
#include "common/whole_file.h"

namespace wayside::bridge::core {
namespace {

constexpr std::string_view kMagic = "WSTRAIL1";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kBytesMax = 64U << 10U;
constexpr std::size_t kReservedBytes = 256;  // a usual trail; more grows

std::string name_of(const SpoolUuid& uuid) { return to_string(uuid) + ".trail"; }

Bytes encode(const std::array<Trail, kLanes>& trails) {
  Bytes bytes;
  bytes.reserve(kReservedBytes);
  WireWriter out(bytes);
  out.raw(as_bytes(kMagic));
  out.number(kVersion, 4);
  for (const Trail& trail : trails) {
    out.number(trail.size(), 2);
    for (const spool::Branch& branch : trail) {
      out.number(branch.offset.value, 8);
      out.number(branch.id, 8);
    }
  }
  seal(bytes);
  return bytes;
}

// Damaged or of another version: nothing is known.
std::array<Trail, kLanes> decode(ByteView bytes) {
  std::array<Trail, kLanes> out;
  const std::optional<ByteView> body = unseal(bytes, kMagic);
  if (!body) return out;
  WireReader in(*body);
  (void)in.raw(kMagic.size());
  if (in.number(4) != kVersion) return out;
  for (Trail& trail : out) {
    for (std::uint64_t n = in.number(2); n > 0 && !in.failed(); --n) {
      spool::Branch& branch = trail.emplace_back();
      branch.offset = {in.number(8)};
      branch.id = in.number(8);
    }
  }
  return in.done() ? out : std::array<Trail, kLanes>();
}

std::uint64_t id_at(const std::vector<spool::Branch>& branches, Offset at) {
  const auto behind =
      std::upper_bound(branches.begin(), branches.end(), at,
                       [](Offset offset, const spool::Branch& branch) { return offset < branch.offset; });
  return behind == branches.begin() ? 0 : std::prev(behind)->id;
}

}  // namespace

Trail continued(Trail trail, Offset first, const std::vector<spool::Branch>& told) {
  // What was told of batches that never became durable.
  std::erase_if(trail, [first](const spool::Branch& branch) { return branch.offset >= first; });
  if (told.empty()) return {};
  for (const spool::Branch& branch : told) {
    if (trail.empty() || trail.back().id != branch.id) trail.push_back(branch);
  }
  if (trail.size() > kTrailMax) trail.erase(trail.begin(), trail.end() - kTrailMax);
  return trail;
}

Common common_of(const Trail& trail, Offset next, const link::LaneHead& head) {
  if (next == Offset{}) return {next, true};
  const std::vector<spool::Branch>& volume = head.branches;
  const Common settled{std::min(head.settled, next), false};
  Trail here = trail;
  std::erase_if(here, [next](const spool::Branch& branch) { return branch.offset >= next; });
  if (volume.empty() || here.empty()) return settled;
  const Offset end = std::min(next, head.synced);
  const Offset from = std::max(volume.front().offset, here.front().offset);
  if (from > end) return settled;
  std::set<Offset> places{from};
  for (const Trail* branches : {&volume, static_cast<const Trail*>(&here)}) {
    for (const spool::Branch& branch : *branches) {
      if (branch.offset > from && branch.offset < end) places.insert(branch.offset);
    }
  }
  if (end < next) places.insert(end);  // a writer that has written nothing yet
  // From here on it is not known; below the first place it is once that agrees.
  std::optional<Offset> doubt;
  if (from > volume.front().offset) doubt = settled.offset;
  for (const Offset at : places) {
    const std::uint64_t there = id_at(volume, at);
    const std::uint64_t ours = id_at(here, at);
    if (there == 0 || ours == 0) {
      if (!doubt) doubt = at;
    } else if (there == ours) {
      doubt.reset();
    } else {
      return doubt ? Common{*doubt, false} : Common{at, true};
    }
  }
  if (end == next) return doubt ? Common{*doubt, false} : Common{next, true};
  // Shorter than what is here, and no writer opened it since: it went back with its processes.
  return settled;
}

Result<BranchTrails::Trails*> BranchTrails::load(const SpoolUuid& uuid) {
  if (const auto known = trails_.find(uuid); known != trails_.end()) return &known->second;
  if (auto made = disk_.make_dir(dir_); !made) return std::move(made).error();
  if (auto synced = disk_.fsync_dir(root_); !synced) return std::move(synced).error();
  const auto bytes = load_whole(disk_, dir_, name_of(uuid), kBytesMax);
  if (!bytes && bytes.error().fault != Fault::corrupt) return bytes.error();
  const bool there = bytes.ok() && bytes->has_value();
  return &trails_.emplace(uuid, there ? decode(**bytes) : Trails{}).first->second;
}

Result<Trail> BranchTrails::of(const SpoolUuid& uuid, Lane lane) {
  const Result<Trails*> trails = load(uuid);
  if (!trails) return trails.error();
  return (**trails)[index_of(lane)];
}

Result<void> BranchTrails::continue_lane(const SpoolUuid& uuid, Lane lane, Offset first,
                                         const std::vector<spool::Branch>& told) {
  const Result<Trails*> trails = load(uuid);
  if (!trails) return trails.error();
  Trail after = continued((**trails)[index_of(lane)], first, told);
  if (after == (**trails)[index_of(lane)]) return {};
  Trails fresh = **trails;
  fresh[index_of(lane)] = std::move(after);
  if (Result<void> stored = store_whole(disk_, dir_, name_of(uuid), encode(fresh)); !stored) return stored;
  **trails = std::move(fresh);
  return {};
}

}  // namespace wayside::bridge::core
