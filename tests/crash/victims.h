// Who dies together: a process by itself, or everything that runs on one host.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"

namespace wayside::test {

struct Victim {
  std::string name;
  std::vector<std::string> processes;  // of the region, by name
  std::vector<std::string> hosts;      // that lose power with it (tests/power); none: only processes die
  // Not empty: its one process goes on from the programs there, another release, ended by SIGTERM or by SIGKILL.
  std::string bin_dir = {};
  bool gently = false;
};

// Each process of a region in turn.
std::vector<Victim> lone_processes();
// The edge's host, the core's, both at once. The local broker dies with the edge's broker and holds nothing of ours.
std::vector<Victim> hosts();

// Core and edge, broker and bridge of the edge too, each run beside the other's other release, and each goes to the
// other release and back; in every second cycle by SIGKILL and in the other order.
std::vector<Victim> replaced(const std::string& other_bin_dir, const std::string& bin_dir, std::uint64_t cycle);

// SIGKILL to all, then waits until the last thread of each of them is gone. They are not reaped: whoever started
// them does that. Processes that are no children of ours are only killed.
Result<void> kill_and_wait(const std::vector<pid_t>& processes);

}  // namespace wayside::test
