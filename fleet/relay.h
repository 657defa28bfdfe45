// A relay that counts: put between an edge and the core's broker, it sees every byte of payload that TCP
// carries in both directions, the same way for us and for a stock broker's bridge.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "common/result.h"
#include "common/types.h"

namespace wayside::fleet {

// Owns    its listener, its pairs of sockets, its thread.
// Thread  start, stop, counters from any.
// Limits  kPipeBytesMax waits per direction of a pair; beyond it that side is not read.
class Relay {
 public:
  static constexpr std::size_t kPipeBytesMax = 256U << 10U;

  // Listens on a free loopback port, or on `port`, and connects each peer to 127.0.0.1:`to_port`. `says_first`: what it
  // says there of its own before anything of the peer, as a balancer does.
  static Result<std::unique_ptr<Relay>> start(int to_port, int port = 0, Bytes says_first = {});
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay();

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::uint64_t up_bytes() const { return up_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t down_bytes() const { return down_bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t bytes() const { return up_bytes() + down_bytes(); }

 private:
  struct Pair;
  Relay() = default;
  void run();
  void accept_peer();
  void service(Pair& pair, short peer_events, short core_events);

  int listener_ = -1;
  int wake_ = -1;
  int port_ = 0;
  int to_port_ = 0;
  Bytes says_first_;
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::atomic<std::uint64_t> up_bytes_{0};
  std::atomic<std::uint64_t> down_bytes_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace wayside::fleet
