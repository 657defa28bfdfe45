// Asks the processes of one edge twice, a moment apart, and says how it is.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/probe.h"
#include "cli/status/screen.h"
#include "common/os/system.h"

namespace wayside::cli {
namespace {

constexpr const char* kHome = "\x1b[H\x1b[J";  // the whole terminal anew

struct StatusOptions {
  std::string dir;
  std::int64_t window_ms = 1'000;
  bool json = false;
  bool watch = false;
};

int show(const StatusOptions& options, const Probe& before, const Probe& after, bool terminal) {
  const auto facts = facts_of(before, after);
  if (!facts) return fail(kUnreachable, facts.error().what);
  const Verdict verdict = judge(*facts);
  const bool colour = terminal && std::getenv("NO_COLOR") == nullptr;
  const std::string text = options.json ? status_json(*facts, verdict) + "\n" : status_text(*facts, verdict, colour);
  std::printf("%s%s", options.watch && terminal && !options.json ? kHome : "", text.c_str());
  std::fflush(stdout);
  return verdict.healthy() ? kYes : kNo;
}

}  // namespace

int run_status(const Args& args) {
  StatusOptions options;
  const Spec spec{"wayside status",
                  "Says how an edge is, why, and which limit it meets next; the first three lines suffice. Exit 0 "
                  "healthy, 1 degraded, 3 when the broker does not answer.",
                  {{"DIR", &options.dir, "the edge's run folder (edge.run_dir)", true},
                   {"--window-ms", &options.window_ms, "rates are of so long", false, 100, 60'000},
                   {"--json", &options.json, "one JSON object a line instead of text"},
                   {"--watch", &options.watch, "again and again, until interrupted"}},
                  "Rates are of the window, other counts since the start of the process. Colour only on a terminal."};
  if (const auto exit = parse(spec, args)) return *exit;
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  const os::SystemClock clock;
  auto before = ask_edge(options.dir, clock);
  if (!before) return fail(kUnreachable, silent_broker(before.error()));
  for (;;) {
    poll(nullptr, 0, static_cast<int>(options.window_ms));
    auto after = ask_edge(options.dir, clock);
    if (!after) return fail(kUnreachable, silent_broker(after.error()));
    const int shown = show(options, *before, *after, terminal);
    if (!options.watch) return shown;
    before = std::move(after);
  }
}

}  // namespace wayside::cli
