// Which connection speaks for a vehicle or service client, and who has to wait before it may come back.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "broker/ports.h"
#include "broker/session/backoff.h"

namespace wayside::broker::gate {

// Owns: one row a key. Thread: any. Limits: as many rows as connections.
class Registry {
 public:
  // `ref` speaks for `key` from now on; returns who did before.
  std::optional<ConnectionRef> claim(const std::string& key, ConnectionRef ref);
  // Forgets `ref`, unless a newer connection has claimed the key.
  void release(const std::string& key, ConnectionRef ref);

  // Who speaks for `key`.
  [[nodiscard]] std::optional<ConnectionRef> find(const std::string& key);

  void penalise(const std::string& id, MonoMs now);
  [[nodiscard]] bool must_wait(const std::string& id, MonoMs now);

 private:
  static constexpr std::size_t kShards = 64;
  struct Shard {
    std::mutex mutex;
    std::map<std::string, ConnectionRef> rows;
  };
  Shard& shard(const std::string& key) { return shards_.at(std::hash<std::string>{}(key) % kShards); }

  std::array<Shard, kShards> shards_;
  std::mutex backoff_mutex_;
  session::Backoff backoff_;
};

}  // namespace wayside::broker::gate
