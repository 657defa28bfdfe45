// Looks at an edge again and again and shows what it does at this moment.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/probe.h"
#include "cli/top/top.h"
#include "common/os/system.h"

namespace wayside::cli {
namespace {

constexpr std::size_t kWidthMin = 20;
constexpr std::size_t kWidthElsewhere = 1'000;  // where no terminal is, lines are as long as they are

struct TopOptions {
  std::string dir;
  std::int64_t interval_ms = 2'000;
  std::int64_t reasons_max = 4;
  bool once = false;
  bool json = false;
};

struct Screen {
  std::size_t width = kWidthElsewhere;
  std::size_t rows = 1'000;
};
Screen screen_now() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {80, 24};
  return {std::max<std::size_t>(size.ws_col, kWidthMin), std::max<std::size_t>(size.ws_row, 2)};
}

// Owns    the look of the terminal: another screen and no cursor, until it goes.
// Thread  one.
class Terminal {
 public:
  explicit Terminal(bool live) : live_(live) {
    if (live_) say("\x1b[?1049h\x1b[?25l");
  }
  ~Terminal() {
    if (live_) say("\x1b[?25h\x1b[?1049l");
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // True while anybody takes it.
  bool show(const std::vector<TopLine>& lines) const {
    if (live_) return say(redrawn(lines, screen_now().rows, std::getenv("NO_COLOR") == nullptr));
    std::string text;
    for (const TopLine& line : lines) text += line.text + "\n";
    return say(text + "\n");
  }
  static bool say(const std::string& text) {
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  }
  [[nodiscard]] std::size_t width() const { return live_ ? screen_now().width : kWidthElsewhere; }

 private:
  bool live_;
};

// The edge may go and come back meanwhile; only one that was never there ends this.
int follow(const TopOptions& options, const Clock& clock, Probe before, const Terminal& terminal) {
  while (wait_ms(options.interval_ms)) {
    auto after = ask_edge(options.dir, clock);
    if (!after) {
      if (options.once) return fail(kUnreachable, silent_broker(after.error()));
      if (options.json) continue;
      const std::string text = "wayside top  the broker does not answer: " + after.error().what;
      if (!terminal.show({{text.substr(0, terminal.width()), TopLine::Look::alarm}})) return kYes;
      continue;
    }
    const auto facts = top_of(before, *after);
    if (!facts) return fail(kUnreachable, facts.error().what);
    const bool taken =
        options.json
            ? Terminal::say(top_json(*facts) + "\n")
            : terminal.show(top_lines(*facts, terminal.width(), static_cast<std::size_t>(options.reasons_max)));
    if (options.once || !taken) return kYes;
    before = std::move(*after);
  }
  return kYes;
}

}  // namespace

int run_top(const Args& args) {
  TopOptions options;
  const Spec spec{
      "wayside top",
      "Shows what an edge does at this moment, again and again until Ctrl-C: rates of its lanes, gate, link "
      "and commands. Exit 0, 3 when the broker does not answer at first.",
      {{"RUN_DIR", &options.dir, "the edge's run folder (edge.run_dir)", true},
       {"--once", &options.once, "one look, then the end"},
       {"--interval-ms", &options.interval_ms, "between two looks; rates are of it", false, 100, 3'600'000},
       {"--reasons", &options.reasons_max, "reasons that a line names, the most frequent first", false, 1, 50},
       {"--json", &options.json, "one JSON object a line instead of a screen"}},
      "Colour and redrawing only on a terminal."};
  if (const auto exit = parse(spec, args)) return *exit;
  watch_interrupts();
  const os::SystemClock clock;
  auto before = ask_edge(options.dir, clock);
  if (!before) return fail(kUnreachable, silent_broker(before.error()));
  const Terminal terminal(!options.json && !options.once && isatty(STDOUT_FILENO) == 1);
  return follow(options, clock, std::move(*before), terminal);
}

}  // namespace wayside::cli
