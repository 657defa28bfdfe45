#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "cli/commands.h"
#include "cli/spool.h"
#include "schemas/json/json.h"
#include "schemas/record.h"
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

std::string payload_json(const schemas::RecordView& record, const VehicleNames& names) {
  const auto json = schemas::to_json(record.payload);
  if (json) return names.replace_in(*json, record.vehicle);
  return "";
}

void write_header(schemas::JsonWriter& json, const schemas::RecordView& record, const VehicleNames& names) {
  json.key("vehicle").text(names.name(record.vehicle));
  json.key("topic").text(names.replace_in(std::string(record.topic), record.vehicle));
  json.key("received_at").time(record.source_time).key("epoch").uint64(record.epoch);
  json.key("tenant").text(record.tenant);
  if (!record.cohort.empty()) json.key("cohort").text(record.cohort);
  if (record.sequence != 0) json.key("sequence").uint64(record.sequence);
  if (!record.mid.empty()) json.key("mid").text(names.replace_in(std::string(record.mid), record.vehicle));
  if (!record.qos2_session.empty()) {
    json.key("qos2_session").text(names.replace_in(std::string(record.qos2_session), record.vehicle));
    json.key("packet_id").small(record.packet_id);
  }
  json.key("signal_batch").boolean(record.signal_batch).key("payload_bytes").uint64(record.payload.size());
}

std::string record_json(const spool::ReadRecord& read, const DumpOptions& options, const VehicleNames& names) {
  std::string text;
  schemas::JsonWriter json(text);
  json.begin_object().key("offset").uint64(read.offset.value);
  if (read.lost) {
    json.key("lost").boolean(true).end_object();
    return text;
  }
  json.key("time").time(read.time).key("bytes").uint64(read.body.size());
  const auto record = schemas::decode_record(read.body);
  if (record) {
    write_header(json, *record, names);
    const std::string payload = options.payload ? payload_json(*record, names) : "";
    if (!payload.empty()) json.key("payload").raw(payload);
  } else {
    json.key("undecoded").text(record.error().what);
  }
  json.end_object();
  return text;
}

void print_text(const spool::ReadRecord& read, const DumpOptions& options, const VehicleNames& names) {
  if (read.lost) {
    std::printf("%12" PRIu64 "  lost\n", read.offset.value);
    return;
  }
  std::printf("%12" PRIu64 "  %s  ", read.offset.value, time_text(read.time).c_str());
  const auto record = schemas::decode_record(read.body);
  if (!record) {
    std::printf("%zu bytes, not a custody record: %s\n", read.body.size(), record.error().what.c_str());
    return;
  }
  std::printf("%-14s  %s  sequence %" PRIu64 "  epoch %" PRIu64 "  %zu bytes\n", names.name(record->vehicle).c_str(),
              names.replace_in(std::string(record->topic), record->vehicle).c_str(), record->sequence, record->epoch,
              record->payload.size());
  const std::string payload = options.payload ? payload_json(*record, names) : "";
  if (!payload.empty()) std::printf("%14s%s\n", "", payload.c_str());
}

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
  const auto count = options.count == 0 ? UINT64_MAX : static_cast<std::uint64_t>(options.count);
  for (std::uint64_t left = count; at < synced && left > 0;) {
    auto some = (*reader)->read(at, static_cast<std::size_t>(std::min<std::uint64_t>(left, kReadRecords)), kReadBytes);
    if (!some) return fail(kNo, some.error().what);
    for (const auto& read : *some) {
      if (options.json) {
        std::printf("%s\n", record_json(read, options, names).c_str());
      } else {
        print_text(read, options, names);
      }
      at = read.offset + 1;
      --left;
    }
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
