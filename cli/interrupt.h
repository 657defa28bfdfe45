// Ctrl-C as an answer: commands that go on until then end with what they were asked for, and exit 0.
#pragma once

#include <cstdint>

namespace wayside::cli {

// From now on SIGINT and SIGTERM only set the flag, and a wait ends at once.
void watch_interrupts();
[[nodiscard]] bool interrupted();
// Sleeps; false: interrupted.
bool wait_ms(std::int64_t ms);

}  // namespace wayside::cli
