// The command line of wayside-bridge.
#pragma once

#include <string>
#include <vector>

namespace wayside::bridge::run {

enum class End : unsigned char { none, edge, core };

struct Arguments {
  End end = End::none;
  std::string config_file;
  std::vector<std::string> sets;  // "link.resend_ms=5000"
  bool check_config = false;
  bool print_config_docs = false;
  bool help = false;
  bool version = false;
  std::string problem;  // not empty: usage error
};
Arguments parse_arguments(int argc, char** argv);
std::string usage();

}  // namespace wayside::bridge::run
