// bench_custody: acknowledged messages per CPU second of a Wayside broker, beside a stock Mosquitto and beside a loop
// that only reads and acknowledges. The same connections' worth of load to each, in interleaved rounds: many small
// messages in a TLS record, and one in a record from many vehicles. Wayside's are durable, the others' are not; with
// --floor a loop that makes durable what it acknowledges stands in Mosquitto's place.
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "bench/acceptor.h"
#include "bench/bare_loop.h"
#include "bench/commit_latency.h"
#include "bench/publisher_load.h"
#include "bench/round.h"
#include "cli/args.h"
#include "common/os/system.h"
#include "fleet/cars.h"
#include "fleet/ports.h"
#include "fleet/region.h"

namespace wayside::bench {
namespace {

constexpr std::size_t kSides = 3;  // wayside, its peer (Mosquitto or the durable loop), bare
constexpr double kWarmUpSeconds = 0.5;
constexpr int kRestMs = 200;
constexpr std::size_t kPackedPayloadBytes = 200;
constexpr std::size_t kFleetPayloadBytes = 64;
constexpr std::size_t kFilesBesides = 256;

struct Options {
  std::string dir;
  std::int64_t rounds = 5;
  std::int64_t milliseconds = 2000;
  std::int64_t packed = 100;
  std::vector<std::string> fleets = {"1000", "5000"};
  std::int64_t samples = 500;
  bool nagle = false;  // Mosquitto as it is shipped
  bool floor = false;  // the durable loop in its place
  // How figures of ours by the peer's are called.
  [[nodiscard]] std::string of_peer() const { return floor ? "_of_durable" : "_ratio"; }
  std::int64_t bare = 0;  // this process is the bare loop on that port
  std::string durable;    // and acknowledges what is in this file
};

struct Shape {
  std::string name;
  LoadShape load;
};

struct ShapeFigures {
  Shape shape;
  std::array<std::vector<double>, kSides> per_cpu_s;  // a round each
  std::vector<double> window_ms;                      // of wayside, sorted
  std::uint64_t acked = 0;                            // by wayside
  std::uint64_t written_bytes = 0;                    // by wayside

  // Round by round, of the same minute; sorted.
  [[nodiscard]] std::vector<double> ratios(std::size_t to, std::size_t from = 0) const {
    std::vector<double> out;
    for (std::size_t i = 0; i < per_cpu_s[0].size(); ++i) out.push_back(per_cpu_s.at(from)[i] / per_cpu_s.at(to)[i]);
    std::sort(out.begin(), out.end());
    return out;
  }
  [[nodiscard]] double written_per_byte() const {
    return static_cast<double>(written_bytes) / static_cast<double>(acked * shape.load.payload_bytes);
  }
};

class CustodyBench {
 public:
  explicit CustodyBench(const Options& options) : options_(options) {}
  Result<void> run();
  void print() const;

 private:
  Result<void> prepare(const std::vector<Shape>& shapes);
  Result<void> measure(const Shape& shape);
  Result<void> start(const Shape& shape);
  Result<void> round(std::size_t side, ShapeFigures& figures, double seconds);
  Result<void> latency();
  [[nodiscard]] std::vector<double> fleet_ratios(std::size_t to) const;

  Options options_;
  std::unique_ptr<TlsFleet> fleet_;
  std::vector<std::unique_ptr<Acceptor>> sides_;
  std::vector<std::unique_ptr<PublisherLoad>> loads_;
  std::vector<ShapeFigures> figures_;
  CommitLatency latency_;
};

std::vector<Shape> shapes_of(const Options& options) {
  std::vector<Shape> shapes;
  if (options.packed > 0) {
    shapes.push_back({"packed", {static_cast<std::size_t>(options.packed), 20, kPackedPayloadBytes}});
  }
  for (const std::string& cars : options.fleets) {
    const auto connections = static_cast<std::size_t>(std::strtoul(cars.c_str(), nullptr, 10));
    if (connections > 0) shapes.push_back({"fleet_" + cars, {connections, 1, kFleetPayloadBytes}});
  }
  return shapes;
}

// All sides keep all of their connections while a shape is measured.
Result<void> raise_descriptors(std::size_t wanted) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max >= wanted) return {};
  return Error{Fault::config,
               fmt::format("{} descriptors are needed, {} are allowed: raise ulimit -Hn", wanted, limit.rlim_max), 0};
}

Result<void> CustodyBench::prepare(const std::vector<Shape>& shapes) {
  std::size_t most = 1;
  for (const Shape& shape : shapes) most = std::max(most, shape.load.connections);
  if (auto raised = raise_descriptors(kSides * most + kFilesBesides); !raised) return raised;
  if (auto made = make_bench_pki(options_.dir + "/pki"); !made) return made;
  auto pki = certs::Pki::open(options_.dir + "/pki");
  if (!pki) return std::move(pki).error();
  auto fleet = TlsFleet::make(*pki, fleet::simulated_vins(most));
  if (!fleet) return std::move(fleet).error();
  fleet_ = std::make_unique<TlsFleet>(std::move(fleet).value());
  return {};
}

Result<void> CustodyBench::start(const Shape& shape) {
  loads_.clear();
  sides_.clear();
  fleet::PortPicker ports(os::random_seed());
  const std::string mosquitto = fleet::find_program("mosquitto");
  using Start = Result<std::unique_ptr<Acceptor>> (*)(const AcceptorOptions&);
  for (const Start start_one :
       {Start{start_broker}, options_.floor ? Start{start_durable} : Start{start_mosquitto}, Start{start_bare}}) {
    auto port = ports.pick();
    if (!port) return std::move(port).error();
    const std::string dir = options_.dir + "/" + shape.name + "-" + std::to_string(sides_.size());
    auto side = start_one({dir, options_.dir + "/pki", mosquitto, *port, options_.nagle});
    if (!side) return std::move(side).error();
    auto load = PublisherLoad::connect(*fleet_, shape.load, *port);
    if (!load) return std::move(load).error().with((*side)->name());
    sides_.push_back(std::move(*side));
    loads_.push_back(std::move(*load));
  }
  return {};
}

Result<void> CustodyBench::round(std::size_t side, ShapeFigures& figures, double seconds) {
  const Acceptor& acceptor = *sides_.at(side);
  const bool ours = side == 0;
  const auto cpu_before = acceptor.cpu_s();
  if (!cpu_before) return cpu_before.error();
  const auto written_before = ours ? acceptor.written_bytes() : Result<std::uint64_t>(0);
  if (!written_before) return written_before.error();
  auto load = loads_.at(side)->run(seconds);
  if (!load) return std::move(load).error().with(acceptor.name());
  poll(nullptr, 0, kRestMs);  // what the last message still causes belongs to the round
  const auto cpu_after = acceptor.cpu_s();
  if (!cpu_after) return cpu_after.error();
  const auto written_after = ours ? acceptor.written_bytes() : Result<std::uint64_t>(0);
  if (!written_after) return written_after.error();
  const double cpu_s = *cpu_after - *cpu_before;
  if (load->acked == 0 || cpu_s <= 0) return Error{Fault::internal, acceptor.name() + ": nothing was measured", 0};
  const double per_cpu_s = static_cast<double>(load->acked) / cpu_s;
  figures.per_cpu_s.at(side).push_back(per_cpu_s);
  if (ours) {
    figures.acked += load->acked;
    figures.written_bytes += *written_after - *written_before;
    figures.window_ms.insert(figures.window_ms.end(), load->window_ms.begin(), load->window_ms.end());
  }
  fmt::print(stderr, "{:11} {:12} {:8} messages in {:5.2f} s, {:5.2f} s of CPU, {:8.0f} messages a CPU second\n",
             figures.shape.name, acceptor.name(), load->acked, load->seconds, cpu_s, per_cpu_s);
  return {};
}

Result<void> CustodyBench::measure(const Shape& shape) {
  if (auto started = start(shape); !started) return started;
  ShapeFigures figures;
  figures.shape = shape;
  for (auto& load : loads_) {
    if (auto warm = load->run(kWarmUpSeconds); !warm) return std::move(warm).error().with("warm-up");
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(options_.rounds); ++i) {
    // Who goes first changes every round.
    for (std::size_t place = 0; place < kSides; ++place) {
      const double seconds = static_cast<double>(options_.milliseconds) / 1000;
      if (auto done = round((place + i) % kSides, figures, seconds); !done) return done;
    }
  }
  std::sort(figures.window_ms.begin(), figures.window_ms.end());
  figures_.push_back(std::move(figures));
  return {};
}

Result<void> CustodyBench::latency() {
  if (auto started = start({"latency", {1, 1, kPackedPayloadBytes}}); !started) return started;
  auto sampled = sample_commit_latency(*loads_.front(), options_.dir + "/latency-0/state",
                                       static_cast<std::size_t>(options_.samples));
  if (!sampled) return std::move(sampled).error().with("latency");
  latency_ = std::move(*sampled);
  return {};
}

Result<void> CustodyBench::run() {
  const std::vector<Shape> shapes = shapes_of(options_);
  if (auto ready = prepare(shapes); !ready) return ready;
  for (const Shape& shape : shapes) {
    if (auto measured = measure(shape); !measured) return std::move(measured).error().with(shape.name);
  }
  return latency();
}

// Of the fleet that does worse.
std::vector<double> CustodyBench::fleet_ratios(std::size_t to) const {
  std::vector<double> worst;
  for (const ShapeFigures& figures : figures_) {
    if (figures.shape.load.window != 1) continue;
    auto ratios = figures.ratios(to);
    if (worst.empty() || median(ratios) < median(worst)) worst = std::move(ratios);
  }
  return worst;
}

std::string ratio_json(const std::string& name, const std::vector<double>& ratios) {
  if (ratios.empty()) return {};
  return fmt::format(R"("{}":{:.3f},"{}_min":{:.3f},"{}_max":{:.3f},)", name, median(ratios), name, ratios.front(),
                     name, ratios.back());
}

void CustodyBench::print() const {
  std::string json =
      fmt::format(R"({{"bench":"custody","rounds":{},"milliseconds":{},)", options_.rounds, options_.milliseconds);
  fmt::print("\n{:11} {:>12} {:>12} {:>12} {:>11} {:>9} {:>14} {:>13}\n", "", "wayside",
             options_.floor ? "durable loop" : "mosquitto", "bare loop", options_.floor ? "of durable" : "of mosq.",
             "of bare", "window p50/p99", "written/byte");
  for (const ShapeFigures& figures : figures_) {
    const auto peer = figures.ratios(1);
    const auto bare = figures.ratios(2);
    fmt::print("{:11} {:>12.0f} {:>12.0f} {:>12.0f} {:>11.2f} {:>9.2f} {:>6.1f}/{:>4.0f} ms {:>13.2f}\n",
               figures.shape.name, median(figures.per_cpu_s[0]), median(figures.per_cpu_s[1]),
               median(figures.per_cpu_s[2]), median(peer), median(bare), quantile(figures.window_ms, 0.5),
               quantile(figures.window_ms, 0.99), figures.written_per_byte());
    const std::string& name = figures.shape.name;
    json += ratio_json(name + options_.of_peer(), peer) + ratio_json(name + "_of_bare", bare);
    if (options_.floor) json += ratio_json(name + "_durable_of_bare", figures.ratios(2, 1));
    json += fmt::format(R"("{}_written_per_byte":{:.3f},)", name, figures.written_per_byte());
  }
  json += ratio_json("fleet" + options_.of_peer(), fleet_ratios(1)) + ratio_json("fleet_of_bare", fleet_ratios(2));
  const double p50 = quantile(latency_.publish_ms, 0.5);
  const double p99 = quantile(latency_.publish_ms, 0.99);
  const double sync_p50 = quantile(latency_.sync_ms, 0.5);
  const double sync_p99 = quantile(latency_.sync_ms, 0.99);
  fmt::print(
      "\nAcknowledged messages a CPU second: user and system of all of a side's threads, the broker's own Mosquitto "
      "included;\nmedians of {} rounds of {} ms. Wayside acknowledges after fdatasync, {}.\n"
      "A lone publish is acknowledged in p50 {:.2f} ms, p99 {:.2f} ms; a bare fdatasync of the same disk, in turn: "
      "p50 {:.2f} ms, p99 {:.2f} ms.\n",
      options_.rounds, options_.milliseconds,
      options_.floor ? "the durable loop too, the bare loop from memory" : "the others from memory", p50, p99, sync_p50,
      sync_p99);
  fmt::print(R"({}"commit_p50_ms":{:.3f},"commit_p99_ms":{:.3f},"sync_p50_ms":{:.3f},"sync_p99_ms":{:.3f}}})"
             "\n",
             json, p50, p99, sync_p50, sync_p99);
}

}  // namespace
}  // namespace wayside::bench

int main(int argc, char** argv) {
  using namespace wayside;
  bench::Options options;
  const cli::Spec spec{
      "bench_custody",
      "Vehicles publish as fast as they are acknowledged, to Wayside, a stock Mosquitto and a bare loop, in turn.",
      {{"--dir", &options.dir, "folder of the run", true},
       {"--rounds", &options.rounds, "rounds on each side, of each shape", false, 1, 100},
       {"--milliseconds", &options.milliseconds, "length of a round", false, 100, 60'000},
       {"--packed", &options.packed, "connections that pack 20 messages into a record; 0: none", false, 0, 1000},
       {"--fleet", &options.fleets, "connections with one message a record; 0: none"},
       {"--nagle", &options.nagle, "leave Mosquitto's set_tcp_nodelay off, as it is shipped"},
       {"--floor", &options.floor, "a loop that acknowledges what is durable, and does nothing else, for Mosquitto"},
       {"--samples", &options.samples, "lone publishes and bare syncs", false, 10, 100'000},
       {"--bare", &options.bare, "be the bare loop on this port, with the PKI in --dir", false, 0, 65'535},
       {"--durable", &options.durable, "with --bare: acknowledge what is in this file, which is made, durable"}},
      "The last line is one JSON object of ratios: more is better."};
  if (const auto exit = cli::parse(spec, {argv + 1, argv + argc})) return *exit;
  std::signal(SIGPIPE, SIG_IGN);
  bench::CustodyBench bench(options);
  const auto ran =
      options.bare > 0 ? bench::serve_bare(options.dir, static_cast<int>(options.bare), options.durable) : bench.run();
  if (!ran) {
    std::fprintf(stderr, "error: %s\n", ran.error().what.c_str());
    return cli::kNo;
  }
  bench.print();
  return cli::kYes;
}
