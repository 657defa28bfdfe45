#include "tests/crash/kill_run.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "common/metrics/samples.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "common/rng.h"
#include "fleet/admin.h"
#include "fleet/cars.h"
#include "fleet/region.h"
#include "fleet/verify.h"
#include "tests/crash/account.h"
#include "tests/crash/backend.h"
#include "tests/crash/victims.h"

namespace wayside::test {
namespace {

constexpr std::uint64_t kDelayMaxMs = 120;       // from "enough in flight" to the kill
constexpr std::uint64_t kPowerDelayMaxMs = 350;  // to the loss of power: the sinks are at work by then too
constexpr std::uint64_t kAwayMaxMs = 300;        // of a car whose radio went

// One region, killed again and again.
class KillRun {
 public:
  explicit KillRun(const KillOptions& options) : options_(options), rng_(options.seed) {}
  KillReport run();

 private:
  Result<void> prepare();
  Result<void> all_cycles();
  Result<void> cycle(const Victim* victim);
  Result<void> start_cars();
  [[nodiscard]] std::vector<Victim> victims(std::uint64_t cycle) const;
  Result<bool> wait_and_strike(const Victim& victim);
  Result<void> kill(const Victim& victim);
  Result<void> replace(const Victim& victim);
  Result<void> lose_power_of(const Victim& victim);
  // Radios go and come back, as on a bad mobile link.
  void flap();
  Result<void> wait_idle();
  Result<void> wait_drained();
  // All that was said so far is drained and accounted for; then its journals go.
  Result<void> close_round();
  Result<void> take_round();
  // A round in which nothing dies: then the mqtt sink repeats nothing.
  Result<void> quiet_round();
  Result<void> settle_account();
  void settle_backend();
  Result<pid_t> pid_of(const std::string& name);
  // Polls `done` while the region's dead are raised; false on the timeout.
  template <typename Done>
  Result<bool> wait_for(Done done);

  const KillOptions& options_;
  SeededRng rng_;
  os::SystemClock clock_;
  std::unique_ptr<Disk> disk_ = os::make_posix_disk();
  std::unique_ptr<fleet::Region> region_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<fleet::CarPool> cars_;
  std::map<std::string, MonoMs> away_;  // cars without a radio, and until when
  MonoMs next_flap_{};
  fleet::Verifier verifier_;
  KillReport report_;
  std::uint64_t pools_ = 0;  // fleets started so far; each has a journal of its own
  bool round_open_ = false;  // something was said that is not accounted for yet
  std::int64_t last_cycle_ms_ = 0;
};

template <typename Done>
Result<bool> KillRun::wait_for(Done done) {
  const MonoMs until = clock_.mono() + options_.step_timeout_ms;
  while (!done()) {
    if (clock_.mono() >= until) return false;
    if (auto tended = region_->tend(); !tended) return std::move(tended).error();
    flap();
    ::poll(nullptr, 0, 5);
  }
  return true;
}

void KillRun::flap() {
  if (!cars_ || options_.flap_ms == 0) return;
  const MonoMs now = clock_.mono();
  for (auto car = away_.begin(); car != away_.end();) {
    if (car->second > now) {
      ++car;
      continue;
    }
    cars_->come_back(car->first);
    car = away_.erase(car);
  }
  if (now < next_flap_) return;
  next_flap_ = now + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(2 * options_.flap_ms)));
  const auto& cars = region_->options().vehicles;
  const std::string& car = cars[rng_.below(cars.size())];
  if (!away_.emplace(car, now + static_cast<std::int64_t>(rng_.below(kAwayMaxMs))).second) return;
  cars_->go_offline(car);
  ++report_.flaps;
}

Result<pid_t> KillRun::pid_of(const std::string& name) {
  pid_t pid = -1;
  auto there = wait_for([&] {
    for (const fleet::ProcessInfo& process : region_->processes()) {
      if (process.name == name) pid = process.pid;
    }
    return pid > 0 && ::kill(pid, 0) == 0;
  });
  if (!there) return std::move(there).error();
  if (!*there) return Error{Fault::timeout, name + " is not running"};
  return pid;
}

Result<void> KillRun::start_cars() {
  const std::uint64_t number = ++pools_;
  round_open_ = true;
  fleet::CarsOptions cars;
  cars.vehicles = region_->options().vehicles;
  cars.pki = region_->paths().pki;
  cars.journal = region_->paths().journals() + "/cycle-" + std::to_string(number) + ".jsonl";
  cars.state_dir = region_->paths().dir + "/cars";
  cars.to = {"127.0.0.1", region_->ports().vehicles};
  cars.seed = options_.seed + number;
  cars.car.interval_ms = 0;
  cars.car.frames_max = options_.frames_per_car;
  // A release that refuses QoS 2 may be in the place of this one.
  cars.car.qos2_every = options_.other_bin_dir.empty() ? options_.qos2_every : 0;
  auto pool = fleet::make_cars(cars, *disk_);
  if (!pool) return std::move(pool).error();
  cars_ = std::move(pool).value();
  return cars_->start();
}

// False: the cars had said everything before the moment came.
Result<bool> KillRun::wait_and_strike(const Victim& victim) {
  std::uint64_t in_flight = 0;
  bool over = false;
  const auto enough_or_over = [&] {
    const fleet::PoolStats stats = cars_->stats();
    in_flight = stats.in_flight;
    over = stats.finished == stats.cars && stats.idle == stats.cars;
    return over || in_flight >= options_.in_flight_min;
  };
  for (const std::string& process : victim.processes) {
    if (auto there = pid_of(process); !there) return std::move(there).error();
  }
  for (const std::uint64_t delay_ms : {std::uint64_t{0}, rng_.below(options_.power ? kPowerDelayMaxMs : kDelayMaxMs)}) {
    ::poll(nullptr, 0, static_cast<int>(delay_ms));
    auto reached = wait_for(enough_or_over);
    if (!reached) return std::move(reached).error();
    if (!*reached) return Error{Fault::timeout, "too few acknowledgements in flight"};
    if (over) return false;
  }
  const bool first = report_.kills + report_.replaced == 0;
  auto struck = victim.bin_dir.empty() ? kill(victim) : replace(victim);
  if (!struck) return std::move(struck).error();
  report_.in_flight_min = first ? in_flight : std::min(report_.in_flight_min, in_flight);
  return true;
}

Result<void> KillRun::kill(const Victim& victim) {
  std::vector<pid_t> pids;
  for (const std::string& process : victim.processes) {
    auto pid = pid_of(process);
    if (!pid) return std::move(pid).error();
    pids.push_back(*pid);
  }
  if (auto killed = kill_and_wait(pids); !killed) return killed;
  if (auto lost = lose_power_of(victim); !lost) return lost;
  for (const std::string& process : victim.processes) {
    ++report_.kills;
    ++report_.kills_by_process[process];
  }
  return {};
}

Result<void> KillRun::replace(const Victim& victim) {
  const auto ended_by_itself = region_->replace(victim.processes.front(), victim.bin_dir, victim.gently);
  if (!ended_by_itself) return ended_by_itself.error();
  ++report_.replaced;
  if (victim.gently && !*ended_by_itself) ++report_.unclean;
  return {};
}

Result<void> KillRun::lose_power_of(const Victim& victim) {
  for (const std::string& host : victim.hosts) {
    auto loss = power::lose_power({options_.dir + "/power/" + host}, region_->paths().dir, rng_);
    if (!loss) return std::move(loss).error().with("loss of power of the " + host);
    report_.loss += *loss;
    ++report_.power_losses;
  }
  return {};
}

Result<void> KillRun::wait_idle() {
  auto idle = wait_for([&] {
    const fleet::PoolStats stats = cars_->stats();
    return !stats.fault.empty() || (stats.finished == stats.cars && stats.idle == stats.cars);
  });
  if (!idle) return std::move(idle).error();
  const fleet::PoolStats stats = cars_->stats();
  if (!stats.fault.empty()) return Error{Fault::io, "journal: " + stats.fault};
  if (!*idle) {
    return Error{Fault::timeout, std::to_string(stats.cars - stats.idle) + " cars still wait for acknowledgements (" +
                                     stats.last_failure + ")"};
  }
  cars_->stop();
  cars_.reset();
  away_.clear();
  return {};
}

Result<void> KillRun::cycle(const Victim* victim) {
  for (bool done = false; !done;) {
    if (auto started = start_cars(); !started) return started;
    done = victim == nullptr;
    if (victim != nullptr) {
      auto killed = wait_and_strike(*victim);
      if (!killed) return std::move(killed).error();
      done = *killed;
    }
    const MonoMs killed_at = clock_.mono();
    if (auto idle = wait_idle(); !idle) return idle;
    last_cycle_ms_ = clock_.mono() - killed_at;
    // Cars that publish faster than once a millisecond date their frames ahead, so that each has a time of its
    // own. The next cars must not say those times again: verify tells values apart by them.
    const MonoMs fresh_times = clock_.mono() + static_cast<std::int64_t>(2 * options_.frames_per_car);
    auto passed = wait_for([&] { return clock_.mono() >= fresh_times; });
    if (!passed) return std::move(passed).error();
  }
  return {};
}

Result<void> KillRun::wait_drained() {
  std::string fault;
  auto done = wait_for([&] {
    auto now = drained(region_->paths());
    if (!now) fault = now.error().what;
    if (!now || !*now) return false;
    const auto scrape = fleet::http_get(region_->ports().core_bridge_metrics, "/metrics");
    return scrape && metrics::Samples::parse(scrape->body).sum("wayside_sink_backlog_records") == 0;
  });
  if (!done) return std::move(done).error();
  if (!*done) return Error{Fault::timeout, "the lanes did not drain " + fault};
  return {};
}

Result<void> KillRun::close_round() {
  if (auto done = wait_drained(); !done) return done;
  if (auto taken = take_round(); !taken) return taken;
  std::error_code failed;
  for (const auto& journal : std::filesystem::directory_iterator(region_->paths().journals(), failed)) {
    std::filesystem::remove(journal.path(), failed);
  }
  if (failed) return Error{Fault::io, "journals: " + failed.message()};
  return {};
}

Result<void> KillRun::take_round() {
  const std::string journals = region_->paths().journals();
  if (auto taken = verifier_.take_journals(journals); !taken) return taken;
  if (auto taken = verifier_.take_sink(region_->paths().sink()); !taken) return taken;
  verifier_.close_round();
  round_open_ = false;
  report_.take(verifier_.report());
  if (!report_.clean()) {
    return Error{Fault::internal, "the account does not hold; the journals of this round are kept"};
  }
  return {};
}

Result<void> KillRun::settle_account() {
  if (!region_->stop()) report_.sentences.push_back("a process did not end by itself on SIGTERM");
  settle_backend();
  // After a fault: whatever was acknowledged and did not reach the sink is missing, wherever it may still be.
  if (round_open_) (void)take_round();
  auto changed = verifier_.sink_files_changed();
  if (!changed) return std::move(changed).error();
  report_.unclear += *changed;
  auto books = account(region_->paths(), verifier_.report());
  if (!books) return std::move(books).error();
  report_.settled_as_resent = books->resent;
  report_.residual = books->residual;
  report_.ledgers_equal = books->ledgers_equal;
  for (const auto& sentence : books->sentences) report_.sentences.push_back(sentence);
  return {};
}

Result<void> KillRun::quiet_round() {
  backend_->set_quiet(true);
  if (auto done = cycle(nullptr); !done) return std::move(done).error().with("round without a kill");
  if (auto done = close_round(); !done) return done;
  backend_->set_quiet(false);
  return {};
}

void KillRun::settle_backend() {
  backend_->stop();
  const Backend::Counts heard = backend_->counts();
  report_.mqtt_ids = heard.ids;
  report_.mqtt_repeats = heard.repeats;
  report_.mqtt_repeats_without_kill = heard.repeats_without_kill;
}

Result<void> KillRun::prepare() {
  ::setenv(power::kDirVariable, (options_.dir + "/power").c_str(), 1);
  ::setenv(power::kPlantVariable, options_.planted.c_str(), 1);
  fleet::RegionOptions options;
  options.dir = options_.dir;
  options.bin_dir = options_.bin_dir + (options_.power ? "/power" : "");
  options.vehicles = fleet::simulated_vins(options_.cars);
  options.seed = options_.seed;
  auto region = fleet::Region::prepare(options);
  if (!region) return std::move(region).error();
  region_ = std::move(region).value();
  if (auto started = region_->start(options_.say); !started) return started;
  auto backend = Backend::start(*region_);
  if (!backend) return std::move(backend).error();
  backend_ = std::move(backend).value();
  auto listening = wait_for([&] { return backend_->subscribed(); });
  if (!listening) return std::move(listening).error();
  if (!*listening) return Error{Fault::timeout, "no subscription at the core broker"};
  return {};
}

std::vector<Victim> KillRun::victims(std::uint64_t cycle) const {
  if (!options_.other_bin_dir.empty()) return replaced(options_.other_bin_dir, options_.bin_dir, cycle);
  return options_.power ? hosts() : lone_processes();
}

Result<void> KillRun::all_cycles() {
  if (auto done = quiet_round(); !done) return done;
  const std::uint64_t deaths = options_.cycles * victims(0).size();
  std::uint64_t number = 0;
  for (std::uint64_t i = 0; i < options_.cycles; ++i) {
    for (const Victim& victim : victims(i)) {
      const std::string what =
          "death " + std::to_string(++number) + " of " + std::to_string(deaths) + ": " + victim.name;
      if (auto done = cycle(&victim); !done) return std::move(done).error().with(what);
      options_.say(what + ", all acknowledged again after " + std::to_string(last_cycle_ms_) + " ms");
    }
    if (auto done = close_round(); !done) return std::move(done).error().with("round " + std::to_string(i + 1));
    options_.say("round " + std::to_string(i + 1) + " of " + std::to_string(options_.cycles) + ": " +
                 std::to_string(report_.acked) + " acknowledged so far, none missing");
  }
  return quiet_round();
}

KillReport KillRun::run() {
  if (auto prepared = prepare(); !prepared) {
    report_.fault = prepared.error().what;
    return report_;
  }
  auto done = all_cycles();
  if (!done) report_.fault = done.error().what;
  cars_.reset();
  // After a fault too: what can still be told is told.
  if (auto settled = settle_account(); !settled && done) report_.fault = settled.error().what;
  return report_;
}

}  // namespace

KillReport run_kills(const KillOptions& options) { return KillRun(options).run(); }

}  // namespace wayside::test
