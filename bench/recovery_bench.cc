// bench_recovery: a spool of 10 GB, every lane at its bound, opened with cold pages after a clean stop and after
// kill -9, as the broker opens it, the ledger checked; and `wayside spool verify` beside a plain read of the same
// files.
#include <fmt/format.h>
#include <poll.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "bench/cold_files.h"
#include "bench/measured_run.h"
#include "bench/opened_volume.h"
#include "bench/round.h"
#include "cli/args.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "common/rng.h"
#include "fleet/process.h"
#include "fleet/region.h"

namespace wayside::bench {
namespace {

constexpr double kGigabyte = 1e9;
constexpr double kMegabyte = 1e6;
constexpr int kPollMs = 5;
constexpr int kSayMs = 2000;
constexpr std::uint64_t kKillDelayMs = 40;  // from "all are near their bound" to the kill, at most
constexpr unsigned kReadThreads = 2;        // as many as verify uses
constexpr double kSpareShare = 1.1;

struct Options {
  std::string dir;
  std::int64_t rounds = 3;
  std::int64_t megabytes = 10'000;
  std::int64_t seed = 0;
  std::string maker;  // "", "stop", "kill": this process is the writer
};

class RecoveryBench {
 public:
  explicit RecoveryBench(const Options& options)
      : options_(options), rng_(static_cast<std::uint64_t>(options.seed)), disk_(os::make_posix_disk()) {}
  Result<void> run();
  void print() const;

 private:
  Result<void> prepare();
  Result<void> make(MakerEnd end);
  Result<void> watch(fleet::Process& maker, MakerEnd end);
  void say_progress(const char* doing, bool last);
  Result<void> open_round(MakerEnd end);
  Result<void> verify_round(std::int64_t round);
  Result<void> only_read(Result<PlainRead> (*read)(const std::string&, unsigned), unsigned threads,
                         const std::string& name);
  Result<void> verify();
  void note(const std::string& what, double value);
  [[nodiscard]] double middle(const std::string& what) const { return median(series_.at(what)); }
  void print_row(const char* what, const char* text) const;

  Options options_;
  SeededRng rng_;
  std::unique_ptr<Disk> disk_;
  EdgeFiles edge_;
  std::optional<MakerPage> page_;
  std::map<std::string, std::vector<double>> series_;
  std::uint64_t bytes_ = 0;
  std::uint64_t in_flight_ = 0;  // records that were appended and not synced, at all kills
};

std::string page_path(const std::string& dir) { return dir + "/maker.page"; }

Result<void> RecoveryBench::prepare() {
  const auto bytes = static_cast<std::uint64_t>(options_.megabytes) * static_cast<std::uint64_t>(kMegabyte);
  struct statvfs volume{};
  if (::statvfs(options_.dir.c_str(), &volume) != 0) return Error{Fault::not_found, options_.dir};
  const double free = static_cast<double>(volume.f_bavail) * static_cast<double>(volume.f_frsize);
  if (free < static_cast<double>(bytes) * kSpareShare) {
    return Error{Fault::no_space, fmt::format("{} has {:.1f} GB free, {:.1f} GB are needed", options_.dir,
                                              free / kGigabyte, static_cast<double>(bytes) * kSpareShare / kGigabyte)};
  }
  auto edge = make_edge_files(options_.dir, bytes);
  if (!edge) return std::move(edge).error();
  edge_ = std::move(edge).value();
  auto page = MakerPage::open(*disk_, page_path(options_.dir));
  if (!page) return std::move(page).error();
  page_ = std::move(page).value();
  return {};
}

void RecoveryBench::say_progress(const char* doing, bool last) {
  std::uint64_t bytes = 0;
  for (const Lane lane : kAllLanes) bytes += page_->bytes(lane).load();
  const bool terminal = isatty(STDERR_FILENO) == 1;
  fmt::print(stderr, "{}{}: {:.2f} of {:.2f} GB{}", terminal ? "\r" : "", doing, static_cast<double>(bytes) / kGigabyte,
             static_cast<double>(options_.megabytes) * kMegabyte / kGigabyte, terminal && !last ? "\x1b[K" : "\n");
}

Result<void> RecoveryBench::watch(fleet::Process& maker, MakerEnd end) {
  for (int waited = 0; maker.running(); waited += kPollMs) {
    if (end == MakerEnd::kill && page_->all_near_bound()) {
      poll(nullptr, 0, static_cast<int>(rng_.below(kKillDelayMs)));
      maker.kill_now();
      for (const Lane lane : kAllLanes) in_flight_ += page_->appended(lane).load() - page_->synced(lane).load();
      return {};
    }
    if (waited % kSayMs == 0) say_progress("written", false);
    poll(nullptr, 0, kPollMs);
  }
  if (end == MakerEnd::stop && maker.last_status() == 0) return {};
  return Error{Fault::internal, "the writer: " + fleet::describe_status(maker.last_status().value_or(0)) + ": " +
                                    fleet::log_tail(options_.dir + "/maker.log")};
}

// In a process of its own, so that what is killed is a process.
Result<void> RecoveryBench::make(MakerEnd end) {
  for (const Lane lane : kAllLanes) page_->near_bound(lane).store(0);
  const char* how = end == MakerEnd::stop ? "stop" : "kill";
  fleet::Process maker({"maker",
                        {fleet::own_bin_dir() + "/bench_recovery", "--dir", options_.dir, "--maker", how},
                        options_.dir + "/maker.log"});
  if (auto started = maker.start(); !started) return started;
  if (auto ended = watch(maker, end); !ended) return ended;
  say_progress("written", true);
  return drop_pages(edge_.custody.spool_root);
}

void RecoveryBench::note(const std::string& what, double value) {
  series_[what].push_back(value);
  fmt::print(stderr, "{} {:.3f}\n", what, value);
}

// What custody alone takes, then the whole broker; each opens what a writer of its own left.
Result<void> RecoveryBench::open_round(MakerEnd end) {
  const std::string name = end == MakerEnd::stop ? "clean_s" : "kill_s";
  if (auto made = make(end); !made) return made;
  auto custody = time_custody(edge_, *page_, end);
  if (!custody) return std::move(custody).error();
  note(name, *custody);
  if (auto made = make(end); !made) return made;
  auto broker = time_broker(edge_, fleet::own_bin_dir() + "/wayside-broker", options_.dir + "/broker.log");
  if (!broker) return std::move(broker).error();
  note("broker_" + name, *broker);
  return {};
}

Result<void> RecoveryBench::only_read(Result<PlainRead> (*read)(const std::string&, unsigned), unsigned threads,
                                      const std::string& name) {
  if (auto dropped = drop_pages(edge_.custody.spool_root); !dropped) return dropped;
  auto done = read(edge_.custody.spool_root, threads);
  if (!done) return std::move(done).error();
  bytes_ = done->bytes;
  note(name, static_cast<double>(done->bytes) / kMegabyte / done->seconds);
  return {};
}

Result<void> RecoveryBench::verify() {
  if (auto dropped = drop_pages(edge_.custody.spool_root); !dropped) return dropped;
  auto ran = run_measured({fleet::own_bin_dir() + "/wayside", "spool", "verify", edge_.custody.spool_root},
                          options_.dir + "/verify.log");
  if (!ran) return std::move(ran).error();
  note("verify_mb_s", static_cast<double>(bytes_) / kMegabyte / ran->seconds);
  note("verify_cpu_s", ran->cpu_seconds);
  note("verify_rss_mb", static_cast<double>(ran->memory_bytes_max) / kMegabyte);
  return {};
}

// Who goes first changes every round.
Result<void> RecoveryBench::verify_round(std::int64_t round) {
  if (auto done = only_read(read_plainly, 1, "disk_read_1_mb_s"); !done) return done;
  for (const std::int64_t place : {0, 1, 2}) {
    const std::int64_t turn = (place + round) % 3;
    auto done = turn == 0   ? verify()
                : turn == 1 ? only_read(read_plainly, kReadThreads, "disk_read_mb_s")
                            : only_read(read_ahead, kReadThreads, "disk_read_ahead_mb_s");
    if (!done) return done;
  }
  note("verify_of_disk", series_["verify_mb_s"].back() / series_["disk_read_mb_s"].back());
  note("verify_of_read_ahead", series_["verify_mb_s"].back() / series_["disk_read_ahead_mb_s"].back());
  return {};
}

Result<void> RecoveryBench::run() {
  if (auto prepared = prepare(); !prepared) return prepared;
  if (auto filled = make(MakerEnd::stop); !filled) return filled;
  for (std::int64_t round = 1; round <= options_.rounds; ++round) {
    for (const MakerEnd end : {MakerEnd::stop, MakerEnd::kill}) {
      if (auto done = open_round(end); !done) return std::move(done).error().with(fmt::format("round {}", round));
    }
  }
  for (std::int64_t round = 1; round <= options_.rounds; ++round) {
    if (auto done = verify_round(round); !done) return done;
  }
  return {};
}

void RecoveryBench::print_row(const char* what, const char* text) const {
  auto all = series_.at(what);
  std::sort(all.begin(), all.end());
  fmt::print("{:20} {:>10.3f} {:>10.3f} {:>10.3f}   {}\n", what, median(all), all.front(), all.back(), text);
}

void RecoveryBench::print() const {
  fmt::print("{:.2f} GB in five lanes at their bounds, segments of {} MiB, pages dropped before each; {} rounds\n",
             static_cast<double>(bytes_) / kGigabyte, edge_.custody.segment_bytes_max >> 20U, options_.rounds);
  fmt::print("{:20} {:>10} {:>10} {:>10}\n", "", "median", "min", "max");
  print_row("clean_s", "custody open after a clean stop, ledger checked");
  print_row("kill_s", "the same after kill -9 of the writer");
  print_row("broker_clean_s", "exec of wayside-broker until it serves");
  print_row("broker_kill_s", "the same after kill -9");
  print_row("disk_read_1_mb_s", "the segments read plainly, one thread");
  print_row("disk_read_mb_s", "two threads, as many as verify has");
  print_row("disk_read_ahead_mb_s", "past the page cache and ahead, as verify reads");
  print_row("verify_mb_s", "wayside spool verify");
  print_row("verify_of_disk", "of the plain read of the same round, two threads");
  print_row("verify_of_read_ahead", "of the read past the page cache");
  fmt::print(R"({{"bench":"recovery","rounds":{},"bytes":{},"seed":{},"in_flight_at_kills":{})", options_.rounds,
             bytes_, options_.seed, in_flight_);
  for (const auto& [what, values] : series_) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    fmt::print(R"(,"{0}":{1:.4f},"{0}_min":{2:.4f},"{0}_max":{3:.4f})", what, median(values), *least, *most);
  }
  fmt::print("}}\n");
}

int be_maker(const Options& options) {
  const auto disk = os::make_posix_disk();
  auto edge = open_edge_files(options.dir);
  auto page = MakerPage::open(*disk, page_path(options.dir));
  if (!edge || !page) return cli::fail(cli::kUsage, options.dir + " is no folder of this benchmark");
  const auto made = make_lanes(*disk, edge->custody, *page, options.maker == "kill" ? MakerEnd::kill : MakerEnd::stop);
  return made ? cli::kYes : cli::fail(cli::kNo, made.error().what);
}

}  // namespace
}  // namespace wayside::bench

int main(int argc, char** argv) {
  using namespace wayside;
  bench::Options options;
  const cli::Spec spec{
      "bench_recovery",
      "Opens a full spool with cold pages after a clean stop and after kill -9, and verifies it.",
      {{"--dir", &options.dir, "folder of the run, on the disk to be measured", true},
       {"--rounds", &options.rounds, "rounds of each", false, 1, 100},
       {"--megabytes", &options.megabytes, "of the spool", false, 3000, 1'000'000},
       {"--seed", &options.seed, "seed of the moments of the kills; 0: a new one", false, 0, INT64_MAX},
       {"--maker", &options.maker, "this process writes the spool (stop or kill): for the benchmark"}},
      "The last line is one JSON object of medians."};
  if (const auto exit = cli::parse(spec, {argv + 1, argv + argc})) return *exit;
  if (!options.maker.empty()) return bench::be_maker(options);
  if (options.seed == 0) options.seed = static_cast<std::int64_t>(os::random_seed() >> 1U);
  bench::RecoveryBench bench(options);
  if (auto ran = bench.run(); !ran) {
    std::fprintf(stderr, "error: %s\nseed %lld\n", ran.error().what.c_str(), static_cast<long long>(options.seed));
    return cli::kNo;
  }
  bench.print();
  return cli::kYes;
}
