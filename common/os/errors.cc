#include "common/os/errors.h"

#include <system_error>

namespace wayside::os {
namespace {

Fault fault_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return Fault::no_space;
    case ENOENT:
    case ENOTDIR: return Fault::not_found;
    case EEXIST: return Fault::exists;
    case EACCES:
    case EPERM:
    case EROFS: return Fault::denied;
    default: return Fault::io;
  }
}

}  // namespace

Error errno_error(const char* call, const std::string& path) {
  const int error = errno;
  return {fault_of(error), path + ": " + call + ": " + std::generic_category().message(error), error};
}

}  // namespace wayside::os
