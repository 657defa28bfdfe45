#include "common/config/arguments.h"

#include <getopt.h>

#include <array>

namespace wayside::config {
namespace {

void take_option(int found, char** argv, Arguments& arguments) {
  switch (found) {
    case 'c': arguments.config_file = optarg; return;
    case 's': arguments.sets.emplace_back(optarg); return;
    case 'k': arguments.check_config = true; return;
    case 'e': arguments.print_effective = true; return;
    case 'd': arguments.print_config_docs = true; return;
    case 'h': arguments.help = true; return;
    case 'v': arguments.version = true; return;
    case ':': arguments.problem = std::string(argv[optind - 1]) + " needs a value"; return;
    default: arguments.problem = "unknown option " + std::string(argv[optind - 1]); return;
  }
}

}  // namespace

Arguments parse_arguments(int argc, char** argv) {
  static const std::array<option, 8> kOptions = {{{"config", required_argument, nullptr, 'c'},
                                                  {"set", required_argument, nullptr, 's'},
                                                  {"check-config", no_argument, nullptr, 'k'},
                                                  {"print-effective", no_argument, nullptr, 'e'},
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
  for (int i = optind; i < argc; ++i) arguments.words.emplace_back(argv[i]);
  return arguments;
}

std::string options_usage() {
  return "  --config FILE         configuration (TOML)\n"
         "  --set KEY=VALUE       overrides one key; may be repeated\n"
         "  --check-config        reads the configuration, says every problem, and ends\n"
         "  --print-effective     every value in force and where it comes from\n"
         "  --print-config-docs   every key with default, bounds and meaning, as Markdown\n"
         "  --help, --version\n";
}

}  // namespace wayside::config
