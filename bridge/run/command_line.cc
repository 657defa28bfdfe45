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
    "usage: wayside-bridge edge|core|adopt --config FILE [--set KEY=VALUE]...\n"
    "\n"
    "  edge                  ships an edge's spool to the core and hands requests to its broker\n"
    "  core                  accepts batches into the core log, feeds the sinks, forwards requests\n"
    "  adopt                 ships the spool at adopt.spool to the core and ends; as the edge of FILE\n"
    "\n";
constexpr const char* kUsageTail =
    "\n"
    "Precedence: default < file < environment (WAYSIDE_BRIDGE_EDGE__LINK__RESEND_MS) < --set.\n"
    "SIGTERM drains and ends.\n"
    "Exit status: 0 drained, 1 could not run, 2 usage or configuration; of adopt also 3 core not reached,\n"
    "4 refused, 5 timeout.\n";

std::string usage() { return kUsageHead + config::options_usage() + kUsageTail; }

void print(std::FILE* to, const std::string& text) { std::fwrite(text.data(), 1, text.size(), to); }

// Which end of the link this process is: the one word of the command line.
enum class End : unsigned char { edge, core, adopt };

std::optional<End> end_of(const config::Arguments& arguments, std::string& problem) {
  if (arguments.words.size() > 1) return problem = "unexpected argument " + arguments.words[1], std::nullopt;
  const std::string word = arguments.words.empty() ? "" : arguments.words[0];
  if (word == "edge") return End::edge;
  if (word == "core") return End::core;
  if (word == "adopt") return End::adopt;
  return problem = word.empty() ? "edge, core or adopt?" : "unexpected argument " + word, std::nullopt;
}

const config::Table& table(End end) { return end == End::core ? core_table() : edge_table(); }

std::optional<config::Config> load(const config::Arguments& arguments, End end) {
  config::Problems problems;
  std::optional<config::Config> config =
      config::load(table(end), {arguments.config_file, os::environment(), arguments.sets}, problems);
  if (config) problems.lines = end == End::core ? check_core(*config) : check_edge(*config);
  if (config && end == End::adopt && config->text("adopt.spool").empty()) {
    problems.lines.emplace_back("adopt.spool: the folder of the spool to adopt");
  }
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
  switch (*end) {
    case End::edge: return run_edge(*config, std::move(disk));
    case End::core: return run_core(*config, std::move(disk));
    case End::adopt: return run_adopt(*config, std::move(disk));
  }
  return kExitUsage;
}

}  // namespace wayside::bridge::run
