// What vehicles published, what the lanes on the simulated disk hold of it, and what was said about it.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/types.h"
#include "spool/lane.h"
#include "spool/spool.h"
#include "tests/support/sim_disk.h"

namespace wayside::test {

// One PUBLISH on one connection; sent again on another it is another publication of the same message.
struct Publication {
  std::string message;
  std::uint64_t connection = 0;
  std::uint64_t number = 0;  // in the order in which the vehicle published
  std::uint8_t qos = 0;
  bool in_order = false;  // of a 3.1.1 vehicle, QoS 1 or 2
  bool acknowledged = false;
  bool refused = false;
};

// Owns     the account of one history; reads lanes as `bridge edge` does, below `synced`.
// Thread   one.
class CustodyAccount {
 public:
  CustodyAccount(SimDisk& disk, std::uint64_t& survivors) : disk_(disk), survivors_(survivors) {}
  // A publication's payload begins with this name, which no other has; of other payloads it is empty.
  std::string published(Publication publication);
  static std::string name_in(ByteView payload);

  // PUBACK or PUBREC left the session.
  void acknowledged(const std::string& name);
  void refused(const std::string& name);
  // Until its group is committed it may stand behind the head after a death.
  void written(Lane lane, const std::string& name) {
    if (!name.empty()) written_[index_of(lane)].insert(name);
  }
  void committed(Lane lane) {
    due_[index_of(lane)].merge(std::exchange(written_[index_of(lane)], {}));
    failed_[index_of(lane)].clear();
  }
  // Its offsets are given out again: nothing of it stays once another group is committed there.
  void not_committed(Lane lane) { failed_[index_of(lane)].merge(std::exchange(written_[index_of(lane)], {})); }

  // Reads what the lanes have got. `started`: all of it, after a death.
  void look(const spool::Volume& volume, bool started);
  [[nodiscard]] bool stored(const std::string& name) const { return where_.contains(name); }
  [[nodiscard]] std::uint64_t seen(Lane lane) const { return lanes_[index_of(lane)].size(); }
  std::string problem;

 private:
  void met(Lane lane, Offset offset, const std::string& name, bool after_death);
  void wrong(const std::string& what) {
    if (problem.empty()) problem = what;
  }

  SimDisk& disk_;
  std::uint64_t& survivors_;
  std::map<std::string, Publication> publications_;
  std::map<std::string, std::string> where_;            // lane and offset of a publication
  std::map<std::string, std::uint64_t> messages_;       // how many publications of a QoS 2 message are stored
  std::set<std::string> told_fault_;                    // messages of which a refusal may be a survivor
  std::array<std::vector<std::string>, kLanes> lanes_;  // names by offset
  std::array<std::set<std::string>, kLanes> written_;   // the open group
  std::array<std::set<std::string>, kLanes> failed_;
  std::array<std::set<std::string>, kLanes> due_;                    // its commit worked, and nobody has looked since
  std::array<std::map<std::uint64_t, std::uint64_t>, kLanes> last_;  // highest number by connection
  std::uint64_t last_name_ = 0;
};

}  // namespace wayside::test
