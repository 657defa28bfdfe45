// bench_first: acknowledged messages per CPU second of the edge, and bytes on the link per signal value, beside a
// stock Mosquitto and its bridge. Same cars, same load, interleaved rounds. A link that batches looks its best when
// much waits, so the bytes are measured at the natural pace of a car as well.
#include <fmt/format.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "bench/round.h"
#include "cli/args.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "fleet/cars.h"
#include "fleet/region.h"

namespace wayside::bench {
namespace {

constexpr double kWarmUpSeconds = 1;
constexpr std::int64_t kPaceMs = 1000;

struct Options {
  std::string dir;
  std::int64_t rounds = 5;
  std::int64_t seconds = 5;
  std::int64_t cars = 20;
  std::int64_t paced_seconds = 15;
  std::int64_t seed = 0;
};

// A side with what it has shown so far.
struct Runner {
  std::unique_ptr<Side> side;
  ArrivedValues arrived;
  std::vector<Figures> rounds;  // as fast as the cars can
  Figures paced;
};

class FirstBench {
 public:
  explicit FirstBench(const Options& options) : options_(options), disk_(os::make_posix_disk()) {}
  Result<void> run();
  void print() const;

 private:
  Result<void> start();
  Result<void> rounds();
  Result<void> paced();
  Result<Figures> one(Runner& runner, std::int64_t interval_ms, double seconds, std::uint64_t number);
  [[nodiscard]] std::vector<double> figures_of(const Runner& runner, double (Figures::*figure)() const) const;
  [[nodiscard]] std::vector<double> ratios(double (Figures::*figure)() const) const;
  void print_side(const Runner& runner) const;
  [[nodiscard]] std::string side_json(const Runner& runner) const;

  Options options_;
  std::unique_ptr<Disk> disk_;
  std::string pki_;
  std::vector<std::string> vehicles_;
  std::vector<Runner> runners_;  // Wayside, the stock broker
};

Result<void> FirstBench::start() {
  SideOptions side;
  pki_ = options_.dir + "/pki";
  vehicles_ = fleet::simulated_vins(static_cast<std::size_t>(options_.cars));
  side.pki = pki_;
  side.vehicles = vehicles_;
  side.bin_dir = fleet::own_bin_dir();
  side.mosquitto = fleet::find_program("mosquitto");
  side.seed = static_cast<std::uint64_t>(options_.seed);
  side.dir = options_.dir + "/wayside";
  auto ours = start_wayside(side);
  if (!ours) return std::move(ours).error();
  side.dir = options_.dir + "/stock";
  auto stock = start_stock(side, *disk_);
  if (!stock) return std::move(stock).error();
  for (auto* started : {&*ours, &*stock}) {
    const auto sink = (*started)->sink();
    runners_.push_back({std::move(*started), ArrivedValues(sink), {}, {}});
  }
  return {};
}

Result<Figures> FirstBench::one(Runner& runner, std::int64_t interval_ms, double seconds, std::uint64_t number) {
  const Load load{
      vehicles_,  pki_, options_.dir + "/round.jsonl", seconds, static_cast<std::uint64_t>(options_.seed) + number,
      interval_ms};
  return run_round(*runner.side, runner.arrived, load, *disk_);
}

Result<void> FirstBench::rounds() {
  for (std::int64_t round = 1; round <= options_.rounds; ++round) {
    // Who goes first changes every round, so that neither always has the warmer or the fuller machine.
    for (const std::size_t place : {0U, 1U}) {
      auto& runner = runners_[(place + static_cast<std::size_t>(round)) % 2];
      auto figures = one(runner, 0, static_cast<double>(options_.seconds), static_cast<std::uint64_t>(round));
      if (!figures) return std::move(figures).error().with(fmt::format("round {}", round));
      runner.rounds.push_back(*figures);
      fmt::print(stderr,
                 "round {} {:20} {:8} messages in {:5.1f} s, {:6.2f} s of CPU, "
                 "{:7.0f} messages a CPU second, {:6.2f} link bytes a value\n",
                 round, runner.side->name(), figures->acked, figures->speaking_s, figures->cpu_s,
                 figures->messages_per_cpu_s(), figures->link_bytes_per_value());
    }
  }
  return {};
}

Result<void> FirstBench::paced() {
  for (auto& runner : runners_) {
    auto figures = one(runner, kPaceMs, static_cast<double>(options_.paced_seconds), 0);
    if (!figures) return std::move(figures).error().with("at one message a second");
    runner.paced = *figures;
    fmt::print(stderr, "paced   {:20} {:8} messages in {:5.1f} s, {:6.2f} link bytes a value\n", runner.side->name(),
               figures->acked, figures->speaking_s, figures->link_bytes_per_value());
  }
  return {};
}

Result<void> FirstBench::run() {
  if (auto started = start(); !started) return started;
  for (auto& runner : runners_) {
    if (auto warm = one(runner, 0, kWarmUpSeconds, 0); !warm) return std::move(warm).error().with("warm-up");
  }
  if (auto done = rounds(); !done) return done;
  return paced();
}

std::vector<double> FirstBench::figures_of(const Runner& runner, double (Figures::*figure)() const) const {
  std::vector<double> values;
  for (const auto& round : runner.rounds) values.push_back((round.*figure)());
  return values;
}

// Round by round, both of the same minute; sorted.
std::vector<double> FirstBench::ratios(double (Figures::*figure)() const) const {
  std::vector<double> values;
  for (std::size_t i = 0; i < runners_[0].rounds.size(); ++i) {
    values.push_back((runners_[0].rounds[i].*figure)() / (runners_[1].rounds[i].*figure)());
  }
  std::sort(values.begin(), values.end());
  return values;
}

void FirstBench::print_side(const Runner& runner) const {
  fmt::print("{:20} {:>10.0f} {:>13.2f} {:>11.2f} {:>10.0f}   {}\n", runner.side->name(),
             median(figures_of(runner, &Figures::messages_per_cpu_s)),
             median(figures_of(runner, &Figures::link_bytes_per_value)), runner.paced.link_bytes_per_value(),
             median(figures_of(runner, &Figures::messages_per_s)), runner.side->durable());
}

std::string FirstBench::side_json(const Runner& runner) const {
  std::uint64_t acked = 0;
  std::uint64_t refused = 0;
  for (const auto& round : runner.rounds) {
    acked += round.acked;
    refused += round.refused;
  }
  return fmt::format(
      R"({{"messages_per_cpu_s":{:.0f},"link_bytes_per_sample":{:.2f},"link_bytes_per_sample_paced":{:.2f},"messages_per_s":{:.0f},"acked":{},"refused":{},)"
      R"("durable":"{}"}})",
      median(figures_of(runner, &Figures::messages_per_cpu_s)),
      median(figures_of(runner, &Figures::link_bytes_per_value)), runner.paced.link_bytes_per_value(),
      median(figures_of(runner, &Figures::messages_per_s)), acked, refused, runner.side->durable());
}

void FirstBench::print() const {
  fmt::print(
      "\n{} rounds of {} s, {} cars with 64 messages in flight each; medians. Paced: {} s at one message a second\n\n",
      options_.rounds, options_.seconds, options_.cars, options_.paced_seconds);
  fmt::print("{:20} {:>10} {:>13} {:>11} {:>10}   what an acknowledgement means\n", "", "msg/CPU s", "link B/value",
             "paced", "msg/s");
  for (const auto& runner : runners_) print_side(runner);
  const auto messages = ratios(&Figures::messages_per_cpu_s);
  const auto bytes = ratios(&Figures::link_bytes_per_value);
  const auto paced = runners_[0].paced.link_bytes_per_value() / runners_[1].paced.link_bytes_per_value();
  fmt::print(
      "\nWayside does {:.2f} times the messages per CPU second and needs {:.3f} times the bytes per value, {:.3f} "
      "times\n"
      "at one message a second, where little can be batched. CPU: user and system of the edge's processes, bridging "
      "and\n"
      "TLS included, until all had arrived. The two do not promise the same: see the last column.\n",
      median(messages), median(bytes), paced);
  fmt::print(R"({{"bench":"first","rounds":{},"seconds":{},"cars":{},"seed":{},"messages_ratio":{:.3f},)"
             R"("messages_ratio_min":{:.3f},"messages_ratio_max":{:.3f},"link_bytes_ratio":{:.4f},)"
             R"("link_bytes_ratio_min":{:.4f},"link_bytes_ratio_max":{:.4f},"link_bytes_ratio_paced":{:.4f},)"
             R"("wayside":{},"mosquitto":{}}})"
             "\n",
             options_.rounds, options_.seconds, options_.cars, options_.seed, median(messages), messages.front(),
             messages.back(), median(bytes), bytes.front(), bytes.back(), paced, side_json(runners_[0]),
             side_json(runners_[1]));
}

}  // namespace
}  // namespace wayside::bench

int main(int argc, char** argv) {
  using namespace wayside;
  bench::Options options;
  const cli::Spec spec{
      "bench_first",
      "Cars publish as fast as their windows allow, to Wayside and to a stock Mosquitto with its own bridge, in turn.",
      {{"--dir", &options.dir, "folder of the run", true},
       {"--rounds", &options.rounds, "rounds on each side", false, 1, 100},
       {"--seconds", &options.seconds, "how long the cars speak in a round", false, 1, 60},
       {"--cars", &options.cars, "number of cars", false, 1, 1000},
       {"--paced-seconds", &options.paced_seconds, "how long the cars speak at one message a second", false, 5, 120},
       {"--seed", &options.seed, "seed of the cars' drives; 0: a new one", false, 0, INT64_MAX}},
      "The last line is one JSON object; messages_ratio: more is better, link_bytes_ratio: less is."};
  if (const auto exit = cli::parse(spec, {argv + 1, argv + argc})) return *exit;
  if (options.seed == 0) options.seed = static_cast<std::int64_t>(os::random_seed() >> 1U);
  bench::FirstBench bench(options);
  if (auto ran = bench.run(); !ran) {
    std::fprintf(stderr, "error: %s\nseed %" PRId64 "\n", ran.error().what.c_str(), options.seed);
    return cli::kNo;
  }
  bench.print();
  return cli::kYes;
}
