// The command line that every process of ours has: which configuration, and what to do with it.
#pragma once

#include <string>
#include <vector>

namespace wayside::config {

struct Arguments {
  std::string config_file;
  std::vector<std::string> sets;   // "custody.commit_interval_ms=5"
  std::vector<std::string> words;  // what is no option: "edge"
  bool check_config = false;
  bool print_effective = false;
  bool print_config_docs = false;
  bool help = false;
  bool version = false;
  std::string problem;  // not empty: usage error
};

Arguments parse_arguments(int argc, char** argv);
// The lines about these options, for a process' own usage text.
std::string options_usage();

}  // namespace wayside::config
