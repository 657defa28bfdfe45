#include <algorithm>
#include <cstdio>

#include "cli/commands.h"
#include "cli/record_lines.h"
#include "cli/spool.h"
#include "spool/lane.h"

namespace wayside::cli {
namespace {

constexpr std::size_t kReadRecords = 256;
constexpr std::uint64_t kReadBytes = 1U << 20U;

struct DumpOptions {
  std::string dir;
  std::string lane;
  std::int64_t from = -1;
  std::int64_t count = 0;
  bool json = false;
  bool payload = false;
  bool show_vehicles = false;
  std::string region_key;
};

int dump(SpoolView& view, Lane lane, const DumpOptions& options, const VehicleNames& names) {
  auto reader = spool::LaneReader::open(view.disk(), view.lane_dir(lane), view.volume().uuid, lane);
  if (!reader) return fail(kNo, reader.error().what);
  const auto oldest = (*reader)->oldest();
  if (!oldest) return fail(kNo, oldest.error().what);
  const Offset synced = (*reader)->synced();
  Offset at = options.from < 0 ? *oldest : Offset{static_cast<std::uint64_t>(options.from)};
  if (at < *oldest) {
    return fail(kNo, "offset " + std::to_string(at.value) + " is no longer on disk: the oldest is " +
                         std::to_string(oldest->value));
  }
  RecordStyle style;
  style.payload = options.payload;
  const auto count = options.count == 0 ? UINT64_MAX : static_cast<std::uint64_t>(options.count);
  for (std::uint64_t left = count; at < synced && left > 0;) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(left, kReadRecords));
    const auto next = (*reader)->visit(at, most, kReadBytes, [&](const spool::RecordView& read) {
      const std::string line = options.json ? record_json(read, style, names) + "\n" : record_text(read, style, names);
      std::fwrite(line.data(), 1, line.size(), stdout);
    });
    if (!next) return fail(kNo, next.error().what);
    left -= *next - at;
    at = *next;
  }
  return kYes;
}

}  // namespace

int run_spool_dump(const Args& args) {
  DumpOptions options;
  const Spec spec{
      "wayside spool dump",
      "Prints the records of a lane, one a line. Vehicles appear as tags unless --show-vehicles is given.",
      {{"DIR", &options.dir, "the spool, or the state folder that holds it", true},
       {"--lane", &options.lane, "lane: command, ack, event, state or bulk", true},
       {"--from", &options.from, "first offset; default: the oldest on disk", false, 0, INT64_MAX},
       {"--count", &options.count, "records at most; default: all", false, 1, INT64_MAX},
       {"--json", &options.json, "one JSON object a record instead of text"},
       {"--payload", &options.payload, "the payload too, where it is a format of ours"},
       {"--show-vehicles", &options.show_vehicles, "vehicle ids in clear: not for output that is passed on"},
       {"--region-key", &options.region_key,
        "file of the region's key: tags are those of the logs; default: tags of this run alone"}},
      "Payloads hold what vehicles said, positions too."};
  if (const auto exit = parse(spec, args)) return *exit;
  const auto lanes = lanes_of(options.lane);
  if (!lanes || options.lane.empty()) return fail(kUsage, "no lane is called '" + options.lane + "'");
  const auto names = VehicleNames::open(options.region_key, options.show_vehicles);
  if (!names) return fail(kUsage, names.error().what);
  auto view = SpoolView::open(options.dir);
  if (!view) return fail(kUsage, view.error().what);
  return dump(*view, lanes->front(), options, *names);
}

}  // namespace wayside::cli
