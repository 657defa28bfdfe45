#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/spool.h"
#include "schemas/json/writer.h"
#include "spool/inspect.h"
#include "spool/settlement.h"

namespace wayside::cli {
namespace {

struct LaneListing {
  Lane lane{};
  Offset settled{};
  Offset synced{};
  std::vector<spool::SegmentInfo> segments;
};

Result<LaneListing> list_one(SpoolView& view, Lane lane) {
  LaneListing listing;
  listing.lane = lane;
  const auto settled = spool::read_settled(view.disk(), view.lane_dir(lane), view.volume().uuid, lane);
  if (!settled) return settled.error();
  listing.settled = settled->next;
  auto page = spool::SyncedPage::open(view.disk(), view.lane_dir(lane));
  if (!page) return std::move(page).error();
  listing.synced = page->load();
  auto segments = spool::list_lane(view.disk(), view.lane_dir(lane), view.identity(lane));
  if (!segments) return std::move(segments).error();
  listing.segments = std::move(segments).value();
  return listing;
}

const char* state_of(const spool::SegmentInfo& segment) {
  if (!segment.header_intact) return "damaged header";
  return segment.sealed ? "sealed" : "open";
}

void add_text(const LaneListing& listing, std::string& out) {
  std::uint64_t bytes = 0;
  for (const auto& segment : listing.segments) bytes += segment.bytes;
  out += fmt::format("{:8} settled {}, synced {}, {} segments, {} bytes\n", to_string(listing.lane),
                     listing.settled.value, listing.synced.value, listing.segments.size(), bytes);
  for (const auto& segment : listing.segments) {
    out += fmt::format("  {:>20} to {:<20} {:>12} bytes  {:7} {} to {}\n", segment.base.value, segment.end.value,
                       segment.bytes, state_of(segment), time_text(segment.first), time_text(segment.last));
  }
}

void write_time(schemas::JsonWriter& json, const char* key, const std::optional<WallMs>& time) {
  if (time) json.key(key).time(*time);
}

void write_lane(schemas::JsonWriter& json, const LaneListing& listing) {
  json.begin_object().key("lane").text(to_string(listing.lane));
  json.key("settled").uint64(listing.settled.value).key("synced").uint64(listing.synced.value);
  json.key("segments").begin_array();
  for (const auto& segment : listing.segments) {
    json.begin_object().key("base").uint64(segment.base.value).key("end").uint64(segment.end.value);
    json.key("bytes").uint64(segment.bytes).key("sealed").boolean(segment.sealed);
    json.key("header_intact").boolean(segment.header_intact);
    write_time(json, "first", segment.first);
    write_time(json, "last", segment.last);
    json.end_object();
  }
  json.end_array().end_object();
}

Result<std::string> listing_text(SpoolView& view, const std::vector<Lane>& lanes) {
  std::string text = fmt::format("spool {}\n", to_string(view.volume().uuid));
  for (const Lane lane : lanes) {
    const auto listing = list_one(view, lane);
    if (!listing) return listing.error();
    add_text(*listing, text);
  }
  return text;
}

}  // namespace

Result<std::string> spool_listing_json(SpoolView& view, const std::vector<Lane>& lanes) {
  std::string text;
  schemas::JsonWriter writer(text);
  writer.begin_object().key("spool").text(to_string(view.volume().uuid)).key("lanes").begin_array();
  for (const Lane lane : lanes) {
    const auto listing = list_one(view, lane);
    if (!listing) return listing.error();
    write_lane(writer, *listing);
  }
  writer.end_array().end_object();
  return text + "\n";
}

int run_spool_ls(const Args& args) {
  std::string dir;
  std::string lane;
  bool json = false;
  const Spec spec{
      "wayside spool ls",
      "Lists lanes and their segments: offsets from base up to (not including) end, bytes of the file, sealed "
      "or open, commit times of the first and the last group. Records are not read.",
      {{"DIR", &dir, "the spool, or the state folder that holds it", true},
       {"--lane", &lane, "this lane alone"},
       {"--json", &json, "one JSON object instead of text"}},
      ""};
  if (const auto exit = parse(spec, args)) return *exit;
  const auto lanes = lanes_of(lane);
  if (!lanes) return fail(kUsage, "no lane is called '" + lane + "'");
  auto view = SpoolView::open(dir);
  if (!view) return fail(kUsage, view.error().what);
  const auto text = json ? spool_listing_json(*view, *lanes) : listing_text(*view, *lanes);
  if (!text) return fail(kNo, text.error().what);
  std::printf("%s", text->c_str());
  return kYes;
}

}  // namespace wayside::cli
