// The state that the managed local broker saves when it ends, and whether it may be read again.
#pragma once

#include <string>

#include "common/result.h"

namespace wayside::broker {

// Owns     <state_dir>/localbroker: Mosquitto's database and our mark beside it.
// Thread   the control thread.
// Durable  the mark: it is there exactly when the last life ended by saving everything.
//
// Promise P9: a crash may lose the local broker's state, but never revives an older one. So a database
// without the mark is removed before the next start.
class LocalState {
 public:
  explicit LocalState(std::string dir) : dir_(std::move(dir)) {}

  Result<void> prepare() const;  // makes the folder
  // Before every start. The mark is gone when it returns.
  Result<void> begin() const;
  // After the process ended by itself with status 0 on our SIGTERM.
  Result<void> ended_saved() const;
  [[nodiscard]] const std::string& dir() const { return dir_; }

 private:
  [[nodiscard]] std::string mark() const { return dir_ + "/saved"; }
  [[nodiscard]] std::string database() const { return dir_ + "/mosquitto.db"; }
  Result<void> remove_durably(const std::string& path) const;

  std::string dir_;
};

}  // namespace wayside::broker
