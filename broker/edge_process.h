// The parts of one edge, in the order in which they start; they stop in the opposite one.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "broker/admin/admin_server.h"
#include "broker/admin/bridge_server.h"
#include "broker/admin/control_loop.h"
#include "broker/commands/desk.h"
#include "broker/config.h"
#include "broker/custody/custody.h"
#include "broker/gate/gate.h"
#include "broker/localbroker/local_broker.h"
#include "broker/operator_desk.h"
#include "broker/presence_sweep.h"
#include "broker/session/session_store.h"
#include "broker/signals.h"
#include "broker/standing_fault.h"
#include "common/metrics/metrics.h"
#include "common/os/system.h"
#include "common/result.h"

namespace wayside::broker {

// Owns     every part, and the control loop that the main thread turns.
// Thread   the main thread, which is the control thread.
// Durable  -
// Limits   drain_ms_max for the gate, local_broker_ms_max for the local broker.
//
// Nobody is accepted before everything that takes custody runs: the gate binds early (its ports answer the
// others' posts) and opens last.
class EdgeProcess {
 public:
  // `moves_from`: not before, on the monotonic clock, it stops to let its spool be moved. All three outlive it.
  static Result<std::unique_ptr<EdgeProcess>> start(const config::Config& config, const Signals& signals, Disk& disk,
                                                    MonoMs moves_from);
  ~EdgeProcess();

  // Serves until a signal or an operator says stop, or the bridge has closed the spool.
  void serve();
  // Stops accepting, tells the vehicles, commits what is queued, seals the lanes.
  void drain();
  // It stopped for its spool to be moved, and is to be started again after that.
  [[nodiscard]] bool closed_spool() const { return closed_spool_; }

 private:
  EdgeProcess(const config::Config& config, const Signals& signals, Disk& disk, MonoMs moves_from);
  Result<void> prepare_folders();
  Result<void> start_durable();
  Result<void> start_gate();
  Result<void> start_commands();
  Result<void> start_control();
  Result<void> start_metrics();
  Result<void> write_ports();
  Result<Bytes> region_key() const;
  [[nodiscard]] metrics::Health ready() const;
  void on_signal();
  void every_second();
  void look_for_closing();

  const config::Config& config_;
  const Folders folders_;
  const Signals& signals_;
  os::SystemClock clock_;
  std::unique_ptr<metrics::Registry> metrics_ = metrics::Registry::create();
  Disk& disk_;
  const MonoMs moves_from_;
  std::unique_ptr<ControlLoop> loop_;
  std::unique_ptr<session::SessionStore> sessions_;
  std::unique_ptr<gate::Gate> gate_;
  std::unique_ptr<Custody> custody_;
  std::unique_ptr<CommandDesk> commands_;
  std::unique_ptr<LocalBroker> local_broker_;
  std::unique_ptr<OperatorDesk> operator_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<BridgeServer> bridge_;
  std::unique_ptr<PresenceSweep> presence_sweep_;
  std::unique_ptr<metrics::Server> metrics_server_;
  StandingFault door_counts_{"door_counts"};
  std::optional<SpoolShift> shift_;  // where the spool goes on for another one
  MonoMs next_second_{};
  bool drained_ = false;
  bool closed_spool_ = false;
};

}  // namespace wayside::broker
