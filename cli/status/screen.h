// A verdict and its facts as lines for people and as JSON for programs.
#pragma once

#include <string>

#include "cli/status/verdict.h"

namespace wayside::cli {

// The first three lines suffice: what it is, how it is and why, what comes next.
std::string status_text(const EdgeFacts& facts, const Verdict& verdict, bool colour);
// One object; members are only added.
std::string status_json(const EdgeFacts& facts, const Verdict& verdict);

}  // namespace wayside::cli
