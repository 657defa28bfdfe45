#include "bridge/run/arguments.h"

#include <getopt.h>

#include <array>

namespace wayside::bridge::run {
namespace {

void take_option(int found, char** argv, Arguments& arguments) {
  switch (found) {
    case 'c': arguments.config_file = optarg; return;
    case 's': arguments.sets.emplace_back(optarg); return;
    case 'k': arguments.check_config = true; return;
    case 'd': arguments.print_config_docs = true; return;
    case 'h': arguments.help = true; return;
    case 'v': arguments.version = true; return;
    case ':': arguments.problem = std::string(argv[optind - 1]) + " needs a value"; return;
    default: arguments.problem = "unknown option " + std::string(argv[optind - 1]); return;
  }
}

void take_end(int argc, char** argv, Arguments& arguments) {
  const std::string word = optind < argc ? argv[optind] : "";
  if (word == "edge") arguments.end = End::edge;
  if (word == "core") arguments.end = End::core;
  if (arguments.help || arguments.version || !arguments.problem.empty()) return;
  if (arguments.end == End::none) {
    arguments.problem = word.empty() ? "edge or core?" : "unexpected argument " + word;
  } else if (optind + 1 < argc) {
    arguments.problem = "unexpected argument " + std::string(argv[optind + 1]);
  }
}

}  // namespace

Arguments parse_arguments(int argc, char** argv) {
  static const std::array<option, 7> kOptions = {{{"config", required_argument, nullptr, 'c'},
                                                  {"set", required_argument, nullptr, 's'},
                                                  {"check-config", no_argument, nullptr, 'k'},
                                                  {"print-config-docs", no_argument, nullptr, 'd'},
                                                  {"help", no_argument, nullptr, 'h'},
                                                  {"version", no_argument, nullptr, 'v'},
                                                  {nullptr, 0, nullptr, 0}}};
  Arguments arguments;
  optind = 0;  // a fresh start, also when called twice
  opterr = 0;
  for (int found = 0; (found = getopt_long(argc, argv, ":", kOptions.data(), nullptr)) != -1;) {
    take_option(found, argv, arguments);
  }
  take_end(argc, argv, arguments);
  return arguments;
}

std::string usage() {
  return "usage: wayside-bridge edge|core --config FILE [--set KEY=VALUE]...\n"
         "\n"
         "  edge                  ships an edge's spool to the core and hands requests to its broker\n"
         "  core                  accepts batches into the core log, feeds the sinks, forwards requests\n"
         "\n"
         "  --config FILE         configuration (TOML)\n"
         "  --set KEY=VALUE       overrides one key; may be repeated\n"
         "  --check-config        reads the configuration, says every problem, and ends\n"
         "  --print-config-docs   every key with default, bounds and meaning, as Markdown\n"
         "  --help, --version\n"
         "\n"
         "Precedence: default < file < environment (WAYSIDE_BRIDGE_EDGE__LINK__RESEND_MS) < --set.\n"
         "SIGTERM drains and ends.\n"
         "Exit status: 0 drained, 1 could not run, 2 usage or configuration.\n";
}

}  // namespace wayside::bridge::run
