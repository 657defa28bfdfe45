// A gate on free loopback ports with a PKI of its own, custody and commands that the test drives.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "broker/gate/gate.h"
#include "broker/gate/sqlite_session_store.h"
#include "certs/pki.h"
#include "common/metrics/metrics.h"
#include "common/os/system.h"
#include "tests/broker/support/fake_ports.h"
#include "tests/broker/support/mqtt_client.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace wayside::test {

inline constexpr const char* kVin = "WVWZZZ1JZXW000001";
inline constexpr const char* kOtherVin = "WVWZZZ1JZXW000002";

// Owns: everything of one gate. Thread: one.
class GateFixture {
 public:
  using Adjust = std::function<void(broker::gate::GateOptions&)>;
  explicit GateFixture(const Adjust& adjust = {}, broker::session::LocalBrokerPort* local_broker = nullptr);
  ~GateFixture();
  GateFixture(const GateFixture&) = delete;
  GateFixture& operator=(const GateFixture&) = delete;

  // Stops the gate and starts one with the same state.
  void restart();
  [[nodiscard]] ClientOptions vehicle(const std::string& vin = kVin, mqtt::Version version = mqtt::Version::v5) const;
  [[nodiscard]] ClientOptions service(const std::string& name, mqtt::Version version = mqtt::Version::v5) const;
  [[nodiscard]] std::string pki_path(const std::string& relative) const { return pki_dir_ + "/" + relative; }
  // Value of wayside_gate_refusals_total{stage, reason}.
  [[nodiscard]] double refusals(const std::string& stage, Reason reason) const;

  TempDir folder{"gate"};
  std::unique_ptr<certs::Pki> pki;
  FakeCustody custody;
  FakeCommands commands;
  std::unique_ptr<metrics::Registry> registry = metrics::Registry::create();
  os::SystemClock clock;
  std::unique_ptr<broker::session::SessionStore> sessions;
  std::unique_ptr<broker::gate::Gate> gate;

 private:
  void start();
  std::string pki_dir_;
  broker::gate::GateOptions options_;
  broker::session::LocalBrokerPort* local_broker_;
};

}  // namespace wayside::test
