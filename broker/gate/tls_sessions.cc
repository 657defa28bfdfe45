#include "broker/gate/tls_sessions.h"

#include <algorithm>

#include "common/result.h"

namespace wayside::broker::gate {
namespace {

constexpr std::size_t kShardsMax = 64;
constexpr std::size_t kShardSessionsMin = 256;  // so that shares fill about evenly

std::size_t shards_for(std::size_t sessions_max) {
  return std::clamp<std::size_t>(sessions_max / kShardSessionsMin, 1, kShardsMax);
}

}  // namespace

TlsSessions::TlsSessions(std::size_t sessions_max)
    : shards_(shards_for(sessions_max)), leaves_(kShardsMax), shard_max_(sessions_max / shards_.size()) {
  WAYSIDE_ASSERT(shard_max_ > 0);
}

// The lock of the leaf is held throughout: its newest session is never one that has already given way. Order
// of locks: leaf, then session.
void TlsSessions::add(const TlsSessionId& id, TlsSession session) {
  const LeafHash leaf = session.proof.leaf;
  std::optional<Gone> evicted;
  {
    Leaves& mine = leaves(leaf);
    const std::scoped_lock lock(mine.mutex);
    const auto before = mine.newest.find(leaf);
    if (before != mine.newest.end()) erase(before->second);
    evicted = insert(id, std::move(session));
    mine.newest[leaf] = id;
  }
  if (evicted) forget(*evicted);
}

std::optional<TlsSession> TlsSessions::find(const TlsSessionId& id) {
  Shard& mine = shard(id);
  const std::scoped_lock lock(mine.mutex);
  const auto found = mine.rows.find(id);
  if (found == mine.rows.end()) return std::nullopt;
  return found->second.session;
}

void TlsSessions::remove(const TlsSessionId& id) {
  if (const std::optional<Gone> gone = erase(id)) forget(*gone);
}

std::optional<TlsSessions::Gone> TlsSessions::insert(const TlsSessionId& id, TlsSession session) {
  Shard& mine = shard(id);
  const std::scoped_lock lock(mine.mutex);
  erase_locked(mine, id);
  std::optional<Gone> evicted;
  if (mine.rows.size() >= shard_max_) evicted = erase_locked(mine, TlsSessionId(mine.order.front()));
  mine.order.push_back(id);
  mine.rows.emplace(id, Row{std::move(session), std::prev(mine.order.end())});
  size_.fetch_add(1, std::memory_order_relaxed);
  return evicted;
}

std::optional<TlsSessions::Gone> TlsSessions::erase(const TlsSessionId& id) {
  Shard& mine = shard(id);
  const std::scoped_lock lock(mine.mutex);
  return erase_locked(mine, id);
}

std::optional<TlsSessions::Gone> TlsSessions::erase_locked(Shard& shard, const TlsSessionId& id) {
  const auto found = shard.rows.find(id);
  if (found == shard.rows.end()) return std::nullopt;
  const Gone gone{id, found->second.session.proof.leaf};
  shard.order.erase(found->second.place);
  shard.rows.erase(found);
  size_.fetch_sub(1, std::memory_order_relaxed);
  return gone;
}

void TlsSessions::forget(const Gone& gone) {
  Leaves& mine = leaves(gone.leaf);
  const std::scoped_lock lock(mine.mutex);
  const auto found = mine.newest.find(gone.leaf);
  if (found != mine.newest.end() && found->second == gone.id) mine.newest.erase(found);
}

}  // namespace wayside::broker::gate
