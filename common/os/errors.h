// errno as an Error: the path, the call, the words of the system.
#pragma once

#include <cerrno>
#include <string>

#include "common/result.h"

namespace wayside::os {

// Reads errno; call it before anything else can change it.
Error errno_error(const char* call, const std::string& path);

// Calls `call` again as long as a signal interrupts it.
template <typename Call>
auto retry_eintr(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace wayside::os
