#include "bridge/run/command_line.h"

#include <sys/stat.h>

#include <cstdio>

#include "bridge/run/config.h"
#include "bridge/run/process.h"
#include "common/config/arguments.h"
#include "common/os/system.h"
#include "common/version.h"

namespace wayside::bridge::run {
namespace {

constexpr int kExitUsage = 2;

constexpr const char* kUsageHead =
    "usage: wayside-bridge edge|core --config FILE [--set KEY=VALUE]...\n"
    "\n"
    "  edge                  ships an edge's spool to the core and hands requests to its broker\n"
    "  core                  accepts batches into the core log, feeds the sinks, forwards requests\n"
    "\n";
constexpr const char* kUsageTail =
    "\n"
    "Precedence: default < file < environment (WAYSIDE_BRIDGE_EDGE__LINK__RESEND_MS) < --set.\n"
    "SIGTERM drains and ends.\n"
    "Exit status: 0 drained, 1 could not run, 2 usage or configuration.\n";

std::string usage() { return kUsageHead + config::options_usage() + kUsageTail; }

void print(std::FILE* to, const std::string& text) { std::fwrite(text.data(), 1, text.size(), to); }

// Which end of the link this process is: the one word of the command line.
enum class End : unsigned char { edge, core };

std::optional<End> end_of(const config::Arguments& arguments, std::string& problem) {
  if (arguments.words.size() > 1) return problem = "unexpected argument " + arguments.words[1], std::nullopt;
  const std::string word = arguments.words.empty() ? "" : arguments.words[0];
  if (word == "edge") return End::edge;
  if (word == "core") return End::core;
  return problem = word.empty() ? "edge or core?" : "unexpected argument " + word, std::nullopt;
}

const config::Table& table(End end) { return end == End::edge ? edge_table() : core_table(); }

std::optional<config::Config> load(const config::Arguments& arguments, End end) {
  config::Problems problems;
  std::optional<config::Config> config =
      config::load(table(end), {arguments.config_file, os::environment(), arguments.sets}, problems);
  if (config) problems.lines = end == End::edge ? check_edge(*config) : check_core(*config);
  for (const std::string& line : problems.lines) print(stderr, line + "\n");
  if (!problems.lines.empty()) config.reset();
  return config;
}

}  // namespace

int run_command_line(int argc, char** argv, std::unique_ptr<Disk> disk) {
  config::Arguments arguments = config::parse_arguments(argc, argv);
  if (arguments.help) return print(stdout, usage()), 0;
  if (arguments.version) return print(stdout, std::string("wayside-bridge ") + wayside::version() + "\n"), 0;
  std::optional<End> end;
  if (arguments.problem.empty()) end = end_of(arguments, arguments.problem);
  if (!end) {
    print(stderr, "wayside-bridge: " + arguments.problem + "\n" + usage());
    return kExitUsage;
  }
  if (arguments.print_config_docs) return print(stdout, config::markdown(table(*end))), 0;
  const std::optional<config::Config> config = load(arguments, *end);
  if (!config) return kExitUsage;
  if (arguments.print_effective) return print(stdout, config::effective(table(*end), *config)), 0;
  if (arguments.check_config) return print(stdout, "configuration is valid\n"), 0;
  ::umask(077);  // what libraries create is ours alone too
  return *end == End::edge ? run_edge(*config, std::move(disk)) : run_core(*config, std::move(disk));
}

}  // namespace wayside::bridge::run
