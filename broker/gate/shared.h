// What the I/O threads have in common. Everything here is safe from any thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/gate/deny_list.h"
#include "broker/gate/gate.h"
#include "broker/gate/held.h"
#include "broker/gate/mailbox.h"
#include "broker/gate/refusal_log.h"
#include "broker/gate/registry.h"
#include "broker/gate/resumption.h"
#include "broker/gate/trust.h"

namespace wayside::broker::gate {

struct Shared {
  Shared(GateOptions given, session::SessionStore& store, metrics::Registry& given_metrics, const Clock& time)
      : options(std::move(given)),
        sessions(store),
        metrics(given_metrics),
        clock(time),
        resumption({options.tls_sessions_max, options.tls_session_lifetime_s}, vehicles, denied, time, given_metrics) {}

  const GateOptions options;
  session::SessionStore& sessions;
  metrics::Registry& metrics;
  const Clock& clock;

  // Set once by Gate::open(), before any connection exists.
  CustodyPort* custody = nullptr;
  CommandPort* commands = nullptr;
  session::LocalBrokerPort* local_broker = nullptr;

  Held<Trust> vehicles;
  Held<Trust> services;
  Held<DenyList> denied;
  Resumption resumption;  // of vehicles; services make a full handshake each time
  std::map<std::string, std::shared_ptr<const session::Acl>> acls;
  Registry registry;
  RefusalLog refusals{options.refusal_rows_max};
  std::vector<std::shared_ptr<Mailbox>> mailboxes;  // by thread; filled before the threads start
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> vehicles_online{0};
  std::atomic<std::uint64_t> parked_packets{0};  // sums over connections, by differences modulo 2^64
  std::atomic<std::uint64_t> parked_bytes{0};

  [[nodiscard]] session::Now now() const { return {clock.mono(), clock.wall()}; }
  void announce(const ServiceEvent& event) {
    for (const std::shared_ptr<Mailbox>& mailbox : mailboxes) {
      if (mailbox->services.load(std::memory_order_relaxed) > 0) mailbox->post(event);
    }
  }
};

}  // namespace wayside::broker::gate
