// What the gate tells an operator of one vehicle that is connected.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "broker/gate/trust.h"
#include "broker/proxyheader/address.h"
#include "broker/session/figures.h"

namespace wayside::broker::gate {

struct ConnectionReport {
  std::uint32_t thread = 0;
  WallMs since{};
  std::optional<proxyheader::Endpoint> from;  // as the balancer tells it, where there is one
  std::string tls;                            // "TLSv1.3"
  bool resumed = false;                       // without a full handshake
  std::shared_ptr<const LeafName> leaf;
  WallMs not_after{};
  std::string cohort;
  session::Figures figures;
};
// On any thread; must only post. nullopt: it is not connected.
using ConnectionReported = std::function<void(std::optional<ConnectionReport>)>;

}  // namespace wayside::broker::gate
