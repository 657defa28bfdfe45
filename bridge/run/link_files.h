// Certificate, key and CA bundle of the link, watched: what was good last stays in force when the files on disk are
// not.
#pragma once

#include <string>

#include "bridge/run/config.h"
#include "common/metrics/metrics.h"
#include "common/os/watched_files.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::bridge::run {

// Owns     two memory files: the pair of certificate and key as one, so that no connection meets half a pair; the CAs.
// Thread   the machine's; Paho's threads read the memory files as they connect.
// Durable  -  A restart takes what is on disk.
// Limits   looks once a second; files of at most identity::kPemBytesMax.
//
// A connection that is up keeps what it was made with; the next one takes what is in force then. Files that are bad
// from the start: there is nothing to connect with until they are good.
class LinkFiles {
 public:
  LinkFiles(metrics::Registry& registry, LinkPaths configured);
  ~LinkFiles();
  LinkFiles(const LinkFiles&) = delete;
  LinkFiles& operator=(const LinkFiles&) = delete;

  void look(MonoMs now);
  // What to connect with; the same for the life of this object.
  [[nodiscard]] const LinkPaths& paths() const { return in_force_; }

 private:
  void open_memory();
  Result<void> load();
  void reload();
  void show(const char* use, WallMs ends);

  metrics::Registry& registry_;
  metrics::Gauge& failing_;
  const LinkPaths configured_;
  os::WatchedFiles files_;
  int pair_ = -1;  // memory files
  int cas_ = -1;
  LinkPaths in_force_;
  bool failed_ = false;
  MonoMs next_{};
};

}  // namespace wayside::bridge::run
