#include "tests/simulation/shrink.h"

#include <algorithm>
#include <string>

namespace wayside::test {
namespace {

Script without(const Script& script, std::size_t from, std::size_t count) {
  Script out{script.seed, script.profile, {}};
  const auto begin = script.steps.begin() + static_cast<std::ptrdiff_t>(from);
  out.steps.insert(out.steps.end(), script.steps.begin(), begin);
  out.steps.insert(out.steps.end(), begin + static_cast<std::ptrdiff_t>(count), script.steps.end());
  return out;
}

std::string without_numbers(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) out += c;
    if (digit && (out.empty() || out.back() != '#')) out += '#';
  }
  return out;
}

}  // namespace

bool same_failure(std::string_view one, std::string_view other) {
  return without_numbers(one) == without_numbers(other);
}

Script shrink(Script script, const std::function<bool(const Script&)>& fails, unsigned tries_max) {
  unsigned tries = 0;
  std::size_t chunk = std::max<std::size_t>(script.steps.size() / 2, 1);
  while (!script.steps.empty()) {
    bool smaller = false;
    // From the end: what comes after the failure goes first.
    for (std::size_t end = script.steps.size(); end > 0 && tries < tries_max;) {
      const std::size_t from = end > chunk ? end - chunk : 0;
      ++tries;
      if (Script shorter = without(script, from, end - from); fails(shorter)) {
        script = std::move(shorter);
        smaller = true;
      }
      end = from;
    }
    if (tries >= tries_max || (chunk == 1 && !smaller)) break;
    chunk = std::max<std::size_t>(chunk / 2, 1);
  }
  return script;
}

}  // namespace wayside::test
