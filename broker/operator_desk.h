// What an operator's requests do: asks the parts, decides nothing.
#pragma once

#include <atomic>
#include <string>

#include "broker/admin/admin_api.h"
#include "broker/custody/custody.h"
#include "broker/gate/gate.h"
#include "broker/localbroker/local_broker.h"
#include "broker/vehicle_desk.h"
#include "common/clock.h"

namespace wayside::broker {

// Owns     nothing but the wish to stop.
// Thread   handle: the control thread; draining: any.
class OperatorDesk final : public AdminHandler {
 public:
  struct Parts {
    std::string edge;
    std::string region;
    gate::Gate& gate;
    Custody& custody;
    LocalBroker& local_broker;
    const Clock& clock;
  };
  OperatorDesk(Parts parts, VehicleDesk vehicles)
      : parts_(std::move(parts)), vehicles_(std::move(vehicles)), started_(parts_.clock.mono()) {}

  void handle(const AdminRequest& request, AdminReplied replied) override;
  void drain() { draining_.store(true, std::memory_order_release); }
  [[nodiscard]] bool draining() const { return draining_.load(std::memory_order_acquire); }

 private:
  AdminReply reply_to(const AdminRequest& request);
  [[nodiscard]] StatusReport status() const;
  [[nodiscard]] LedgerReport ledger() const;

  const Parts parts_;
  VehicleDesk vehicles_;
  const MonoMs started_;
  std::atomic<bool> draining_{false};
};

}  // namespace wayside::broker
