#include "fleet/drill.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

#include "certs/command_keys.h"
#include "fleet/admin.h"

namespace wayside::fleet {
namespace {

constexpr int kTurnMs = 40;
constexpr std::int64_t kDrawMs = 500;
constexpr int kAnswerTimeoutMs = 20'000;  // long enough for a broker that somebody kills just now to be back
constexpr int kFinalTimeoutMs = 8'000;
constexpr std::int64_t kClimateDeadlineMs = 90'000;
constexpr std::int64_t kUnlockDeadlineMs = 15'000;

Error in_step(const char* step, Error error) { return std::move(error).with(step); }

}  // namespace

Drill::Drill(Region& region, CarPool& cars, Screen& screen, ReadVolume read_volume, std::vector<Peer*> peers,
             const Clock& clock, DrillOptions options)
    : region_(region),
      cars_(cars),
      screen_(screen),
      read_volume_(std::move(read_volume)),
      peers_(std::move(peers)),
      clock_(clock),
      options_(options),
      observer_(region, cars),
      started_(clock.mono()),
      climate_car_(region.options().vehicles.front()),
      unlock_car_(region.options().vehicles.back()) {}

void Drill::turn() {
  if (auto tended = region_.tend(); !tended) note(tended.error().what);
  if (clock_.mono() >= next_draw_) {
    next_draw_ = clock_.mono() + kDrawMs;
    screen_.draw(observer_.look(elapsed_s()));
  }
  poll(nullptr, 0, kTurnMs);
}

Result<void> Drill::until(const std::string& what, double timeout_s, const Condition& condition) {
  const auto begun = clock_.mono();
  while (!condition()) {
    if (elapsed_s() > options_.limit_s) {
      return Error{Fault::timeout,
                   fmt::format("the drill's {:.0f} s are over while waiting for {}", options_.limit_s, what)};
    }
    if (static_cast<double>(clock_.mono() - begun) / 1000 > timeout_s) {
      return Error{Fault::timeout, fmt::format("waited {:.0f} s for {}", timeout_s, what)};
    }
    turn();
  }
  return {};
}

Result<void> Drill::pass_time(double until_s) {
  return until("time to pass", until_s - elapsed_s() + 5, [&] { return elapsed_s() >= until_s; });
}

IssuerOptions Drill::issuer_options(const std::string& service, Way way) const {
  const auto leaf = region_.paths().pki + "/services/" + service;
  const int port = way == Way::region ? region_.ports().services : region_.ports().core_services;
  return {way, {"127.0.0.1", port}, {region_.paths().pki + "/ca/links.crt", leaf + ".crt", leaf + ".key"}, service};
}

Result<SignedRequest> Drill::sign(const std::string& issuer, const std::string& vehicle, const std::string& group,
                                  const std::string& name, std::int64_t deadline_ms) {
  auto keys = certs::CommandKeys::open(region_.paths().pki);
  if (!keys) return std::move(keys).error();
  auto key = keys->issuer_key(issuer);
  if (!key) return std::move(key).error();
  auto grant = keys->grant_of(issuer);
  if (!grant) return std::move(grant).error();
  RequestSpec spec;
  spec.vehicle = vehicle;
  spec.group = group;
  spec.name = name;
  spec.deadline_ms = deadline_ms;
  return sign_request(*key, *grant, spec, clock_.wall());
}

Result<void> Drill::cars_come_online() {
  return until("every car to be online and its first batch at the core", 30, [&] {
    const auto picture = observer_.look(elapsed_s());
    return picture.cars.online == picture.cars.cars && picture.batches_out > 0;
  });
}

std::unique_ptr<Desk> Drill::desk_of(const std::string& service, Way way) {
  return std::make_unique<Desk>(issuer_options(service, way), clock_, [this] { turn(); });
}

Result<void> Drill::open_region_desk() {
  desk_ = desk_of(kRegionApp, Way::region);
  if (auto followed = desk_->follow(climate_car_, kAnswerTimeoutMs); !followed) return followed;
  return desk_->follow(unlock_car_, kAnswerTimeoutMs);
}

Result<void> Drill::offline_car_is_asked_for_climate() {
  cars_.go_offline(climate_car_);
  note("car " + climate_car_ + " goes offline");
  auto request = sign(kBackend, climate_car_, "climate", "on", kClimateDeadlineMs);
  if (!request) return std::move(request).error();
  climate_ = std::move(*request);
  auto answer = desk_of(kBackend, Way::core)->request(climate_car_, climate_, kAnswerTimeoutMs);
  if (!answer) return std::move(answer).error();
  if (answer->outcome != "FORWARDED") {
    return Error{Fault::denied, "the core answered " + answer->outcome + " " + answer->reason + " " + answer->sentence};
  }
  note("backend asks for climate through the core: FORWARDED");
  // Whoever asks the edge with the same bytes hears what it holds: idempotent by the command id.
  const auto accepted = [&] {
    desk_->listen();
    return desk_->heard_of(climate_) || desk_->losses() > 0;
  };
  if (auto waited = until("the edge to accept the climate command", 15, accepted); !waited) return waited;
  note("the edge holds it for the offline car: ACCEPTED");
  return {};
}

Result<void> Drill::core_dies() {
  if (auto waited = pass_time(options_.outage_at_s); !waited) return waited;
  region_.kill_core();
  for (auto* peer : peers_) peer->kill_core();
  core_died_s_ = elapsed_s();
  note("kill -9: the core's broker and bridge are dead");
  return {};
}

// Asks, and waits for the outcome. When the edge's broker dies meanwhile the outcome may never be heard: then
// empty, and the caller asks anew.
Result<std::string> Drill::unlock_once() {
  auto request = sign(kRegionApp, unlock_car_, "unlock", "doors", kUnlockDeadlineMs);
  if (!request) return std::move(request).error();
  const auto losses = desk_->losses();
  auto answer = desk_->request(unlock_car_, *request, kAnswerTimeoutMs);
  if (!answer) return std::move(answer).error();
  if (answer->outcome != "ACCEPTED")
    return Error{Fault::denied, "the edge answered " + answer->outcome + " " + answer->reason};
  if (const auto status = desk_->wait_final(*request, kFinalTimeoutMs)) {
    const std::string state(schemas::to_string(status->state));
    if (state != "SUCCEEDED") return Error{Fault::denied, "the unlock ended " + state + " " + status->reason};
    return state;
  }
  if (desk_->losses() == losses) return Error{Fault::timeout, "the unlock's outcome was not heard in time"};
  return std::string();
}

Result<void> Drill::unlock_in_the_region() {
  if (auto waited = pass_time(core_died_s_ + 5); !waited) return waited;
  MonoMs begun{};
  for (std::string state; state.empty();) {
    begun = clock_.mono();
    auto outcome = unlock_once();
    if (!outcome) return std::move(outcome).error();
    state = *outcome;
  }
  result_.unlock_ms_core_dead = static_cast<double>(clock_.mono() - begun);
  screen_.round_trip({"unlock " + unlock_car_ + ", core dead", result_.unlock_ms_core_dead});
  note(fmt::format("region-app unlocks car {}: SUCCEEDED in {:.0f} ms", unlock_car_, result_.unlock_ms_core_dead));
  return {};
}

Result<void> Drill::refuse(const SignedRequest& request, const std::string& kind, bool& refused, std::string& reason) {
  auto answer = desk_->request(unlock_car_, request, kAnswerTimeoutMs);
  if (!answer) return std::move(answer).error().with(kind + " unlock");
  refused = answer->outcome == "REFUSED";
  reason = answer->reason;
  note(fmt::format("{} unlock: {} {} {}", kind, answer->outcome, answer->reason, answer->sentence));
  if (!refused) return Error{Fault::denied, kind + " unlock: the edge answered " + answer->outcome};
  return {};
}

Result<void> Drill::forged_and_expired_are_refused() {
  auto forged = sign(kRegionApp, unlock_car_, "unlock", "doors", kUnlockDeadlineMs);
  if (!forged) return std::move(forged).error();
  forged->bytes[intent::kSignedHeaderBytes + 40] ^= 1U;  // one bit of the signed body, after it was signed
  if (auto done = refuse(*forged, "forged", result_.forged_refused, result_.forged_reason); !done) return done;
  auto expired = sign(kRegionApp, unlock_car_, "unlock", "doors", -1000);
  if (!expired) return std::move(expired).error();
  return refuse(*expired, "expired", result_.expired_refused, result_.expired_reason);
}

Result<void> Drill::offline_car_returns() {
  if (auto waited = pass_time(core_died_s_ + options_.outage_s / 2); !waited) return waited;
  cars_.come_back(climate_car_);
  note("car " + climate_car_ + " comes back");
  const auto left_ms = climate_.deadline.value - clock_.wall().value;
  if (left_ms <= 0) return Error{Fault::timeout, "its climate command has expired already"};
  // The car's own word decides; the status is how a service hears of it, and may be lost with a broker.
  const auto executed = [&] {
    desk_->listen();
    return cars_.stats_of(climate_car_).total.commands > 0 && (desk_->final(climate_) || desk_->losses() > 0);
  };
  if (auto waited = until("the car's climate to be done", static_cast<double>(left_ms) / 1000, executed); !waited) {
    return waited;
  }
  if (const auto status = desk_->final(climate_); status) {
    const std::string state(schemas::to_string(status->state));
    if (state != "SUCCEEDED") return Error{Fault::denied, "the climate command ended " + state + " " + status->reason};
  }
  result_.climate_delivered = clock_.wall() <= climate_.deadline;
  if (!result_.climate_delivered) return Error{Fault::timeout, "the car did its climate after the deadline"};
  note(fmt::format("car {} has done its climate, {:.0f} s before the deadline", climate_car_,
                   static_cast<double>(climate_.deadline.value - clock_.wall().value) / 1000));
  return {};
}

Result<void> Drill::core_returns() {
  if (auto waited = pass_time(core_died_s_ + options_.outage_s); !waited) return waited;
  for (auto* peer : peers_) {
    if (auto up = peer->start_core(); !up) note(up.error().what);
  }
  if (auto up = region_.start_core(); !up) return up;
  note(fmt::format("the core is back after {:.0f} s", elapsed_s() - core_died_s_));
  return {};
}

Result<void> Drill::drive_ends() {
  if (auto waited = pass_time(options_.drive_s); !waited) return waited;
  desk_.reset();
  const auto finish = [&](CarPool& pool, const std::string& what) -> Result<void> {
    pool.finish();
    return until("the last acknowledgements of " + what, 20, [&] {
      const auto stats = pool.stats();
      return stats.idle == stats.cars || !stats.fault.empty();
    });
  };
  if (auto ended = finish(cars_, "the cars"); !ended) return ended;
  // A stock broker that acknowledges nothing more is a figure of the comparison, not a failure of the drill.
  for (auto* peer : peers_) {
    if (auto ended = finish(peer->cars(), "the stock broker's cars"); !ended) note(ended.error().what);
  }
  if (const auto fault = cars_.stats().fault; !fault.empty()) return Error{Fault::io, "the journal failed: " + fault};
  screen_.draw(observer_.look(elapsed_s()));
  result_.bytes_in = cars_.stats().total.bytes;
  cars_.stop();
  note("the cars have parked; everything they said is acknowledged");
  return {};
}

Result<void> Drill::backlog_drains() {
  auto pending = [&]() -> Result<std::uint64_t> {
    auto ledger = read_volume_();
    if (!ledger) return std::move(ledger).error();
    std::uint64_t sum = 0;
    for (const auto& lane : ledger->lanes) sum += lane.pending;
    return sum;
  };
  if (auto waited = until("the backlog to drain", 40,
                          [&] {
                            const auto now = pending();
                            return now.ok() && *now == 0;
                          });
      !waited) {
    return waited;
  }
  note("the backlog has drained");
  // The file sink follows the core log: it has caught up when it holds every delivered record.
  auto caught_up = until("the file sink to catch up", 20, [&] {
    const auto ledger = read_volume_();
    const auto report = verify(region_.paths().journals(), region_.paths().sink());
    return ledger.ok() && report.ok() && sink_holds_all(*ledger, report->ids_by_lane);
  });
  if (!caught_up) return caught_up;
  // The core's bridge publishes its ledger once in a while: what differs for good is compare_all's to say.
  (void)until("the core's ledger to be published", 5, [&] {
    const auto ledger = read_volume_();
    const auto core = http_get(region_.ports().core_bridge_metrics, "/metrics", 500);
    return ledger.ok() && core.ok() &&
           compare_outcomes(*ledger, core_ledger(core->body, region_.options().names.edge, ledger->uuid)).empty();
  });
  return {};
}

// As much time as they need: until all that was acknowledged has arrived, or nothing arrives any more.
Result<void> Drill::peers_settle() {
  constexpr double kSilenceS = 8;
  for (auto* peer : peers_) {
    std::uint64_t seen = peer->recorded();
    double seen_at_s = elapsed_s();
    const auto settled = [&] {
      if (const auto now = peer->recorded(); now != seen) {
        seen = now;
        seen_at_s = elapsed_s();
      }
      return seen >= peer->cars().stats().total.acked || elapsed_s() - seen_at_s > kSilenceS;
    };
    if (auto waited = until("a stock broker to settle", 30, settled); !waited) note(waited.error().what);
  }
  return {};
}

Result<void> Drill::all() {
  using Step = std::pair<const char*, Result<void> (Drill::*)()>;
  const Step steps[] = {{"cars come online", &Drill::cars_come_online},
                        {"region-app connects", &Drill::open_region_desk},
                        {"climate for an offline car", &Drill::offline_car_is_asked_for_climate},
                        {"the core dies", &Drill::core_dies},
                        {"unlock while the core is dead", &Drill::unlock_in_the_region},
                        {"forged and expired unlocks", &Drill::forged_and_expired_are_refused},
                        {"the offline car returns", &Drill::offline_car_returns},
                        {"the core returns", &Drill::core_returns},
                        {"the drive ends", &Drill::drive_ends},
                        {"the backlog drains", &Drill::backlog_drains},
                        {"the stock brokers settle", &Drill::peers_settle}};
  for (const auto& [name, step] : steps) {
    if (auto done = (this->*step)(); !done) return in_step(name, std::move(done).error());
  }
  return {};
}

DrillResult Drill::run() {
  if (auto done = all(); !done) {
    result_.failures.push_back(done.error().what);
    note("FAILED " + done.error().what);
  }
  cars_.stop();
  result_.link_bytes = region_.relay().bytes();
  compare_all();
  result_.seed = region_.options().seed;
  result_.seconds = elapsed_s();
  return std::move(result_);
}

}  // namespace wayside::fleet
