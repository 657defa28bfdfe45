// Leaves out steps of a failing history for as long as it still fails.
#pragma once

#include <functional>

#include "tests/simulation/script.h"

namespace wayside::test {

// `fails` is asked at most `tries_max` times. The steps that are left keep their own seeds: telling them again is
// the same failing history.
Script shrink(Script script, const std::function<bool(const Script&)>& fails, unsigned tries_max = 5'000);

}  // namespace wayside::test
