// What a running process has used of the CPU, as the kernel counts it.
#pragma once

#include <sys/types.h>

#include "common/result.h"

namespace wayside::bench {

// User and system seconds of all threads of `pid`, ended ones too; a tick is 10 ms. Fault::not_found once it is gone.
Result<double> cpu_seconds(pid_t pid);

}  // namespace wayside::bench
