// A history told in a child process: an assertion of the product that fails there is a verdict, not the end of a run.
#pragma once

#include "tests/simulation/history.h"

namespace wayside::test {

Verdict run_contained(const Script& script, const Planting& planting = {});

}  // namespace wayside::test
