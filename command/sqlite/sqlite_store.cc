#include "command/sqlite/sqlite_store.h"

#include <algorithm>
#include <iterator>

#include "command/sqlite/rows.h"

namespace wayside::command {

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path, std::string holder, StoreLimits limits,
                                                       Sink sink, const std::optional<SpoolUuid>& spool,
                                                       const std::optional<SpoolShift>& moved) {
  auto rows = sqlite::Rows::open(path, std::move(holder), limits, spool, moved);
  if (!rows) return std::move(rows).error().with("command store");
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(rows).value(), std::move(sink)));
}

SqliteStore::SqliteStore(std::unique_ptr<sqlite::Rows> rows, Sink sink)
    : rows_(std::move(rows)),
      offsets_forgotten_(rows_->offsets_forgotten()),
      sink_(std::move(sink)),
      thread_([this] { run(); }) {}

SqliteStore::~SqliteStore() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void SqliteStore::submit(std::uint64_t token, Operation operation) {
  {
    const std::lock_guard lock(mutex_);
    submitted_.emplace_back(token, std::move(operation));
  }
  wake_.notify_one();
}

void SqliteStore::run() {
  std::vector<Entry> group;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !submitted_.empty(); });
    if (submitted_.empty()) return;
    const auto count = static_cast<std::ptrdiff_t>(std::min(submitted_.size(), kGroupMax));
    group.assign(std::make_move_iterator(submitted_.begin()), std::make_move_iterator(submitted_.begin() + count));
    submitted_.erase(submitted_.begin(), submitted_.begin() + count);
    lock.unlock();
    for (Completion& completion : execute_group(group)) sink_(std::move(completion));
    lock.lock();
  }
}

std::vector<Completion> SqliteStore::execute_group(std::vector<Entry>& group) {
  std::vector<Completion> out;
  out.reserve(group.size());
  auto committed = rows_->begin();
  if (committed) {
    for (auto& [token, operation] : group) out.push_back(rows_->execute(operation));
    committed = rows_->commit();
  }
  if (!committed) {
    // One fault for all: none of them is known to be durable.
    rows_->rollback();
    out.assign(group.size(), Completion{});
    for (Completion& completion : out) {
      completion.outcome = StoreOutcome::fault;
      completion.sentence = committed.error().what;
    }
  }
  for (std::size_t i = 0; i < group.size(); ++i) out[i].token = group[i].first;
  return out;
}

}  // namespace wayside::command
