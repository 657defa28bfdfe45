// One life of wayside-broker: start the parts in order, serve until told to stop, drain.
#pragma once

#include <memory>

#include "common/config/config.h"
#include "common/disk.h"

namespace wayside::broker {

// Exit status: 0 drained after SIGTERM, SIGINT or `drain`; 1 could not run; 2 the configuration asks for
// what cannot be (a key that is no key, a lane that does not fit the volume).
int run(const config::Config& config, std::unique_ptr<Disk> disk);

}  // namespace wayside::broker
