// One upstream to the local broker over its Unix socket: the socket of an UpstreamSession.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "broker/localbroker/machine/upstream_session.h"
#include "broker/session/proxy_port.h"
#include "common/metrics/metrics.h"
#include "common/rng.h"

namespace wayside::broker {

// What every upstream counts and tells the owner. Outlives the upstreams. Thread: any.
struct UpstreamShared {
  std::string socket_path;
  UpstreamLimits limits;
  std::int64_t connect_ms_max = 5'000;
  std::atomic<bool> suspect{false};  // somebody met a local broker that does not answer
  std::atomic<std::int64_t> open{0};
  metrics::Counter& reserved_topic;
  metrics::Counter& stale_ack;
  metrics::Counter& shed;
  metrics::Counter& paced;
};

// Owns     the socket and the conversation.
// Thread   the I/O thread of the vehicle's connection.
// Durable  -
// Limits   UpstreamLimits; read_bytes_max a turn; connect_ms_max until CONNACK.
//
// Mosquitto listens with a backlog of 10: a full backlog is EAGAIN from connect, and the next attempt comes
// after a pause with jitter, doubling, so that thousands of returning vehicles spread out. A socket that is
// not there yet is met the same way, until connect_ms_max.
class SocketUpstream final : public session::Upstream {
 public:
  SocketUpstream(std::shared_ptr<UpstreamShared> shared, std::string client_id, std::uint64_t generation,
                 std::uint64_t seed, MonoMs now);
  ~SocketUpstream() override;
  SocketUpstream(const SocketUpstream&) = delete;
  SocketUpstream& operator=(const SocketUpstream&) = delete;

  [[nodiscard]] int fd() const override { return fd_; }
  [[nodiscard]] bool wants_write() const override { return fd_ >= 0 && !session_.output().empty(); }
  [[nodiscard]] MonoMs next_turn() const override;
  void turn(bool readable, bool writable, MonoMs now, std::vector<session::ProxyEvent>& out) override;

  [[nodiscard]] bool publish(std::uint64_t token, session::ProxyMessage message) override;
  [[nodiscard]] bool subscribe(std::uint64_t token, std::vector<session::ProxyFilter> filters) override;
  [[nodiscard]] bool unsubscribe(std::uint64_t token, std::vector<std::string> filters) override;
  void ack(std::uint64_t token) override;

 private:
  void try_connect(MonoMs now);
  void pace(MonoMs now);
  void read_some(MonoMs now, std::vector<session::ProxyEvent>& out);
  void write_some();
  void fail(std::vector<session::ProxyEvent>& out);
  void close_socket();
  void count();

  std::shared_ptr<UpstreamShared> shared_;
  UpstreamSession session_;
  const std::string client_id_;
  SeededRng rng_;
  const MonoMs give_up_;
  MonoMs next_connect_;
  std::int64_t pause_ms_ = 2;
  int fd_ = -1;
  bool broken_ = false;  // the socket failed; the next turn says ProxyDown
  bool over_ = false;
};

}  // namespace wayside::broker
