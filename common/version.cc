#include "common/version.h"

namespace wayside {

const char* version() { return WAYSIDE_VERSION; }

}  // namespace wayside
