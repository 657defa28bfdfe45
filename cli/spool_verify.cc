#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <thread>

#include "cli/commands.h"
#include "cli/spool.h"
#include "common/os/ahead_disk.h"
#include "schemas/json/writer.h"
#include "schemas/record.h"
#include "spool/dry_disk.h"
#include "spool/inspect.h"
#include "spool/segment_file.h"

namespace wayside::cli {
namespace {

constexpr std::size_t kNamedMax = 100'000;  // offsets whose vehicle is kept

struct VerifyCommand {
  std::string dir;
  std::string lane;
  std::string region_key;
  std::int64_t threads = 2;
  bool json = false;
};

// Who is named in what is gone: vehicle by offset, as far as the damaged bytes still tell.
using Gone = std::map<Offset, std::string>;

void keep(Gone& gone, const spool::Salvage& found) {
  const auto record = schemas::decode_record(found.body);
  if (record && gone.size() < kNamedMax) gone.emplace(found.offset, std::string(record->vehicle));
}

std::set<std::string> vehicles_in(const Gone& gone, const spool::Damage& damage) {
  std::set<std::string> vehicles;
  const auto end = gone.lower_bound(damage.end);
  for (auto at = gone.lower_bound(damage.first); at != end; ++at) vehicles.insert(at->second);
  return vehicles;
}

struct LaneReport {
  Lane lane{};
  spool::LaneVerdict verdict;
  Gone gone;
};

// What has been read of all lanes, on a terminal.
// Thread  any.
class Progress {
 public:
  void expect(std::uint64_t bytes) { expected_ += bytes; }
  void at(Lane lane, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    read_[index_of(lane)] = bytes;
    if (!terminal_) return;
    const std::uint64_t all = std::accumulate(read_.begin(), read_.end(), std::uint64_t{0});
    std::fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " MiB read\x1b[K", all >> 20U, expected_ >> 20U);
  }
  void end() const {
    if (terminal_) std::fprintf(stderr, "\r\x1b[K");
  }

 private:
  const bool terminal_ = isatty(STDERR_FILENO) == 1;
  std::uint64_t expected_ = 0;
  std::mutex mutex_;
  std::array<std::uint64_t, kLanes> read_{};
};

Result<LaneReport> verify_one(SpoolView& view, Lane lane, Progress& progress) {
  LaneReport report;
  report.lane = lane;
  spool::VerifyOptions options;
  options.on_salvage = [&report](const spool::Salvage& found) { keep(report.gone, found); };
  options.on_progress = [lane, &progress](std::uint64_t bytes) { progress.at(lane, bytes); };
  os::AheadDisk ahead(view.real());  // one thread's, as the next one
  spool::DryDisk disk(ahead);
  auto verdict = spool::verify_lane(disk, view.lane_dir(lane), view.identity(lane), options);
  if (!verdict) return std::move(verdict).error().with(std::string("lane ") + to_string(lane));
  report.verdict = std::move(verdict).value();
  return report;
}

Result<std::uint64_t> bytes_of(SpoolView& view, Lane lane) {
  auto bases = spool::list_segments(view.disk(), view.lane_dir(lane));
  if (!bases) return std::move(bases).error();
  std::uint64_t bytes = 0;
  for (const Offset base : *bases) {
    auto file = view.disk().open(spool::segment_path(view.lane_dir(lane), base), OpenMode::read);
    if (!file) continue;  // released meanwhile, or gone: verify says which
    auto size = (*file)->size();
    if (!size) return std::move(size).error();
    bytes += *size;
  }
  return bytes;
}

// The longest lane is begun first, so that its end is not waited for alone.
Result<std::vector<std::size_t>> longest_first(SpoolView& view, const std::vector<Lane>& lanes, Progress& progress) {
  std::vector<std::pair<std::uint64_t, std::size_t>> sizes;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    auto bytes = bytes_of(view, lanes[i]);
    if (!bytes) return std::move(bytes).error();
    progress.expect(*bytes);
    sizes.emplace_back(*bytes, i);
  }
  std::sort(sizes.rbegin(), sizes.rend());
  std::vector<std::size_t> order;
  order.reserve(sizes.size());
  for (const auto& [bytes, index] : sizes) order.push_back(index);
  return order;
}

// One report a lane, in their order; lanes are read side by side.
Result<std::vector<LaneReport>> verify_all(SpoolView& view, const std::vector<Lane>& lanes, std::size_t threads) {
  Progress progress;
  auto order = longest_first(view, lanes, progress);
  if (!order) return std::move(order).error();
  std::vector<std::optional<Result<LaneReport>>> results(lanes.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < order->size(); i = next++) {
      const std::size_t lane = (*order)[i];
      results[lane] = verify_one(view, lanes[lane], progress);
    }
  };
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < std::min(threads, lanes.size()); ++i) workers.emplace_back(work);
  for (auto& worker : workers) worker.join();
  progress.end();
  std::vector<LaneReport> reports;
  for (auto& result : results) {
    if (!*result) return std::move(*result).error();
    reports.push_back(std::move(*result).value());
  }
  return reports;
}

void print_vehicles(const std::set<std::string>& vehicles, const VehicleNames* names) {
  std::printf("      %zu vehicles can still be told%s", vehicles.size(),
              names != nullptr && !vehicles.empty() ? ":" : "");
  if (names != nullptr) {
    for (const auto& vehicle : vehicles) std::printf(" %s", names->name(vehicle).c_str());
  }
  std::printf("\n");
}

void print_damage(const spool::Damage& damage, const Gone& gone, const VehicleNames* names) {
  std::printf("  %s: %s\n      in %" PRIu64 " bytes at %" PRIu64, damage.path.c_str(), damage.what.c_str(),
              damage.bytes, damage.at);
  if (damage.first == damage.end) {
    std::printf(", no offset is gone\n");
    return;
  }
  std::printf(", offsets %" PRIu64 " to %" PRIu64 " are gone (%" PRIu64 "), between %s and %s\n", damage.first.value,
              damage.end.value - 1, damage.end - damage.first, time_text(damage.after).c_str(),
              time_text(damage.before).c_str());
  print_vehicles(vehicles_in(gone, damage), names);
}

void print_text(const LaneReport& report, const VehicleNames* names) {
  const auto& verdict = report.verdict;
  std::printf("%-8s %" PRIu64 " to %" PRIu64 ": %" PRIu64 " records intact, %" PRIu64 " lost, %" PRIu64
              " segments, %" PRIu64 " bytes, chain digest %s: %s\n",
              to_string(report.lane), verdict.oldest.value, verdict.synced.value, verdict.records, verdict.lost,
              verdict.segments, verdict.bytes, to_string(verdict.digest).c_str(),
              verdict.intact() ? "intact" : "DAMAGED");
  for (const auto& damage : verdict.damages) print_damage(damage, report.gone, names);
  if (verdict.damages_left_out > 0) std::printf("  and %" PRIu64 " more\n", verdict.damages_left_out);
}

void write_damage(schemas::JsonWriter& json, const spool::Damage& damage, const Gone& gone, const VehicleNames* names) {
  json.begin_object().key("path").text(damage.path).key("what").text(damage.what);
  json.key("at").uint64(damage.at).key("bytes").uint64(damage.bytes);
  json.key("first").uint64(damage.first.value).key("end").uint64(damage.end.value);
  if (damage.after) json.key("after").time(*damage.after);
  if (damage.before) json.key("before").time(*damage.before);
  const auto vehicles = vehicles_in(gone, damage);
  json.key("vehicles").uint64(vehicles.size());
  if (names != nullptr) {
    json.key("tags").begin_array();
    for (const auto& vehicle : vehicles) json.text(names->name(vehicle));
    json.end_array();
  }
  json.end_object();
}

void write_lane(schemas::JsonWriter& json, const LaneReport& report, const VehicleNames* names) {
  const auto& verdict = report.verdict;
  json.begin_object().key("lane").text(to_string(report.lane)).key("intact").boolean(verdict.intact());
  json.key("oldest").uint64(verdict.oldest.value).key("synced").uint64(verdict.synced.value);
  json.key("settled").uint64(verdict.settled.value).key("segments").uint64(verdict.segments);
  json.key("records").uint64(verdict.records).key("lost").uint64(verdict.lost).key("bytes").uint64(verdict.bytes);
  json.key("digest").text(to_string(verdict.digest)).key("damages").begin_array();
  for (const auto& damage : verdict.damages) write_damage(json, damage, report.gone, names);
  json.end_array().key("damages_left_out").uint64(verdict.damages_left_out).end_object();
}

int verify(SpoolView& view, const std::vector<Lane>& lanes, const VehicleNames* names, const VerifyCommand& command) {
  const auto reports = verify_all(view, lanes, static_cast<std::size_t>(command.threads));
  if (!reports) return fail(kNo, reports.error().what);
  std::string text;
  schemas::JsonWriter writer(text);
  writer.begin_object().key("spool").text(to_string(view.volume().uuid)).key("lanes").begin_array();
  bool intact = true;
  for (const LaneReport& report : *reports) {
    intact = intact && report.verdict.intact();
    if (command.json) write_lane(writer, report, names);
    if (!command.json) print_text(report, names);
  }
  writer.end_array().key("intact").boolean(intact).end_object();
  std::printf("%s\n", command.json ? text.c_str() : intact ? "intact" : "damage was found");
  return intact ? kYes : kNo;
}

}  // namespace

int run_spool_verify(const Args& args) {
  VerifyCommand command;
  const Spec spec{"wayside spool verify",
                  "Reads every segment and record up to the head: checksums, chain digest, footers, settlement log, "
                  "pages. Says which offsets, bytes, times and vehicles are gone. Exit 0 intact, 1 damage found.",
                  {{"DIR", &command.dir, "the spool, or the state folder that holds it", true},
                   {"--lane", &command.lane, "this lane alone"},
                   {"--region-key", &command.region_key,
                    "file of the region's key: vehicles by the tags of the logs; "
                    "without it they are counted"},
                   {"--threads", &command.threads, "lanes that are read at a time", false, 1, kLanes},
                   {"--json", &command.json, "one JSON object instead of text"}},
                  "Vehicles are read from damaged bytes: most likely, not proven. Works beside running processes."};
  if (const auto exit = parse(spec, args)) return *exit;
  const auto lanes = lanes_of(command.lane);
  if (!lanes) return fail(kUsage, "no lane is called '" + command.lane + "'");
  const auto names = VehicleNames::open(command.region_key, false);
  if (!names) return fail(kUsage, names.error().what);
  auto view = SpoolView::open(command.dir);
  if (!view) return fail(kUsage, view.error().what);
  return verify(*view, *lanes, command.region_key.empty() ? nullptr : &*names, command);
}

}  // namespace wayside::cli
