// Leaves out steps of a failing history for as long as it still fails.
#pragma once

#include <functional>
#include <string_view>

#include "tests/simulation/script.h"

namespace wayside::test {

// Whether two histories end in the same way: what differs is numbers, which change with every step that is left out.
bool same_failure(std::string_view one, std::string_view other);

// `fails` is asked at most `tries_max` times. The steps that are left keep their own seeds: telling them again is
// the same failing history.
Script shrink(Script script, const std::function<bool(const Script&)>& fails, unsigned tries_max = 1'500);

}  // namespace wayside::test
