#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "cli/commands.h"
#include "cli/spool.h"
#include "fleet/region.h"
#include "schemas/json/writer.h"
#include "spool/inspect.h"

namespace wayside::cli {
namespace {

// What would be shipped: from what the core was last known to have up to what recovery would keep.
int say_what(const std::string& dir, bool json) {
  auto view = SpoolView::open(dir);
  if (!view) return fail(kUsage, view.error().what);
  std::string text;
  schemas::JsonWriter writer(text);
  writer.begin_object().key("spool").text(to_string(view->volume().uuid)).key("lanes").begin_array();
  for (const Lane lane : kAllLanes) {
    const auto run = spool::dry_recover(view->real(), view->lane_dir(lane), view->identity(lane));
    if (!run) return fail(kNo, run.error().what);
    const auto settled = spool::read_settled(view->real(), view->lane_dir(lane), view->volume().uuid, lane);
    if (!settled) return fail(kNo, settled.error().what);
    const std::uint64_t received = run->recovery.synced.value;
    const std::uint64_t pending = received - std::min(received, settled->next.value);
    writer.begin_object().key("lane").text(to_string(lane)).key("received").uint64(received);
    writer.key("settled").uint64(settled->next.value).key("pending").uint64(pending).end_object();
    if (!json) {
      std::printf("%-8s received %" PRIu64 ", settled %" PRIu64 ": would ship %" PRIu64 "\n", to_string(lane), received,
                  settled->next.value, pending);
    }
  }
  writer.end_array().end_object();
  if (json) std::printf("%s\n", text.c_str());
  return kYes;
}

// The link is the bridge's: it takes over this process, its exit status and its last line are ours.
int become_bridge(const Args& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execv(words.front().c_str(), argv.data());
  return fail(kNo, words.front() + ": " + std::strerror(errno));
}

}  // namespace

int run_spool_adopt(const Args& args) {
  std::string dir;
  std::string config;
  std::int64_t timeout_s = 0;
  bool dry_run = false;
  bool json = false;
  const Spec spec{
      "wayside spool adopt",
      "Ships what the volume of an edge that is no more still holds, under the volume's own uuid, to the core of "
      "another "
      "edge, and binds the uuid to that edge. Both locks of the volume are held meanwhile, and the bridge of the "
      "adopting edge must be stopped; its broker goes on. Can be stopped and run again at any time.",
      {{"DIR", &dir, "the spool, or the state folder that holds it", true},
       {"--config", &config, "configuration of wayside-bridge edge of the adopting edge"},
       {"--timeout", &timeout_s, "seconds after which to give up; 0: never", false, 0, 604'800},
       {"--dry-run", &dry_run, "says what would be shipped; reads only"},
       {"--json", &json, "with --dry-run: one JSON object instead of text"}},
      "The core must name the adopting edge's `adopts`. The last line is one JSON object with the volume's ledger. "
      "Exit 0 all is settled, 3 the core was not reached, 4 the core refuses it, a lane is FORKED or the volume is in "
      "use, 5 timeout."};
  if (const auto exit = parse(spec, args)) return *exit;
  if (dry_run) return say_what(dir, json);
  if (config.empty()) return fail(kUsage, "--config is needed: which edge adopts?");
  return become_bridge({fleet::own_bin_dir() + "/wayside-bridge", "adopt", "--config", config, "--set",
                        "adopt.spool=" + dir, "--set", "adopt.timeout_s=" + std::to_string(timeout_s)});
}

}  // namespace wayside::cli
