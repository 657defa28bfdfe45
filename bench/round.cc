#include "bench/round.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "bench/process_cpu.h"
#include "common/os/system.h"
#include "fleet/cars.h"

namespace wayside::bench {
namespace {

constexpr int kPollMs = 50;
constexpr std::int64_t kOnlineMsMax = 20'000;
constexpr std::int64_t kLastAckMsMax = 60'000;
constexpr std::int64_t kArrivalMsMax = 240'000;
// What either link still has to say when the last value has arrived belongs to the round.
constexpr std::int64_t kAfterwordMs = 1'000;

struct Meter {
  std::vector<pid_t> processes;
  double cpu_s = 0;
  std::uint64_t link_bytes = 0;
};

Result<Meter> read_meter(Side& side) {
  Meter meter{side.edge_processes(), 0, side.link_bytes()};
  for (const auto pid : meter.processes) {
    const auto used = cpu_seconds(pid);
    if (!used) return Error{Fault::not_found, side.name() + ": a process of the edge is down"};
    meter.cpu_s += *used;
  }
  return meter;
}

double seconds_since(MonoMs begun) { return static_cast<double>(os::SystemClock().mono() - begun) / 1000; }

// Asks `come` until it says yes.
Result<void> wait_for(const std::string& what, std::int64_t timeout_ms, const std::function<Result<bool>()>& come) {
  const os::SystemClock clock;
  const auto until = clock.mono() + timeout_ms;
  for (;;) {
    auto now = come();
    if (!now) return std::move(now).error();
    if (*now) return {};
    if (clock.mono() >= until) return Error{Fault::timeout, fmt::format("{} s for {}", timeout_ms / 1000, what)};
    poll(nullptr, 0, kPollMs);
  }
}

Result<void> pool_is_well(const fleet::PoolStats& stats) {
  if (!stats.fault.empty()) return Error{Fault::io, stats.fault};
  if (stats.total.resent == 0 && stats.total.connects <= stats.cars) return {};
  return Error{Fault::unreachable, "a car had to connect again: " + stats.last_failure};
}

Result<std::unique_ptr<fleet::CarPool>> make_pool(const Side& side, const Load& load, Disk& disk) {
  fleet::CarsOptions cars;
  cars.vehicles = load.vehicles;
  cars.pki = load.pki;
  cars.journal = load.journal;
  cars.to = side.door();
  cars.seed = load.seed;
  cars.car.interval_ms = load.interval_ms;
  return fleet::make_cars(cars, disk);
}

Result<void> speak(fleet::CarPool& pool, double seconds) {
  if (auto started = pool.start(); !started) return started;
  const auto online = [&]() -> Result<bool> { return pool.stats().online == pool.stats().cars; };
  if (auto all = wait_for("every car to be online", kOnlineMsMax, online); !all) return all;
  poll(nullptr, 0, static_cast<int>(seconds * 1000));
  pool.finish();
  return wait_for("the last acknowledgement", kLastAckMsMax, [&]() -> Result<bool> {
    const auto stats = pool.stats();
    if (auto well = pool_is_well(stats); !well) return std::move(well).error();
    return stats.idle == stats.cars;
  });
}

Result<std::uint64_t> wait_arrival(ArrivedValues& arrived, std::uint64_t before, std::uint64_t expected) {
  std::uint64_t now = 0;
  const auto waited = wait_for(fmt::format("{} values to arrive", expected), kArrivalMsMax, [&]() -> Result<bool> {
    const auto count = arrived.count();
    if (!count) return count.error();
    now = *count - before;
    return now >= expected;
  });
  if (!waited) return Error{waited.error().fault, fmt::format("{}; {} came", waited.error().what, now)};
  return now;
}

Result<Figures> measure(Side& side, ArrivedValues& arrived, const Load& load, fleet::CarPool& pool) {
  const auto values_before = arrived.count();
  if (!values_before) return values_before.error();
  const auto before = read_meter(side);
  if (!before) return before.error();
  const auto begun = os::SystemClock().mono();
  if (auto spoken = speak(pool, load.seconds); !spoken) return std::move(spoken).error();
  Figures figures;
  figures.speaking_s = seconds_since(begun);
  pool.stop();
  const auto expected = acked_values(load.journal);
  if (!expected) return expected.error();
  const auto came = wait_arrival(arrived, *values_before, *expected);
  if (!came) return came.error();
  poll(nullptr, 0, kAfterwordMs);
  const auto after = read_meter(side);
  if (!after) return after.error();
  const auto late = arrived.count();
  if (!late) return late.error();
  if (after->processes != before->processes) return Error{Fault::internal, "a process of the edge was started again"};
  if (*late - *values_before != *expected) {
    return Error{Fault::corrupt,
                 fmt::format("{} values were acknowledged and {} came", *expected, *late - *values_before)};
  }
  const auto stats = pool.stats().total;
  figures.acked = stats.acked;
  figures.refused = stats.refused;
  figures.values = *expected;
  figures.link_bytes = after->link_bytes - before->link_bytes;
  figures.cpu_s = after->cpu_s - before->cpu_s;
  if (figures.acked == 0 || figures.cpu_s <= 0) return Error{Fault::internal, "nothing was acknowledged"};
  return figures;
}

}  // namespace

Result<Figures> run_round(Side& side, ArrivedValues& arrived, const Load& load, Disk& disk) {
  auto pool = make_pool(side, load, disk);
  if (!pool) return std::move(pool).error();
  auto figures = measure(side, arrived, load, **pool);
  (*pool)->stop();
  std::remove(load.journal.c_str());
  if (!figures) return std::move(figures).error().with(side.name());
  return figures;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace wayside::bench
