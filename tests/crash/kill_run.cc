#include "tests/crash/kill_run.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>

#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "common/rng.h"
#include "fleet/admin.h"
#include "fleet/cars.h"
#include "fleet/region.h"
#include "fleet/verify.h"
#include "tests/crash/account.h"
#include "tests/crash/backend.h"

namespace wayside::test {
namespace {

constexpr std::int64_t kStepTimeoutMs = 60'000;
constexpr std::uint64_t kDelayMaxMs = 120;  // from "enough in flight" to the kill

// What is done to a process.
struct Strike {
  std::string victim;
  std::string bin_dir = {};  // empty: SIGKILL, and it starts again as it was
  bool gently = false;       // SIGTERM instead
};

// One region, killed again and again.
class KillRun {
 public:
  explicit KillRun(const KillOptions& options) : options_(options), rng_(options.seed) {}
  Result<KillReport> run();

 private:
  Result<void> cycle(const Strike& strike);
  Result<void> cycles();
  [[nodiscard]] std::vector<Strike> strikes(std::uint64_t cycle) const;
  Result<void> start_cars(std::uint64_t number);
  Result<bool> wait_and_strike(const Strike& strike);
  Result<void> deliver(const Strike& strike, std::uint64_t in_flight);
  Result<void> wait_idle(const std::string& after);
  Result<void> wait_drained();
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
  KillReport report_;
  std::uint64_t pools_ = 0;  // fleets started so far; each has a journal of its own
  std::int64_t last_cycle_ms_ = 0;
};

template <typename Done>
Result<bool> KillRun::wait_for(Done done) {
  const MonoMs until = clock_.mono() + kStepTimeoutMs;
  while (!done()) {
    if (clock_.mono() >= until) return false;
    if (auto tended = region_->tend(); !tended) return std::move(tended).error();
    ::poll(nullptr, 0, 5);
  }
  return true;
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

Result<void> KillRun::start_cars(std::uint64_t number) {
  fleet::CarsOptions cars;
  cars.vehicles = region_->options().vehicles;
  cars.pki = region_->paths().pki;
  cars.journal = region_->paths().journals() + "/cycle-" + std::to_string(number) + ".jsonl";
  cars.state_dir = region_->paths().dir + "/cars";
  cars.to = {"127.0.0.1", region_->ports().vehicles};
  cars.seed = options_.seed + number;
  cars.car.interval_ms = 0;
  cars.car.frames_max = options_.frames_per_car;
  auto pool = fleet::make_cars(cars, *disk_);
  if (!pool) return std::move(pool).error();
  cars_ = std::move(pool).value();
  return cars_->start();
}

// False: the cars had said everything before the moment came.
Result<bool> KillRun::wait_and_strike(const Strike& strike) {
  std::uint64_t in_flight = 0;
  bool over = false;
  const auto enough_or_over = [&] {
    const fleet::PoolStats stats = cars_->stats();
    in_flight = stats.in_flight;
    over = stats.finished == stats.cars && stats.idle == stats.cars;
    return over || in_flight >= options_.in_flight_min;
  };
  for (const std::uint64_t delay_ms : {std::uint64_t{0}, rng_.below(kDelayMaxMs)}) {
    ::poll(nullptr, 0, static_cast<int>(delay_ms));
    auto reached = wait_for(enough_or_over);
    if (!reached) return std::move(reached).error();
    if (!*reached) return Error{Fault::timeout, "too few acknowledgements in flight to kill " + strike.victim};
    if (over) return false;
  }
  if (auto delivered = deliver(strike, in_flight); !delivered) return std::move(delivered).error();
  return true;
}

Result<void> KillRun::deliver(const Strike& strike, std::uint64_t in_flight) {
  const bool first = report_.kills + report_.replaced == 0;
  report_.in_flight_least = first ? in_flight : std::min(report_.in_flight_least, in_flight);
  if (!strike.bin_dir.empty()) {
    const auto clean = region_->replace(strike.victim, strike.bin_dir, strike.gently);
    if (!clean) return clean.error();
    ++report_.replaced;
    if (strike.gently && !*clean) ++report_.unclean;
    return {};
  }
  auto pid = pid_of(strike.victim);
  if (!pid) return std::move(pid).error();
  if (::kill(*pid, SIGKILL) != 0) return Error{Fault::internal, strike.victim + " was not there to be killed"};
  ++report_.kills;
  ++report_.kills_by_process[strike.victim];
  return {};
}

Result<void> KillRun::wait_idle(const std::string& after) {
  auto idle = wait_for([&] {
    const fleet::PoolStats stats = cars_->stats();
    return !stats.fault.empty() || (stats.finished == stats.cars && stats.idle == stats.cars);
  });
  if (!idle) return std::move(idle).error();
  const fleet::PoolStats stats = cars_->stats();
  if (!stats.fault.empty()) return Error{Fault::io, "journal: " + stats.fault};
  if (!*idle) {
    return Error{Fault::timeout, "after the kill of " + after + " " + std::to_string(stats.cars - stats.idle) +
                                     " cars still wait for acknowledgements (" + stats.last_failure + ")"};
  }
  cars_->stop();
  cars_.reset();
  return {};
}

Result<void> KillRun::cycle(const Strike& strike) {
  const std::string& victim = strike.victim;
  for (bool done = false; !done;) {
    if (auto started = start_cars(++pools_); !started) return started;
    done = victim.empty();
    if (!victim.empty()) {
      auto killed = wait_and_strike(strike);
      if (!killed) return std::move(killed).error();
      done = *killed;
    }
    const MonoMs killed_at = clock_.mono();
    if (auto idle = wait_idle(victim); !idle) return idle;
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
    return scrape && fleet::metric_sum(scrape->body, "wayside_sink_backlog_records") == 0;
  });
  if (!done) return std::move(done).error();
  if (!*done) return Error{Fault::timeout, "the lanes did not drain " + fault};
  return {};
}

Result<void> KillRun::settle_account() {
  if (!region_->stop()) report_.sentences.push_back("a process did not end by itself on SIGTERM");
  auto verified = fleet::verify(region_->paths().journals(), region_->paths().sink());
  if (!verified) return std::move(verified).error();
  auto books = account(region_->paths(), *verified);
  if (!books) return std::move(books).error();
  report_.acked = verified->acked;
  report_.resent = verified->resent;
  report_.settled_as_resent = books->resent;
  report_.values_resent = verified->values_resent;
  report_.missing = verified->missing + verified->values_missing + verified->values_different;
  report_.twice = verified->twice + verified->values_twice;
  report_.unclear = verified->strange + verified->unreadable + verified->claimed_twice;
  settle_backend();
  report_.residual = books->residual;
  report_.ledgers_equal = books->ledgers_equal;
  if (report_.missing + report_.twice + report_.unclear > 0) report_.sentences = verified->examples;
  for (const auto& sentence : books->sentences) report_.sentences.push_back(sentence);
  return {};
}

Result<void> KillRun::quiet_round() {
  backend_->set_quiet(true);
  if (auto done = cycle({}); !done) return std::move(done).error().with("round without a kill");
  if (auto done = wait_drained(); !done) return done;
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

// Of releases: edge and core each run beside the other's other release, broker and bridge of the edge too, and each
// goes back and forth; the second time in the other order.
std::vector<Strike> KillRun::strikes(std::uint64_t cycle) const {
  const std::string& other = options_.other_bin_dir;
  if (other.empty()) return {{"edge broker"}, {"local broker"}, {"edge bridge"}, {"core broker"}, {"core bridge"}};
  const bool gently = cycle % 2 == 0;
  std::vector<Strike> out;
  for (const std::string& to : {other, options_.bin_dir}) {
    for (const char* victim : {"core bridge", "edge bridge", "edge broker"}) out.push_back({victim, to, gently});
    if (!gently) std::swap(out[out.size() - 3], out.back());
  }
  return out;
}

Result<void> KillRun::cycles() {
  std::uint64_t number = 0;
  for (std::uint64_t i = 0; i < options_.cycles; ++i) {
    for (const Strike& strike : strikes(i)) {
      const std::string text = std::to_string(++number) + ": " + strike.victim +
                               (strike.bin_dir.empty() ? " killed" : "") +
                               (strike.bin_dir.empty() ? "" : " goes on from " + strike.bin_dir);
      if (auto done = cycle(strike); !done) return std::move(done).error().with("strike " + text);
      options_.say(text + ", all acknowledged again after " + std::to_string(last_cycle_ms_) + " ms");
    }
  }
  return {};
}

Result<KillReport> KillRun::run() {
  fleet::RegionOptions options;
  options.dir = options_.dir;
  options.bin_dir = options_.bin_dir;
  options.vehicles = fleet::simulated_vins(options_.cars);
  options.seed = options_.seed;
  auto region = fleet::Region::prepare(options);
  if (!region) return std::move(region).error();
  region_ = std::move(region).value();
  if (auto started = region_->start(options_.say); !started) return std::move(started).error();
  auto backend = Backend::start(*region_);
  if (!backend) return std::move(backend).error();
  backend_ = std::move(backend).value();
  auto listening = wait_for([&] { return backend_->subscribed(); });
  if (!listening) return std::move(listening).error();
  if (!*listening) return Error{Fault::timeout, "no subscription at the core broker"};
  if (auto done = quiet_round(); !done) return std::move(done).error();
  if (auto done = cycles(); !done) return std::move(done).error();
  const MonoMs quiet_at = clock_.mono();
  if (auto done = wait_drained(); !done) return std::move(done).error();
  options_.say("lanes and sinks have drained after " + std::to_string(clock_.mono() - quiet_at) + " ms");
  if (auto done = quiet_round(); !done) return std::move(done).error();
  if (auto done = settle_account(); !done) return std::move(done).error();
  return report_;
}

}  // namespace

Result<KillReport> run_kills(const KillOptions& options) { return KillRun(options).run(); }

std::string to_json(const KillReport& report, const KillOptions& options) {
  std::string by_process;
  for (const auto& [name, count] : report.kills_by_process) {
    by_process += (by_process.empty() ? "\"" : ", \"") + name + "\": " + std::to_string(count);
  }
  const auto number = [](auto value) { return std::to_string(value); };
  return "{\"passed\": " + std::string(report.passed() ? "true" : "false") + ", \"seed\": " + number(options.seed) +
         ", \"kills\": " + number(report.kills) + ", \"replaced\": " + number(report.replaced) +
         ", \"kills_by_process\": {" + by_process + "}, \"in_flight_least\": " + number(report.in_flight_least) +
         ", \"acked\": " + number(report.acked) + ", \"resent\": " + number(report.resent) +
         ", \"settled_as_resent\": " + number(report.settled_as_resent) +
         ", \"values_resent\": " + number(report.values_resent) + ", \"missing\": " + number(report.missing) +
         ", \"twice\": " + number(report.twice) + ", \"unclear\": " + number(report.unclear) +
         ", \"mqtt_ids\": " + number(report.mqtt_ids) + ", \"mqtt_repeats\": " + number(report.mqtt_repeats) +
         ", \"mqtt_repeats_without_kill\": " + number(report.mqtt_repeats_without_kill) +
         ", \"residual\": " + number(report.residual) +
         ", \"ledgers_equal\": " + (report.ledgers_equal ? "true" : "false") + "}";
}

}  // namespace wayside::test
