// Where every (spool uuid, lane) stands at the core: next, digest, totals, cohorts; and which edge a uuid is
// bound to. Values; the core log makes them durable.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bridge/core/core_record.h"
#include "spool/settlement.h"

namespace wayside::bridge::core {

inline constexpr std::size_t kCohortsMax = 64;  // of a lane; what comes after counts as "other"
inline constexpr const char* kOtherCohort = "other";

using LaneKey = std::pair<SpoolUuid, Lane>;

enum class ApplyOutcome : std::uint8_t {
  applied,
  old,  // wholly below next: accounted already
  gap,  // offsets between next and the batch were lost with a damaged core log; they count as lost
};

class Standings {
 public:
  // A batch as the assembler gives it, from one spool and lane. Requests are none of its business.
  ApplyOutcome apply(const std::vector<CoreRecord>& batch);

  // All zero for a lane that was never seen.
  [[nodiscard]] const spool::Standing& of(const SpoolUuid& uuid, Lane lane) const;
  void put(const SpoolUuid& uuid, Lane lane, spool::Standing standing);

  [[nodiscard]] const std::map<LaneKey, spool::Standing>& lanes() const { return lanes_; }
  // Binds on first sight. False: the uuid belongs to another edge.
  bool bind(const SpoolUuid& uuid, const std::string& edge, bool* is_new);
  // Takes a binding back that did not become durable.
  void unbind(const SpoolUuid& uuid) { edges_.erase(uuid); }
  // Binds it again, to another edge.
  void rebind(const SpoolUuid& uuid, const std::string& edge) { edges_[uuid] = edge; }
  [[nodiscard]] const std::map<SpoolUuid, std::string>& edges() const { return edges_; }

 private:
  std::map<LaneKey, spool::Standing> lanes_;
  std::map<SpoolUuid, std::string> edges_;
};

}  // namespace wayside::bridge::core
