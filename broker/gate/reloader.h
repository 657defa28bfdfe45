// Keeps trust and deny list as the files say. A bad file keeps the old and raises an alarm until it is good.
#pragma once

#include <mutex>
#include <string>

#include "broker/gate/shared.h"
#include "common/os/watched_files.h"
#include "common/result.h"

namespace wayside::broker::gate {

// Thread: any; one reload at a time.
class Reloader {
 public:
  explicit Reloader(Shared& shared);
  // First load: everything must be good.
  Result<void> load();
  // Looks at the files; reloads what changed or failed before. True: connected peers must be judged again.
  bool poll();
  // Reads everything again. The first fault as a sentence; what could be loaded is in force all the same.
  Result<void> force(bool& changed);

 private:
  struct Group {
    const char* what;
    os::WatchedFiles files;
    metrics::Gauge* failing;
    bool failed = false;
  };
  Result<void> reload(Group& group);
  Result<void> reload_trust(const ListenerOptions& files, const identity::Rule& rule, Held<Trust>& held);
  Result<void> reload_denied();
  void show_dates(const TrustDates& dates, const std::string& listener);
  metrics::Gauge* gauge(const char* what);

  Shared& shared_;
  std::mutex mutex_;
  Group vehicles_;
  Group services_;
  Group denied_;
};

}  // namespace wayside::broker::gate
