// The outage drill: the core dies for a while; nothing acknowledged may be lost, and the region opens its cars.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "fleet/desk.h"
#include "fleet/ledger.h"
#include "fleet/observer.h"
#include "fleet/peer.h"
#include "fleet/screen.h"
#include "fleet/verify.h"

namespace wayside::fleet {

struct DrillOptions {
  double drive_s = 100;     // how long the cars drive
  double outage_s = 30;     // how long the core is dead
  double outage_at_s = 20;  // after the start of the drive, earliest
  double limit_s = 150;     // of the whole drill
};

struct DrillResult {
  std::vector<std::string> failures;  // one sentence each; empty: passed
  std::uint64_t seed = 0;
  double seconds = 0;
  VerifyReport verify;
  LedgerCheck ledgers;
  double unlock_ms_core_dead = -1;
  bool forged_refused = false;
  bool expired_refused = false;
  std::string forged_reason;
  std::string expired_reason;
  bool climate_delivered = false;
  std::uint64_t link_bytes = 0;
  std::uint64_t bytes_in = 0;
  std::string backend_sees;             // one car's JSON as it arrived
  std::optional<PeerResult> mosquitto;  // best settings
  std::optional<PeerResult> mosquitto_default;

  [[nodiscard]] bool passed() const { return failures.empty(); }
};

// Runs on a region that is up. Owns the issuers' connections while it runs.
// Thread  the region's.
class Drill {
 public:
  // The peers, where given, get the same outage at the same moments.
  Drill(Region& region, CarPool& cars, Screen& screen, ReadVolume read_volume, std::vector<Peer*> peers,
        const Clock& clock, DrillOptions options);
  DrillResult run();

 private:
  using Condition = std::function<bool()>;
  Result<void> until(const std::string& what, double timeout_s, const Condition& condition);
  Result<void> pass_time(double until_s);
  void turn();
  [[nodiscard]] double elapsed_s() const { return static_cast<double>(clock_.mono() - started_) / 1000; }
  void note(const std::string& text) { screen_.note(elapsed_s(), text); }

  Result<void> all();
  Result<void> cars_come_online();
  Result<void> open_region_desk();
  Result<void> offline_car_is_asked_for_climate();
  Result<void> core_dies();
  Result<std::string> unlock_once();
  Result<void> unlock_in_the_region();
  Result<void> refuse(const SignedRequest& request, const std::string& kind, bool& refused, std::string& reason);
  Result<void> forged_and_expired_are_refused();
  Result<void> offline_car_returns();
  Result<void> core_returns();
  Result<void> drive_ends();
  Result<void> backlog_drains();
  Result<void> peers_settle();
  void compare_all();
  Result<SignedRequest> sign(const std::string& issuer, const std::string& vehicle, const std::string& group,
                             const std::string& name, std::int64_t deadline_ms);
  IssuerOptions issuer_options(const std::string& service, Way way) const;
  std::unique_ptr<Desk> desk_of(const std::string& service, Way way);

  Region& region_;
  CarPool& cars_;
  Screen& screen_;
  ReadVolume read_volume_;
  std::vector<Peer*> peers_;
  const Clock& clock_;
  DrillOptions options_;
  Observer observer_;
  MonoMs started_;
  MonoMs next_draw_{};
  double core_died_s_ = 0;
  std::string climate_car_;
  std::string unlock_car_;
  std::unique_ptr<Desk> desk_;  // region-app, at the edge
  SignedRequest climate_;
  DrillResult result_;
};

std::string drill_json(const DrillResult& result);
std::string drill_text(const DrillResult& result);

}  // namespace wayside::fleet
