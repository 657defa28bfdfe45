// The command line of wayside-broker.
#pragma once

#include <string>
#include <vector>

namespace wayside::broker {

struct Arguments {
  std::string config_file;
  std::vector<std::string> sets;  // "custody.commit_interval_ms=5"
  bool check_config = false;
  bool print_config_docs = false;
  bool help = false;
  bool version = false;
  std::string problem;  // not empty: usage error
};
Arguments parse_arguments(int argc, char** argv);
std::string usage();

}  // namespace wayside::broker
