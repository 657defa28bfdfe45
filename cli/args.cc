#include "cli/args.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string_view>

#include "common/config/config.h"

namespace wayside::cli {
namespace {

void bind(CLI::App& app, const Option& option) {
  CLI::Option* added = std::visit(
      [&](auto* target) -> CLI::Option* {
        if constexpr (std::is_same_v<decltype(target), bool*>) {
          return app.add_flag(option.name, *target, option.help);
        } else {
          return app.add_option(option.name, *target, option.help)->capture_default_str();
        }
      },
      option.target);
  if (option.required) added->required();
  if (option.min != option.max) added->check(CLI::Range(option.min, option.max));
}

// "--output" of "-o,--output".
std::string_view long_name(const Option& option) {
  return std::string_view(option.name).substr(option.name.rfind(',') + 1);
}

// What the person may have meant, for an option that is not known.
std::string nearest_option(const Spec& spec, const std::string& word) {
  std::vector<std::string_view> names;
  names.reserve(spec.options.size());
  for (const auto& option : spec.options) names.push_back(long_name(option));
  return config::nearest(word, names);
}

std::string advice(const Spec& spec, const Args& args) {
  for (const auto& word : args) {
    if (word.rfind("--", 0) != 0 || word == "--help") continue;
    const auto name = word.substr(0, word.find('='));
    const bool known =
        std::any_of(spec.options.begin(), spec.options.end(), [&](const Option& o) { return long_name(o) == name; });
    const auto near = known ? std::string() : nearest_option(spec, name);
    if (!near.empty()) return " Did you mean " + near + "?";
  }
  return "";
}

void print_commands(const std::string& program, const std::string& sentence, const std::vector<Command>& commands,
                    std::FILE* to) {
  std::fprintf(to, "%s: %s\n\nUsage: %s COMMAND [OPTIONS]\n\n", program.c_str(), sentence.c_str(), program.c_str());
  for (const auto& command : commands) std::fprintf(to, "  %-14s %s\n", command.name.c_str(), command.sentence.c_str());
  std::fprintf(to, "\n%s COMMAND --help says more.\n", program.c_str());
}

}  // namespace

std::optional<int> parse(const Spec& spec, const Args& args) {
  CLI::App app(spec.sentence, spec.command);
  for (const auto& option : spec.options) bind(app, option);
  if (!spec.more.empty()) app.footer(spec.more);
  // CLI11 takes the words last first.
  Args reversed(args.rbegin(), args.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return kYes;
  } catch (const CLI::ParseError& error) {
    return fail(kUsage, std::string(error.what()) + advice(spec, args) + " See " + spec.command + " --help.");
  }
  return std::nullopt;
}

int dispatch(const std::string& program, const std::string& sentence, const std::vector<Command>& commands,
             const Args& args) {
  if (args.empty() || args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
    print_commands(program, sentence, commands, args.empty() ? stderr : stdout);
    return args.empty() ? kUsage : kYes;
  }
  for (const auto& command : commands) {
    if (command.name == args[0]) return command.run(Args(args.begin() + 1, args.end()));
  }
  std::vector<std::string_view> names;
  names.reserve(commands.size());
  for (const auto& command : commands) names.push_back(command.name);
  const auto near = config::nearest(args[0], names);
  return fail(kUsage, "there is no command '" + args[0] + "'." +
                          (near.empty() ? " See " + program + " --help." : " Did you mean '" + near + "'?"));
}

int fail(ExitCode code, const std::string& sentence) {
  std::fprintf(stderr, "wayside: %s\n", sentence.c_str());
  return code;
}

}  // namespace wayside::cli
