// What a process stands on: kernel, memory, limits, volumes; and which of our processes run from a run folder.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/result.h"

namespace wayside::cli {

struct RunningProcess {
  std::string name;  // "wayside-broker", "wayside-bridge edge"
  pid_t pid = 0;
  std::string config_file;               // as its command line says, made absolute
  std::vector<std::string> sets;         // likewise
  std::vector<std::string> environment;  // NAME=value of WAYSIDE_*
};

// The process of a ports file ("pid"), as /proc tells. Fault::not_found: it does not run, or is not of this namespace.
Result<RunningProcess> process_of(const std::string& name, const std::string& ports_file);

// Where the process writes its log: stderr, if that is a file. Empty: it is none.
std::string log_file_of(pid_t pid);
// The end of a file, from the begin of a line. `cut`: there is more before it.
Result<std::string> tail_of_file(const std::string& path, std::size_t bytes_max, bool* cut);

// One JSON object; what cannot be told of it is left out.
std::string machine_json(const std::vector<RunningProcess>& processes, const std::vector<std::string>& volumes);

}  // namespace wayside::cli
