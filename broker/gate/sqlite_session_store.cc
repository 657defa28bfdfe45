#include "broker/gate/sqlite_session_store.h"

#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>

#include "broker/gate/receipt.h"
#include "broker/gate/session_desk.h"
#include "broker/gate/session_rows.h"
#include "common/log/log.h"
#include "common/log/pace.h"
#include "common/os/system.h"

namespace wayside::broker::gate {
namespace {

constexpr Offset kNothing{std::numeric_limits<std::uint64_t>::max()};
constexpr std::int64_t kRetryMs = 1'000;  // of what a failed commit left behind

class SqliteSessionStore final : public SessionDesk {
 public:
  SqliteSessionStore(std::unique_ptr<SessionRows> rows, KeepFrom keep_from)
      : SessionDesk(*rows, std::move(keep_from)), owned_(std::move(rows)), thread_([this] { run(); }) {}
  ~SqliteSessionStore() override {
    {
      const std::scoped_lock lock(wake_mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

 private:
  void woken() override {
    {
      const std::scoped_lock lock(wake_mutex_);
      woken_ = true;
    }
    wake_.notify_one();
  }

  // Vehicles ask again and again while the volume faults; the sentence is SQLite's and names no call.
  void faulted(const Error& error) override {
    const auto times = pace_.happened(error.what);
    if (times) log::error("session_store_fault", {{"what", error.what}, {"times", std::to_string(*times)}});
  }

  void run() {
    bool stopping = false;
    while (!stopping) {
      {
        std::unique_lock lock(wake_mutex_);
        wake_.wait_for(lock, std::chrono::milliseconds(kRetryMs), [this] { return stopping_ || woken_; });
        stopping = stopping_;
        woken_ = false;
      }
      // One fault, one commit: what failed waits for the next call or the next second.
      while (turn()) {
      }
    }
  }

  std::unique_ptr<SessionRows> owned_;
  os::SystemClock clock_;
  log::Pace pace_{clock_};  // of run() alone
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<session::SessionStore>> open_sqlite_session_store(const SessionStoreOptions& options,
                                                                         WallMs now) {
  Result<std::unique_ptr<SessionRows>> rows = SessionRows::open_file(options.path, options.sessions_max, now);
  if (!rows.ok()) return std::move(rows).error();
  if (options.spool) {
    const Result<bool> other = (*rows)->bind_to_spool(*options.spool, options.moved);
    if (!other.ok()) return Error(other.error()).with(options.path);
    if (*other) log::warning("receipt_offsets_forgotten", {{"spool", to_string(*options.spool)}});
  }
  for (const Lane lane : kAllLanes) {
    if (!options.scan) break;
    Result<void> recovered = recover_receipts(**rows, lane, options.scan);
    if (!recovered.ok()) return std::move(recovered).error().with(std::string("receipts of lane ") + to_string(lane));
    if (options.keep_from) options.keep_from(lane, kNothing);
  }
  return std::unique_ptr<session::SessionStore>(
      std::make_unique<SqliteSessionStore>(std::move(rows).value(), options.keep_from));
}

}  // namespace wayside::broker::gate
