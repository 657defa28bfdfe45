#include "broker/localbroker/local_state.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/os/system.h"

namespace wayside::broker {
namespace {

Error failed(const std::string& call, const std::string& path) {
  return {Fault::io, call + " " + path + ": " + std::strerror(errno), errno};
}

}  // namespace

Result<void> LocalState::prepare() const { return os::make_dirs(dir_, 0700); }

Result<void> LocalState::remove_durably(const std::string& path) const {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed("remove", path);
  const int folder = open(dir_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return failed("open", dir_);
  const int synced = fsync(folder);
  close(folder);
  if (synced != 0) return failed("fsync", dir_);
  return {};
}

Result<void> LocalState::begin() const {
  const bool saved = access(mark().c_str(), F_OK) == 0;
  return remove_durably(saved ? mark() : database());
}

Result<void> LocalState::ended_saved() const { return os::write_file_atomic(mark(), "saved\n", 0600); }

}  // namespace wayside::broker
