// The real disk behind the Disk seam: POSIX calls, EINTR retried, errors with path and errno text.
#pragma once

#include <memory>

#include "common/disk.h"

namespace wayside::os {

std::unique_ptr<Disk> make_posix_disk();

}  // namespace wayside::os
