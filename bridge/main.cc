// wayside-bridge: the two ends of the link between an edge and the core. Decides nothing.
#include <sys/stat.h>

#include <cstdio>

#include "bridge/run/arguments.h"
#include "bridge/run/config.h"
#include "bridge/run/process.h"
#include "common/os/system.h"
#include "common/version.h"

namespace {

using namespace wayside;
namespace run = wayside::bridge::run;

constexpr int kExitUsage = 2;

void print(std::FILE* to, const std::string& text) { std::fwrite(text.data(), 1, text.size(), to); }

const config::Table& table(run::End end) { return end == run::End::edge ? run::edge_table() : run::core_table(); }

std::optional<config::Config> load(const run::Arguments& arguments) {
  config::Problems problems;
  std::optional<config::Config> config =
      config::load(table(arguments.end), {arguments.config_file, os::environment(), arguments.sets}, problems);
  if (config) problems.lines = arguments.end == run::End::edge ? run::check_edge(*config) : run::check_core(*config);
  for (const std::string& line : problems.lines) print(stderr, line + "\n");
  if (!problems.lines.empty()) config.reset();
  return config;
}

}  // namespace

int main(int argc, char** argv) {
  const run::Arguments arguments = run::parse_arguments(argc, argv);
  if (!arguments.problem.empty()) {
    print(stderr, "wayside-bridge: " + arguments.problem + "\n" + run::usage());
    return kExitUsage;
  }
  if (arguments.help) return print(stdout, run::usage()), 0;
  if (arguments.version) return print(stdout, std::string("wayside-bridge ") + wayside::version() + "\n"), 0;
  if (arguments.print_config_docs) return print(stdout, config::markdown(table(arguments.end))), 0;
  const std::optional<config::Config> config = load(arguments);
  if (!config) return kExitUsage;
  if (arguments.check_config) return print(stdout, "configuration is valid\n"), 0;
  ::umask(077);  // what libraries create is ours alone too
  return arguments.end == run::End::edge ? run::run_edge(*config) : run::run_core(*config);
}
