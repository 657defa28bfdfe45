// One look at a running region: the cars' own counts, the processes' /metrics, the relay.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fleet/car/car_pool.h"
#include "fleet/region.h"

namespace wayside::fleet {

struct LaneBacklog {
  std::string lane;
  std::uint64_t pending = 0;
};

struct Picture {
  double elapsed_s = 0;
  PoolStats cars;
  std::uint64_t online_at_edge = 0;
  std::uint64_t bytes_in = 0;  // payload and topic, as the cars sent them
  std::uint64_t batches_out = 0;
  std::uint64_t link_bytes = 0;      // both ways, as the relay saw them
  std::vector<LaneBacklog> backlog;  // as last told by the edge
  bool edge_answers = false;
  bool core_up = false;
  std::vector<ProcessInfo> processes;
};

class Observer {
 public:
  Observer(Region& region, CarPool& cars) : region_(region), cars_(cars) {}
  Picture look(double elapsed_s);

 private:
  Region& region_;
  CarPool& cars_;
  Picture last_;  // what a process that is down said before
};

}  // namespace wayside::fleet
