#include <cinttypes>
#include <cstdio>

#include "cli/commands.h"
#include "cli/spool.h"
#include "schemas/json/writer.h"
#include "spool/inspect.h"

namespace wayside::cli {
namespace {

void print_text(Lane lane, const spool::DryRun& run) {
  const auto& found = run.recovery;
  std::printf("%-8s head %" PRIu64 ", %" PRIu64 " segments: torn %" PRIu64 " bytes, lost %" PRIu64
              " offsets, tail_unknown %" PRIu64 "%s\n",
              to_string(lane), found.synced.value, found.segments, found.torn_bytes, found.lost, found.tail_unknown,
              run.moving ? " (a writer is at work: this is one moment of it)" : "");
  for (const auto& sentence : found.sentences) std::printf("  %s\n", sentence.c_str());
  for (const auto& change : run.changes) std::printf("  would %s\n", change.c_str());
}

void write_texts(schemas::JsonWriter& json, const char* key, const std::vector<std::string>& texts) {
  json.key(key).begin_array();
  for (const auto& text : texts) json.text(text);
  json.end_array();
}

void write_lane(schemas::JsonWriter& json, Lane lane, const spool::DryRun& run) {
  const auto& found = run.recovery;
  json.begin_object().key("lane").text(to_string(lane)).key("head").uint64(found.synced.value);
  json.key("segments").uint64(found.segments).key("torn_bytes").uint64(found.torn_bytes);
  json.key("lost").uint64(found.lost).key("tail_unknown").uint64(found.tail_unknown);
  json.key("moving").boolean(run.moving);
  write_texts(json, "sentences", found.sentences);
  write_texts(json, "changes", run.changes);
  json.end_object();
}

}  // namespace

int run_spool_repair(const Args& args) {
  std::string dir;
  std::string lane;
  bool dry_run = false;
  bool json = false;
  const Spec spec{"wayside spool repair",
                  "Says what recovery would do if the volume were opened now: the torn tail it would cut, rot, lost "
                  "offsets, a tail it cannot judge. Reads only, takes no lock, works beside the running processes. "
                  "Exit 1 when offsets would be lost or the tail cannot be judged.",
                  {{"DIR", &dir, "the spool, or the state folder that holds it", true},
                   {"--dry-run", &dry_run, "required: the repair itself is made by whoever opens the volume"},
                   {"--lane", &lane, "this lane alone"},
                   {"--json", &json, "one JSON object instead of text"}},
                  "Only the last segment of a lane is read, as at an open; `wayside spool verify` reads everything."};
  if (const auto exit = parse(spec, args)) return *exit;
  if (!dry_run) return fail(kUsage, "only --dry-run: the broker and the core repair their own volume at open");
  const auto lanes = lanes_of(lane);
  if (!lanes) return fail(kUsage, "no lane is called '" + lane + "'");
  auto view = SpoolView::open(dir);
  if (!view) return fail(kUsage, view.error().what);
  std::string text;
  schemas::JsonWriter writer(text);
  writer.begin_object().key("spool").text(to_string(view->volume().uuid)).key("lanes").begin_array();
  bool harmless = true;
  for (const Lane one : *lanes) {
    const auto run = spool::dry_recover(view->real(), view->lane_dir(one), view->identity(one));
    if (!run) return fail(kNo, run.error().what);
    harmless = harmless && run->recovery.lost == 0 && run->recovery.tail_unknown == 0;
    if (json) write_lane(writer, one, *run);
    if (!json) print_text(one, *run);
  }
  writer.end_array().end_object();
  if (json) std::printf("%s\n", text.c_str());
  return harmless ? kYes : kNo;
}

}  // namespace wayside::cli
