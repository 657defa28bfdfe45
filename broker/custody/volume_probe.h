// Does the spool's volume work again after a fault?
#pragma once

#include <string>

#include "common/disk.h"

namespace wayside::broker {

// Can the volume take what the next group may need of it? A segment grows by one step at a time.
Result<void> probe_volume(Disk& disk, const std::string& path);

}  // namespace wayside::broker
