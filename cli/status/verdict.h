// Is an edge well, why not, and what comes next: the first three lines of `wayside status`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/status/facts.h"

namespace wayside::cli {

struct Finding {
  std::string what;     // a sentence without its full stop
  std::string act;      // what to do now; empty: look at the runbook
  std::string runbook;  // page of docs/runbook
};

struct Limit {
  std::string what;  // "state lane full"
  double in_s = 0;
  std::string act;
  std::string runbook;
};

struct Verdict {
  std::vector<Finding> now;   // the worst first; empty: healthy
  std::optional<Limit> next;  // the limit that is met first
  [[nodiscard]] bool healthy() const { return now.empty(); }
};

Verdict judge(const EdgeFacts& facts);

}  // namespace wayside::cli
