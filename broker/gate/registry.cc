#include "broker/gate/registry.h"

namespace wayside::broker::gate {

std::optional<ConnectionRef> Registry::claim(const std::string& key, ConnectionRef ref) {
  Shard& rows = shard(key);
  const std::scoped_lock lock(rows.mutex);
  const auto [row, fresh] = rows.rows.try_emplace(key, ref);
  if (fresh) return std::nullopt;
  const ConnectionRef before = row->second;
  row->second = ref;
  return before;
}

void Registry::release(const std::string& key, ConnectionRef ref) {
  Shard& rows = shard(key);
  const std::scoped_lock lock(rows.mutex);
  const auto row = rows.rows.find(key);
  if (row != rows.rows.end() && row->second == ref) rows.rows.erase(row);
}

std::optional<ConnectionRef> Registry::find(const std::string& key) {
  Shard& rows = shard(key);
  const std::scoped_lock lock(rows.mutex);
  const auto row = rows.rows.find(key);
  return row == rows.rows.end() ? std::nullopt : std::optional(row->second);
}

void Registry::penalise(const std::string& id, MonoMs now) {
  const std::scoped_lock lock(backoff_mutex_);
  backoff_.refused(id, now);
}

bool Registry::must_wait(const std::string& id, MonoMs now) {
  const std::scoped_lock lock(backoff_mutex_);
  return backoff_.wait_ms(id, now) > 0;
}

}  // namespace wayside::broker::gate
