// The release, from CMakeLists.txt: one place for every --version, the link's hello and the build info metric.
#pragma once

namespace wayside {

const char* version();

}  // namespace wayside
