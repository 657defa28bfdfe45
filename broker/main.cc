// wayside-broker: gate, custody, commands and the local broker of one edge. Decides nothing.
#include <cstdio>

#include "broker/arguments.h"
#include "broker/config.h"
#include "broker/run.h"
#include "common/os/system.h"
#include "common/version.h"

namespace {

using namespace wayside;

constexpr int kExitUsage = 2;

void print(std::FILE* to, const std::string& text) { std::fwrite(text.data(), 1, text.size(), to); }

std::optional<config::Config> load(const broker::Arguments& arguments) {
  config::Problems problems;
  std::optional<config::Config> config =
      config::load(broker::config_table(), {arguments.config_file, os::environment(), arguments.sets}, problems);
  if (config) problems.lines = broker::cross_check(*config);
  for (const std::string& line : problems.lines) print(stderr, line + "\n");
  if (!problems.lines.empty()) config.reset();
  return config;
}

}  // namespace

int main(int argc, char** argv) {
  const broker::Arguments arguments = broker::parse_arguments(argc, argv);
  if (!arguments.problem.empty()) {
    print(stderr, "wayside-broker: " + arguments.problem + "\n" + broker::usage());
    return kExitUsage;
  }
  if (arguments.help) return print(stdout, broker::usage()), 0;
  if (arguments.version) return print(stdout, std::string("wayside-broker ") + wayside::version() + "\n"), 0;
  if (arguments.print_config_docs) return print(stdout, config::markdown(broker::config_table())), 0;
  const std::optional<config::Config> config = load(arguments);
  if (!config) return kExitUsage;
  if (arguments.check_config) return print(stdout, "configuration is valid\n"), 0;
  return broker::run(*config);
}
