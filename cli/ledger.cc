#include "fleet/ledger.h"

#include <poll.h>

#include <cstdio>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/probe.h"
#include "cli/volume.h"

namespace wayside::cli {
namespace {

constexpr int kPublishedWithinMs = 3'000;
constexpr int kAskEveryMs = 200;

struct LedgerOptions {
  std::string dir;
  std::string core;
  std::string edge;
  bool json = false;
};

bool adds_up(const fleet::VolumeLedger& ledger) {
  for (const auto& lane : ledger.lanes) {
    if (lane.residual() != 0) return false;
  }
  return true;
}

Result<fleet::VolumeLedger> read_core(const LedgerOptions& options, const std::string& uuid) {
  const auto metrics = ask_http(options.core + "/" + kCoreBridgePorts, "/metrics");
  if (!metrics) return metrics.error();
  return fleet::core_ledger(*metrics, options.edge, uuid);
}

void print_core(const LedgerOptions& options, const fleet::VolumeLedger& core,
                const std::vector<std::string>& differences) {
  std::printf("the core's account of %s\n%s", options.edge.c_str(), fleet::ledger_text(core).c_str());
  for (const auto& difference : differences) std::printf("%s\n", difference.c_str());
  std::printf("%s\n", differences.empty() ? "edge and core are equal" : "edge and core differ");
}

int compare_with_core(const LedgerOptions& options, const fleet::VolumeLedger& edge) {
  auto core = read_core(options, edge.uuid);
  if (!core) return fail(kUnreachable, core.error().what);
  auto differences = fleet::compare_outcomes(edge, *core);
  // The core publishes its account about once a second: a difference counts when it stays.
  for (int waited_ms = 0; !differences.empty() && waited_ms < kPublishedWithinMs; waited_ms += kAskEveryMs) {
    poll(nullptr, 0, kAskEveryMs);
    core = read_core(options, edge.uuid);
    if (!core) return fail(kUnreachable, core.error().what);
    differences = fleet::compare_outcomes(edge, *core);
  }
  if (options.json) {
    std::printf(R"({"edge":%s,"core":%s,"equal":%s})"
                "\n",
                fleet::ledger_json(edge).c_str(), fleet::ledger_json(*core).c_str(),
                differences.empty() ? "true" : "false");
  } else {
    print_core(options, *core, differences);
  }
  return differences.empty() && adds_up(edge) ? kYes : kNo;
}

}  // namespace

int run_ledger(const Args& args) {
  LedgerOptions options;
  const Spec spec{"wayside ledger",
                  "Shows what became of every message of an edge's spool, from its files, which are only read: "
                  "received = delivered + "
                  "compacted + expired + lost + pending, lane by lane. Exit 0 when it adds up (and equals the core's), "
                  "1 when not, 3 when the core cannot be asked.",
                  {{"DIR", &options.dir, "the edge's spool or state folder", true},
                   {"--core", &options.core, "run folder of the core's bridge: compare with its account"},
                   {"--edge", &options.edge, "name of the edge at the core, needed by --core"},
                   {"--json", &options.json, "one JSON object instead of text"}},
                  "With traffic running the core may be ahead of the edge for a moment."};
  if (const auto exit = parse(spec, args)) return *exit;
  if (!options.core.empty() && options.edge.empty()) return fail(kUsage, "--core needs --edge NAME");
  const auto ledger = read_volume(options.dir);
  if (!ledger) return fail(kUsage, ledger.error().what);
  if (!options.json) std::printf("%s", fleet::ledger_text(*ledger).c_str());
  if (!options.core.empty()) return compare_with_core(options, *ledger);
  if (options.json) std::printf("%s\n", fleet::ledger_json(*ledger).c_str());
  return adds_up(*ledger) ? kYes : kNo;
}

}  // namespace wayside::cli
