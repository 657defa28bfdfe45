// The command store of an edge: one SQLite file, one thread, one sync for all that waits.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "command/store.h"
#include "common/result.h"

namespace wayside::command {

namespace sqlite {
class Rows;
}

// Owns     the file (exclusive lock) and the store's thread; the destructor completes what was submitted.
// Thread   submit: any one; the sink is called on the store's thread and must only post.
// Durable  WAL with synchronous=FULL: what completed as done survives a loss of power.
// Limits   kGroupMax operations a transaction: that is the group commit, without waiting for more.
class SqliteStore final : public CommandStore {
 public:
  static constexpr std::size_t kGroupMax = 512;

  // `holder` names this edge in leases. A corrupt file, a file of another program or of a newer version
  // is an error whose sentence says so; nothing is changed in it. `spool` names the ack lane's volume: offsets that the
  // file holds of another one begin at 0 again, those of the one that it goes on for (`moved`) move with it.
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& path, std::string holder, StoreLimits limits,
                                                   Sink sink, const std::optional<SpoolUuid>& spool = {},
                                                   const std::optional<SpoolShift>& moved = {});
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  void submit(std::uint64_t token, Operation operation) override;
  // As the open found it.
  [[nodiscard]] bool offsets_forgotten() const { return offsets_forgotten_; }

 private:
  using Entry = std::pair<std::uint64_t, Operation>;
  SqliteStore(std::unique_ptr<sqlite::Rows> rows, Sink sink);
  void run();
  std::vector<Completion> execute_group(std::vector<Entry>& group);

  std::unique_ptr<sqlite::Rows> rows_;
  const bool offsets_forgotten_;
  Sink sink_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Entry> submitted_;  // guarded by mutex_
  bool stopping_ = false;         // guarded by mutex_
  std::thread thread_;
};

}  // namespace wayside::command
