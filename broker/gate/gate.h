// The gate: TLS and MQTT front of the edge. It owns every connection of a vehicle or service.
//
// Owns: N I/O threads (each an epoll loop with listeners of its own, SO_REUSEPORT), one control thread that
// watches certificates, CRLs and the deny list. Ports and stores it is given must outlive it.
// Thread: start, drain and the destructor from one thread; everything else from any.
// Durable: nothing; sessions are in the SessionStore, records in custody, commands in the command store.
// Limits: GateOptions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/gate/connection_report.h"
#include "broker/gate/options.h"
#include "broker/gate/refusal_log.h"
#include "broker/ports.h"
#include "broker/session/proxy_port.h"
#include "broker/session/session_store.h"
#include "common/clock.h"
#include "common/metrics/metrics.h"
#include "common/result.h"

namespace wayside::broker::gate {

// What the gate hands on to. `local_broker` may be null: broadcast and ordinary rows are then refused.
struct GatePorts {
  CustodyPort& custody;
  CommandPort& commands;
  session::LocalBrokerPort* local_broker = nullptr;
};

class Gate : public IoPort {
 public:
  // Reads the certificates, binds the listeners, starts the threads; nobody is accepted before open().
  static Result<std::unique_ptr<Gate>> start(GateOptions options, session::SessionStore& sessions,
                                             metrics::Registry& metrics, const Clock& clock);
  ~Gate() override = default;

  // Begins to accept connections. Custody and the command thread, which post to the gate, start before it.
  virtual void open(GatePorts ports) = 0;

  [[nodiscard]] virtual int vehicles_port() const = 0;
  [[nodiscard]] virtual int services_port() const = 0;  // 0: no such listener
  [[nodiscard]] virtual std::uint64_t vehicles_online() const = 0;

  // Reads certificates, CA, CRL and deny list again, changed or not. A bad file keeps the old one; the
  // sentence says which (also: wayside_gate_reload_failing). Connected peers that are now revoked or
  // blocked are closed.
  virtual Result<void> reload() = 0;
  // Adds the id to (removes it from) the deny list file, then reloads. Durable when it returns ok.
  virtual Result<void> block(const std::string& vehicle) = 0;
  virtual Result<void> unblock(const std::string& vehicle) = 0;

  // One vehicle, for an operator. Thread: any. `done` is called once unless the gate ends before.
  virtual void describe(const std::string& vehicle, ConnectionReported done) = 0;
  [[nodiscard]] virtual std::vector<Refusal> refusals_of(const std::string& vehicle) const = 0;
  [[nodiscard]] virtual bool blocked(const std::string& vehicle) const = 0;

  // Stops accepting, says SERVER_SHUTTING_DOWN to everybody, waits at most `ms` for the last commits to be
  // acknowledged, closes. The destructor drains with 0.
  virtual void drain(int ms) = 0;
};

}  // namespace wayside::broker::gate
