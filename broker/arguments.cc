#include "broker/arguments.h"

#include <getopt.h>

#include <array>

namespace wayside::broker {

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
    switch (found) {
      case 'c': arguments.config_file = optarg; break;
      case 's': arguments.sets.emplace_back(optarg); break;
      case 'k': arguments.check_config = true; break;
      case 'd': arguments.print_config_docs = true; break;
      case 'h': arguments.help = true; break;
      case 'v': arguments.version = true; break;
      case ':': arguments.problem = std::string(argv[optind - 1]) + " needs a value"; break;
      default: arguments.problem = "unknown option " + std::string(argv[optind - 1]); break;
    }
  }
  if (optind < argc && arguments.problem.empty())
    arguments.problem = "unexpected argument " + std::string(argv[optind]);
  return arguments;
}

std::string usage() {
  return "usage: wayside-broker --config FILE [--set KEY=VALUE]...\n"
         "\n"
         "  --config FILE         configuration (TOML)\n"
         "  --set KEY=VALUE       overrides one key; may be repeated\n"
         "  --check-config        reads the configuration, says every problem, and ends\n"
         "  --print-config-docs   every key with default, bounds and meaning, as Markdown\n"
         "  --help, --version\n"
         "\n"
         "Precedence: default < file < environment (WAYSIDE_BROKER__CUSTODY__COMMIT_INTERVAL_MS) < --set.\n"
         "SIGHUP reads certificates, revocation lists and the deny list again; SIGTERM drains and ends.\n"
         "Exit status: 0 drained, 1 could not run, 2 usage or configuration.\n";
}

}  // namespace wayside::broker
