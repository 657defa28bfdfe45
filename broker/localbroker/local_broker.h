// The local broker: a stock MQTT broker on a Unix socket, for broadcast and ordinary topics only. It may
// die at any time (promise P9); custody, commands and connections never wait for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "broker/localbroker/child.h"
#include "broker/localbroker/local_state.h"
#include "broker/localbroker/machine/restart_pause.h"
#include "broker/localbroker/upstream.h"
#include "common/clock.h"
#include "common/metrics/metrics.h"
#include "common/result.h"

namespace wayside::broker {

enum class LocalBrokerMode : std::uint8_t { off, managed, external };

struct LocalBrokerOptions {
  LocalBrokerMode mode = LocalBrokerMode::managed;
  std::string executable = "mosquitto";
  std::string socket;     // its folder is made 0700 when managed
  std::string state_dir;  // <state_dir>/localbroker: persistence of the managed one
  UpstreamLimits limits{};
  std::int64_t probe_ms = 100;       // while it is not up
  std::int64_t lock_ms_max = 5'000;  // for an earlier one to end
};

// Owns     the managed process, the lock on its socket, what upstreams share.
// Thread   start, tick, stop: one, which must outlive it (Child). open, up, pid: any.
// Durable  what the local broker saved at a clean end; a crash loses it and revives nothing (LocalState).
// Limits   restart pauses of RestartPause; the bounds of each upstream.
class LocalBroker final : public session::LocalBrokerPort {
 public:
  LocalBroker(LocalBrokerOptions options, metrics::Registry& metrics, const Clock& clock);
  ~LocalBroker() override;

  // managed: checks path length and version, takes the lock, writes the configuration, starts it.
  Result<void> start();
  // Reaps, restarts, probes. Call it a few times a second.
  void tick();
  // After the upstreams are gone: SIGTERM, so that it saves; SIGKILL after `ms`.
  void stop(int ms);

  std::unique_ptr<session::Upstream> open(const std::string& client_id, MonoMs now) override;
  [[nodiscard]] bool up() const { return up_.load(std::memory_order_acquire); }
  [[nodiscard]] pid_t pid() const { return pid_.load(std::memory_order_acquire); }  // 0: none of ours
  [[nodiscard]] LocalBrokerMode mode() const { return options_.mode; }

 private:
  Result<void> prepare();
  Result<void> lock();
  void start_child(MonoMs now);
  void stop_child(int ms);
  void reap(MonoMs now);
  void probe(MonoMs now);
  void set_up(bool up);

  const LocalBrokerOptions options_;
  const Clock& clock_;
  std::shared_ptr<UpstreamShared> shared_;
  metrics::Gauge& up_gauge_;
  metrics::Gauge& upstreams_gauge_;
  metrics::Counter& restarts_;
  const LocalState state_;
  std::string config_path_;
  int lock_fd_ = -1;
  std::optional<Child> child_;
  RestartPause pause_;
  MonoMs next_probe_{};
  bool stopped_ = false;
  bool start_failed_ = false;
  std::atomic<bool> up_{false};
  std::atomic<pid_t> pid_{0};
  std::atomic<std::uint64_t> generation_{0};
  const std::string client_prefix_;
};

}  // namespace wayside::broker
