#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <map>
#include <set>

#include "cli/commands.h"
#include "cli/spool.h"
#include "schemas/json/writer.h"
#include "schemas/record.h"
#include "spool/inspect.h"

namespace wayside::cli {
namespace {

constexpr std::size_t kNamedMax = 100'000;  // offsets whose vehicle is kept

struct VerifyCommand {
  std::string dir;
  std::string lane;
  std::string region_key;
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

Result<LaneReport> verify_one(SpoolView& view, Lane lane, bool terminal) {
  LaneReport report;
  report.lane = lane;
  spool::VerifyOptions options;
  options.on_salvage = [&report](const spool::Salvage& found) { keep(report.gone, found); };
  if (terminal) {
    options.on_progress = [lane](std::uint64_t bytes) {
      std::fprintf(stderr, "\r%s: %" PRIu64 " MiB read", to_string(lane), bytes >> 20U);
    };
  }
  auto verdict = spool::verify_lane(view.disk(), view.lane_dir(lane), view.identity(lane), options);
  if (terminal) std::fprintf(stderr, "\r\x1b[K");
  if (!verdict) return std::move(verdict).error();
  report.verdict = std::move(verdict).value();
  return report;
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

int verify(SpoolView& view, const std::vector<Lane>& lanes, const VehicleNames* names, bool json) {
  std::string text;
  schemas::JsonWriter writer(text);
  writer.begin_object().key("spool").text(to_string(view.volume().uuid)).key("lanes").begin_array();
  bool intact = true;
  for (const Lane lane : lanes) {
    const auto report = verify_one(view, lane, isatty(STDERR_FILENO) == 1);
    if (!report) return fail(kNo, std::string("lane ") + to_string(lane) + ": " + report.error().what);
    intact = intact && report->verdict.intact();
    if (json) write_lane(writer, *report, names);
    if (!json) print_text(*report, names);
  }
  writer.end_array().key("intact").boolean(intact).end_object();
  std::printf("%s\n", json ? text.c_str() : intact ? "intact" : "damage was found");
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
                   {"--json", &command.json, "one JSON object instead of text"}},
                  "Vehicles are read from damaged bytes: most likely, not proven. Works beside running processes."};
  if (const auto exit = parse(spec, args)) return *exit;
  const auto lanes = lanes_of(command.lane);
  if (!lanes) return fail(kUsage, "no lane is called '" + command.lane + "'");
  const auto names = VehicleNames::open(command.region_key, false);
  if (!names) return fail(kUsage, names.error().what);
  auto view = SpoolView::open(command.dir);
  if (!view) return fail(kUsage, view.error().what);
  return verify(*view, *lanes, command.region_key.empty() ? nullptr : &*names, command.json);
}

}  // namespace wayside::cli
