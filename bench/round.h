// One round on one side: cars speak, stop, and everything arrives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/side.h"
#include "bench/value_count.h"

namespace wayside::bench {

struct Load {
  std::vector<std::string> vehicles;
  std::string pki;
  std::string journal;  // file of this round; removed at its end
  double seconds = 0;   // how long the cars speak; then they fall silent and the backlog drains
  std::uint64_t seed = 0;
  std::int64_t interval_ms = 0;  // between two messages of a car; 0: as fast as its window allows
};

struct Figures {
  std::uint64_t acked = 0;    // messages acknowledged with a yes
  std::uint64_t refused = 0;  // and with a no
  std::uint64_t values = 0;   // signal values that arrived at the far end
  std::uint64_t link_bytes = 0;
  double cpu_s = 0;       // of the edge's processes, from before the first connection until all has arrived
  double speaking_s = 0;  // until the last acknowledgement

  [[nodiscard]] double messages_per_cpu_s() const { return static_cast<double>(acked) / cpu_s; }
  [[nodiscard]] double link_bytes_per_value() const {
    return static_cast<double>(link_bytes) / static_cast<double>(values);
  }
  [[nodiscard]] double messages_per_s() const { return static_cast<double>(acked) / speaking_s; }
};

// Fault when a car was disconnected, a process ended, or not exactly what was acknowledged arrived in time: such a
// round is no measurement.
Result<Figures> run_round(Side& side, ArrivedValues& arrived, const Load& load, Disk& disk);

double median(std::vector<double> values);

}  // namespace wayside::bench
