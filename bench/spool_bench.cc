// bench_spool: durable appends in groups of 1, 16 and 256 records, and a sequential read, beside SQLite with a
// write-ahead log and synchronous=FULL: same records, a sync a group on both sides, interleaved rounds.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>

#include "bench/record_store.h"
#include "bench/round.h"
#include "cli/args.h"

namespace wayside::bench {
namespace {

constexpr std::size_t kRecordBytes = 200;
constexpr std::uint64_t kReadGroup = 256;
constexpr std::array<std::uint64_t, 3> kGroups = {1, 16, 256};

struct Options {
  std::string dir;
  std::int64_t rounds = 7;
  std::int64_t milliseconds = 1000;
  std::int64_t read_records = 256'000;
};

constexpr std::array<const char*, 5> kFigures = {"append_1", "append_16", "append_256", "read", "read_cpu"};

using Open = Result<std::unique_ptr<RecordStore>> (*)(const std::string& dir);
struct Peer {
  const char* name;
  Open open;
};
constexpr std::array<Peer, 2> kPeers = {{{"spool", open_spool_store}, {"sqlite", open_sqlite_store}}};

// Records a second, one figure a round, of both peers.
using Series = std::array<std::vector<double>, 2>;

// Of this thread: a read of cached files is CPU alone, and on a busy machine its wall time tells of the neighbours.
double cpu_seconds_now() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class SpoolBench {
 public:
  explicit SpoolBench(const Options& options) : options_(options) {
    for (std::size_t i = 0; i < body_.size(); ++i) body_[i] = static_cast<std::uint8_t>(i * 37 + 11);
  }
  Result<void> run();
  void print() const;

 private:
  Result<void> append_round(std::int64_t round, std::uint64_t group);
  Result<double> append(std::size_t peer, std::uint64_t group);
  Result<void> fill();
  Result<void> read_round(std::int64_t round);
  [[nodiscard]] std::vector<double> ratios(const std::string& what) const;
  void print_row(const std::string& what) const;

  Options options_;
  Bytes body_ = Bytes(kRecordBytes);
  std::map<std::string, Series> series_;
  std::array<std::unique_ptr<RecordStore>, 2> filled_;
};

// A new store each time, so that no round inherits what another left.
Result<double> SpoolBench::append(std::size_t peer, std::uint64_t group) {
  const std::string dir = options_.dir + "/append";
  auto store = kPeers.at(peer).open(dir);
  if (!store) return std::move(store).error();
  const double limit = static_cast<double>(options_.milliseconds) / 1000;
  std::uint64_t records = 0;
  double elapsed = 0;
  const auto start = std::chrono::steady_clock::now();
  while ((elapsed = seconds_since(start)) < limit) {
    if (auto done = (*store)->append(body_, group); !done) return std::move(done).error();
    records += group;
  }
  auto sum = (*store)->read_all();
  if (!sum) return std::move(sum).error();
  if (sum->records != records) return Error{Fault::corrupt, "not every record is there", 0};
  store->reset();
  std::filesystem::remove_all(dir);
  return static_cast<double>(records) / elapsed;
}

// Who goes first changes every round, so that neither always has the quieter disk.
Result<void> SpoolBench::append_round(std::int64_t round, std::uint64_t group) {
  for (const std::size_t place : {0U, 1U}) {
    const std::size_t peer = (place + static_cast<std::size_t>(round)) % 2;
    auto rate = append(peer, group);
    if (!rate) return std::move(rate).error().with(kPeers.at(peer).name);
    series_[fmt::format("append_{}", group)].at(peer).push_back(*rate);
  }
  return {};
}

Result<void> SpoolBench::fill() {
  for (std::size_t peer = 0; peer < kPeers.size(); ++peer) {
    auto store = kPeers.at(peer).open(options_.dir + "/read-" + kPeers.at(peer).name);
    if (!store) return std::move(store).error();
    for (std::int64_t left = options_.read_records; left > 0; left -= kReadGroup) {
      if (auto done = (*store)->append(body_, kReadGroup); !done) return done;
    }
    filled_.at(peer) = std::move(store).value();
  }
  return {};
}

Result<void> SpoolBench::read_round(std::int64_t round) {
  std::array<ReadSum, 2> sums;
  for (const std::size_t place : {0U, 1U}) {
    const std::size_t peer = (place + static_cast<std::size_t>(round)) % 2;
    const double cpu_start = cpu_seconds_now();
    const auto start = std::chrono::steady_clock::now();
    auto sum = filled_.at(peer)->read_all();
    if (!sum) return std::move(sum).error().with(kPeers.at(peer).name);
    series_["read"].at(peer).push_back(static_cast<double>(sum->records) / seconds_since(start));
    series_["read_cpu"].at(peer).push_back(static_cast<double>(sum->records) / (cpu_seconds_now() - cpu_start));
    sums.at(peer) = *sum;
  }
  if (sums[0].records != sums[1].records || sums[0].bytes != sums[1].bytes || sums[0].sum != sums[1].sum) {
    return Error{Fault::corrupt, "the two did not read the same records", 0};
  }
  return {};
}

Result<void> SpoolBench::run() {
  if (auto filled = fill(); !filled) return filled;
  for (std::int64_t round = 1; round <= options_.rounds; ++round) {
    for (const std::uint64_t group : kGroups) {
      if (auto done = append_round(round, group); !done) return done;
    }
    if (auto done = read_round(round); !done) return done;
  }
  return {};
}

// Round by round, both of the same moment; sorted.
std::vector<double> SpoolBench::ratios(const std::string& what) const {
  const Series& series = series_.at(what);
  std::vector<double> out;
  for (std::size_t i = 0; i < series[0].size(); ++i) out.push_back(series[0][i] / series[1][i]);
  std::sort(out.begin(), out.end());
  return out;
}

void SpoolBench::print_row(const std::string& what) const {
  const Series& series = series_.at(what);
  const auto all = ratios(what);
  fmt::print("{:12} {:>12.0f} {:>12.0f} {:>8.2f} {:>8.2f} {:>8.2f}\n", what, median(series[0]), median(series[1]),
             median(all), all.front(), all.back());
}

void SpoolBench::print() const {
  fmt::print("{} rounds, records of {} bytes, medians. An append is durable: one sync a group on both sides.\n",
             options_.rounds, kRecordBytes);
  fmt::print("{:12} {:>12} {:>12} {:>8} {:>8} {:>8}\n", "records/s", "spool", "sqlite", "ratio", "min", "max");
  for (const char* what : kFigures) print_row(what);
  fmt::print(R"({{"bench":"spool","rounds":{},"milliseconds":{},"read_records":{})", options_.rounds,
             options_.milliseconds, options_.read_records);
  for (const char* what : kFigures) {
    const auto all = ratios(what);
    fmt::print(R"(,"{0}_ratio":{1:.3f},"{0}_ratio_min":{2:.3f},"{0}_ratio_max":{3:.3f})", what, median(all),
               all.front(), all.back());
  }
  fmt::print("}}\n");
}

}  // namespace
}  // namespace wayside::bench

int main(int argc, char** argv) {
  using namespace wayside;
  bench::Options options;
  const cli::Spec spec{"bench_spool",
                       "Appends and reads records, in a lane of the spool and in a table of SQLite, in turn.",
                       {{"--dir", &options.dir, "folder of the run, on the disk to be measured", true},
                        {"--rounds", &options.rounds, "rounds on each side", false, 1, 100},
                        {"--milliseconds", &options.milliseconds, "of appending, each time", false, 100, 60'000},
                        {"--read-records", &options.read_records, "records to read", false, 256, 100'000'000}},
                       "The last line is one JSON object of ratios; above 1 the spool is faster."};
  if (const auto exit = cli::parse(spec, {argv + 1, argv + argc})) return *exit;
  bench::SpoolBench bench(options);
  if (auto ran = bench.run(); !ran) {
    std::fprintf(stderr, "error: %s\n", ran.error().what.c_str());
    return cli::kNo;
  }
  bench.print();
  return cli::kYes;
}
