#include "broker/command_line.h"

#include <cstdio>

#include "broker/config.h"
#include "broker/run.h"
#include "common/config/arguments.h"
#include "common/os/system.h"
#include "common/version.h"

namespace wayside::broker {
namespace {

constexpr int kExitUsage = 2;

constexpr const char* kUsageHead = "usage: wayside-broker --config FILE [--set KEY=VALUE]...\n\n";
constexpr const char* kUsageTail =
    "\n"
    "Precedence: default < file < environment (WAYSIDE_BROKER__CUSTODY__COMMIT_INTERVAL_MS) < --set.\n"
    "SIGHUP reads certificates, revocation lists and the deny list again; SIGTERM drains and ends.\n"
    "Exit status: 0 drained, 1 could not run, 2 usage or configuration.\n";

std::string usage() { return kUsageHead + config::options_usage() + kUsageTail; }

void print(std::FILE* to, const std::string& text) { std::fwrite(text.data(), 1, text.size(), to); }

std::optional<config::Config> load(const config::Arguments& arguments) {
  config::Problems problems;
  std::optional<config::Config> config =
      config::load(config_table(), {arguments.config_file, os::environment(), arguments.sets}, problems);
  if (config) problems.lines = cross_check(*config);
  for (const std::string& line : problems.lines) print(stderr, line + "\n");
  if (!problems.lines.empty()) config.reset();
  return config;
}

}  // namespace

int run_command_line(int argc, char** argv, std::unique_ptr<Disk> disk) {
  config::Arguments arguments = config::parse_arguments(argc, argv);
  if (arguments.problem.empty() && !arguments.words.empty()) {
    arguments.problem = "unexpected argument " + arguments.words.front();
  }
  if (!arguments.problem.empty()) {
    print(stderr, "wayside-broker: " + arguments.problem + "\n" + usage());
    return kExitUsage;
  }
  if (arguments.help) return print(stdout, usage()), 0;
  if (arguments.version) return print(stdout, std::string("wayside-broker ") + wayside::version() + "\n"), 0;
  if (arguments.print_config_docs) return print(stdout, config::markdown(config_table())), 0;
  const std::optional<config::Config> config = load(arguments);
  if (!config) return kExitUsage;
  if (arguments.print_effective) return print(stdout, config::effective(config_table(), *config)), 0;
  if (arguments.check_config) return print(stdout, "configuration is valid\n"), 0;
  return run(*config, std::move(disk));
}

}  // namespace wayside::broker
