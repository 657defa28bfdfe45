// A configuration file as it may be passed on: without comments, secrets masked, and which files it names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/bundle/redactor.h"
#include "common/result.h"

namespace wayside::cli {

struct ConfigFacts {
  std::string redacted;   // "key = value" lines, in the order of the file
  std::string state_dir;  // empty: it names none
  std::string deny_list;
  std::vector<std::string> certificates;  // files of certificates and revocation lists that it names, never of keys
};

// `sets`: what the command line put on top, "key=value". Fault::malformed: the file is no TOML, which is all that is
// said.
Result<ConfigFacts> read_config(std::string_view toml, const std::vector<std::string>& sets, Redactor& redactor);

}  // namespace wayside::cli
