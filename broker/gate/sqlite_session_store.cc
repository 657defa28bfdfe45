#include "broker/gate/sqlite_session_store.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <variant>

#include "broker/gate/session_rows.h"
#include "common/log/log.h"

namespace wayside::broker::gate {
namespace {

using session::EndRequest;
using session::OpenedSession;
using session::OpenRequest;
using session::SaveRequest;

struct Open {
  OpenRequest request;
  std::function<void(Outcome<OpenedSession>)> done;
};
struct Save {
  SaveRequest request;
  std::function<void(Outcome<void>)> done;
};
struct End {
  EndRequest request;
};
using Call = std::variant<Open, Save, End>;

// A commit holds at most this many calls, so that the first of a storm does not wait for the last.
constexpr std::size_t kCallsPerCommitMax = 512;

class SqliteSessionStore final : public session::SessionStore {
 public:
  explicit SqliteSessionStore(std::unique_ptr<SessionRows> rows) : rows_(std::move(rows)), thread_([this] { run(); }) {}
  ~SqliteSessionStore() override {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void open(OpenRequest request, std::function<void(Outcome<OpenedSession>)> done) override {
    push(Open{std::move(request), std::move(done)});
  }
  void save(SaveRequest request, std::function<void(Outcome<void>)> done) override {
    push(Save{std::move(request), std::move(done)});
  }
  void end(EndRequest request) override { push(End{std::move(request)}); }

 private:
  void push(Call call) {
    {
      const std::scoped_lock lock(mutex_);
      calls_.push_back(std::move(call));
    }
    wake_.notify_one();
  }

  // False: asked to stop and nothing is left.
  bool take(std::vector<Call>& batch) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !calls_.empty(); });
    const std::size_t count = std::min(calls_.size(), kCallsPerCommitMax);
    const auto end = calls_.begin() + static_cast<std::ptrdiff_t>(count);
    batch.assign(std::make_move_iterator(calls_.begin()), std::make_move_iterator(end));
    calls_.erase(calls_.begin(), end);
    return count > 0;
  }

  void run() {
    std::vector<Call> batch;
    while (take(batch)) commit(batch);
  }

  // The answers leave only behind the commit; a commit that fails is an answer too.
  void commit(std::vector<Call>& batch) {
    std::vector<std::function<void(bool committed)>> answers;
    answers.reserve(batch.size());
    Result<void> outcome = rows_->begin();
    for (Call& call : batch) {
      answers.push_back(std::visit([&](auto& one) { return apply(one, outcome); }, call));
    }
    if (outcome.ok()) outcome = rows_->commit();
    if (!outcome.ok()) {
      log::error("session_store_fault", {{"what", outcome.error().what}});
      rows_->rollback();
    }
    for (const auto& answer : answers) answer(outcome.ok());
  }

  std::function<void(bool)> apply(Open& call, Result<void>& outcome) {
    Outcome<OpenedSession> opened = Reason::STORE_FAULT;
    if (outcome.ok()) opened = rows_->open(call.request, outcome);
    return [done = std::move(call.done), opened = std::move(opened)](bool committed) {
      done(committed ? opened : Outcome<OpenedSession>(Reason::STORE_FAULT));
    };
  }
  std::function<void(bool)> apply(Save& call, Result<void>& outcome) {
    Outcome<void> saved = Reason::STORE_FAULT;
    if (outcome.ok()) saved = rows_->save(call.request, outcome);
    return [done = std::move(call.done), saved](bool committed) {
      done(committed ? saved : Outcome<void>(Reason::STORE_FAULT));
    };
  }
  std::function<void(bool)> apply(End& call, Result<void>& outcome) {
    if (outcome.ok()) rows_->end(call.request, outcome);
    return [](bool) {};
  }

  std::unique_ptr<SessionRows> rows_;  // of the thread alone
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Call> calls_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<session::SessionStore>> open_sqlite_session_store(const SessionStoreOptions& options,
                                                                         WallMs now) {
  Result<std::unique_ptr<SessionRows>> rows = SessionRows::open_file(options.path, options.sessions_max, now);
  if (!rows.ok()) return std::move(rows).error();
  return std::unique_ptr<session::SessionStore>(std::make_unique<SqliteSessionStore>(std::move(rows).value()));
}

}  // namespace wayside::broker::gate
