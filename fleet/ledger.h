// What became of every record of a volume, as plain values, and the check against counts from outside: the ids in
// the sink. Reading the values is the caller's (the spool belongs to others).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/result.h"

namespace wayside::fleet {

struct LaneLedger {
  std::string lane;
  std::uint64_t received = 0;  // records committed: the lane's synced head
  std::uint64_t delivered = 0;
  std::uint64_t compacted = 0;
  std::uint64_t resent = 0;  // of compacted
  std::uint64_t expired = 0;
  std::uint64_t lost = 0;
  std::uint64_t pending = 0;
  std::uint64_t cohorts = 0;  // checksum of the account by cohort

  // received = delivered + compacted + expired + lost + pending, or how far off it is.
  [[nodiscard]] std::int64_t residual() const {
    return static_cast<std::int64_t>(received - delivered - compacted - expired - lost - pending);
  }
};

// How the account of the spool ended that this one goes on for: received = common + moved, lane by lane.
struct MovedLane {
  std::string lane;
  std::uint64_t received = 0;  // by the spool before
  std::uint64_t common = 0;    // with the core, which settled it under the uuid before
  std::uint64_t moved = 0;     // received here once more, as the first of the lane
  bool exact = true;           // false: the core may have some of what moved
};

struct VolumeLedger {
  std::string uuid;
  std::vector<LaneLedger> lanes;  // in order of service
  std::string moved_from{};       // the uuid before; empty: there was none
  std::vector<MovedLane> moved{};
};

// Reads the edge's ledger from its volume; given by who may read it.
using ReadVolume = std::function<Result<VolumeLedger>()>;

// The core's account of an edge's spool, from the core bridge's metrics (text of /metrics): delivered, compacted (of
// it resent), expired and lost of each lane, and the checksum of its cohorts; received is the sum, since the core
// knows of nothing that waits.
VolumeLedger core_ledger(const std::string& metrics_text, const std::string& edge, const std::string& uuid);

struct LaneCheck {
  LaneLedger edge;
  std::uint64_t in_sink = 0;  // distinct wayside-ids of the lane
  std::int64_t residual = 0;  // of the ledger's own columns
  std::int64_t outside = 0;   // delivered minus what the sink holds
};
struct LedgerCheck {
  std::vector<LaneCheck> lanes;
  std::uint64_t residual = 0;  // sum of all absolute differences
  std::uint64_t pending = 0;
  std::uint64_t lost = 0;
  bool equal = false;                    // edge and core agree in every column of every lane and by cohort
  std::vector<std::string> differences;  // one sentence each
};

// `ids_by_lane`: "<uuid>/<lane>" to distinct ids (fleet/verify.h). `resends_max`: how often a car published again
// at most; more `resent` than that has no cause and counts as a difference.
LedgerCheck check_ledgers(const VolumeLedger& edge, const VolumeLedger& core,
                          const std::map<std::string, std::uint64_t>& ids_by_lane, std::uint64_t resends_max);

// Every delivered record of every lane has its id in the sink.
bool sink_holds_all(const VolumeLedger& edge, const std::map<std::string, std::uint64_t>& ids_by_lane);

// Where edge and core disagree, one sentence each.
std::vector<std::string> compare_outcomes(const VolumeLedger& edge, const VolumeLedger& core);

// The table that people read, one line a lane.
std::string ledger_text(const VolumeLedger& ledger);
std::string ledger_json(const VolumeLedger& ledger);

}  // namespace wayside::fleet
