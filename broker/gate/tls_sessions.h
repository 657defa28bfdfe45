// The TLS sessions of vehicles that may come back without a full handshake. Knows no OpenSSL: what a session
// is to TLS are bytes here, and whether it is still good is judged by Resumption.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "broker/gate/trust.h"
#include "common/types.h"

namespace wayside::broker::gate {

using TlsSessionId = std::array<std::uint8_t, 32>;

struct TlsSession {
  Bytes secret;     // DER of the session, without the certificate
  PeerProof proof;  // of the full handshake that began it
  std::uint64_t trust_epoch = 0;
};

// Owns: the sessions, one a leaf: a newer one replaces it. Thread: any. Durable: nothing.
// Limits: `sessions_max`; the one issued longest ago gives way. Shares of it are fixed by session id, so a
// share may be full while others have a little room.
class TlsSessions {
 public:
  explicit TlsSessions(std::size_t sessions_max);

  void add(const TlsSessionId& id, TlsSession session);
  [[nodiscard]] std::optional<TlsSession> find(const TlsSessionId& id);
  void remove(const TlsSessionId& id);
  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  struct Row {
    TlsSession session;
    std::list<TlsSessionId>::iterator place;
  };
  struct Shard {  // by session id
    std::mutex mutex;
    std::map<TlsSessionId, Row> rows;
    std::list<TlsSessionId> order;  // oldest first
  };
  struct Leaves {  // by leaf hash: which session is its newest
    std::mutex mutex;
    std::map<LeafHash, TlsSessionId> newest;
  };
  struct Gone {
    TlsSessionId id{};
    LeafHash leaf{};
  };
  Shard& shard(const TlsSessionId& id) { return shards_[id.front() % shards_.size()]; }
  Leaves& leaves(const LeafHash& leaf) { return leaves_[leaf.front() % leaves_.size()]; }
  std::optional<Gone> insert(const TlsSessionId& id, TlsSession session);
  std::optional<Gone> erase(const TlsSessionId& id);
  std::optional<Gone> erase_locked(Shard& shard, const TlsSessionId& id);
  void forget(const Gone& gone);

  std::vector<Shard> shards_;
  std::vector<Leaves> leaves_;
  const std::size_t shard_max_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace wayside::broker::gate
