// Fills the lanes of a volume with the product's own writer, each to its bound, and stops as a broker does or is
// killed. A record, its cohort and so every total of the ledger follow from the offset alone.
#pragma once

#include <array>
#include <string>

#include "broker/custody/custody.h"
#include "common/disk.h"
#include "spool/settlement.h"

namespace wayside::bench {

// Words that writer and watcher share, in a page file that outlives the writer.
// Thread  any; values of one lane rise one after the other: appended, then synced.
class MakerPage {
 public:
  static Result<MakerPage> open(Disk& disk, const std::string& path);
  [[nodiscard]] SharedWord& appended(Lane lane) { return *words_[index_of(lane)].appended; }  // may be on the disk
  [[nodiscard]] SharedWord& synced(Lane lane) { return *words_[index_of(lane)].synced; }      // must be
  [[nodiscard]] SharedWord& settled(Lane lane) { return *words_[index_of(lane)].settled; }
  [[nodiscard]] SharedWord& bytes(Lane lane) { return *words_[index_of(lane)].bytes; }
  [[nodiscard]] SharedWord& near_bound(Lane lane) { return *words_[index_of(lane)].near_bound; }
  [[nodiscard]] bool all_near_bound();

 private:
  struct Words {
    std::unique_ptr<SharedWord> appended, synced, settled, bytes, near_bound;
  };
  std::array<Words, kLanes> words_;
};

enum class MakerEnd : std::uint8_t {
  stop,  // footers, as after SIGTERM
  kill,  // goes on writing small groups until it is killed
};

// Where a lane is full already, makes room for one segment as the bridge and retention do (settlement, then release),
// then writes a whole segment anew, up to lane_bytes_max. Returns only at MakerEnd::stop, or on a fault.
Result<void> make_lanes(Disk& disk, const broker::CustodyOptions& options, MakerPage& page, MakerEnd end);

// What the ledger must say at `next`: everything below was delivered.
spool::Standing standing_at(Offset next);
// Received by cohort below `head`.
std::map<std::string, std::uint64_t> received_at(Offset head);

}  // namespace wayside::bench
