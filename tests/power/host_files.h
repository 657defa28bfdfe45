// What one process does to the files of its host, told to the host's event log: shared by the Disk and by SQLite's
// files.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/disk.h"
#include "tests/power/event_log.h"
#include "tests/power/power_disk.h"

namespace wayside::test::power {

std::string parent_of(const std::string& path);
std::uint64_t inode_of(const std::string& path);  // 0: nothing stands there

// Reads `size` bytes at `at`, fewer only at the end of the file.
using ReadOld = std::function<Result<void>(Bytes& out, std::size_t size, std::uint64_t at)>;

// Owns    the event log, the graves of this process.   Thread  any; names() is held over a change of names and what is
// told of it.   Durable  survives the death of processes.
class HostFiles {
 public:
  HostFiles(EventLog log, Host host, Planted planted, int sync_ms)
      : log_(std::move(log)), host_(std::move(host)), planted_(planted), sync_ms_(sync_ms) {}

  [[nodiscard]] Planted planted() const { return planted_; }
  [[nodiscard]] int sync_ms() const { return sync_ms_; }
  std::mutex& names() { return names_; }

  // Told before it is done, but `created`, `synced` and `dir_synced`: after.
  Result<void> created(const std::string& path);
  Result<void> renaming(const std::string& from, const std::string& to);
  Result<void> removing(const std::string& path);
  Result<void> dir_synced(const std::string& directory);
  Result<void> changing(EventKind kind, std::uint64_t inode, std::uint64_t size, std::uint64_t from, std::uint64_t to,
                        const ReadOld& read);
  Result<void> synced(std::uint64_t inode);
  Result<void> append(const Event& event) { return log_.append(event); }

 private:
  // A second name for what is about to lose its own, so that the loss of power can give it back.
  Result<void> bury(const std::string& path, std::string& grave);

  EventLog log_;
  const Host host_;
  const Planted planted_;
  const int sync_ms_;
  std::mutex names_;
  std::map<std::string, std::vector<std::string>> graves_;  // by directory, until its sync
  std::atomic<std::uint64_t> next_grave_{0};
};

// Makes the folder of the host when it is not there.
Result<std::shared_ptr<HostFiles>> open_host(const Host& host, Planted planted, int sync_ms);

}  // namespace wayside::test::power
