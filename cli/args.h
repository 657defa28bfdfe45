// Options of one subcommand, as a table: names, help and where the values go. CLI11 stays behind this header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace wayside::cli {

// Public numbers: scripts rely on them.
enum ExitCode : int { kYes = 0, kNo = 1, kUsage = 2, kUnreachable = 3, kRefused = 4, kTimeout = 5 };

using Target = std::variant<bool*, std::int64_t*, double*, std::string*, std::vector<std::string>*>;

struct Option {
  std::string name;  // "--cars", or "FILE" for a positional
  Target target;
  std::string help;
  bool required = false;
  std::int64_t min = 0;  // of integers; 0, 0: unbounded
  std::int64_t max = 0;
};

struct Spec {
  std::string command;  // "wayside up"
  std::string sentence;
  std::vector<Option> options;
  std::string more;  // printed below the options
};

using Args = std::vector<std::string>;

// nullopt: go on. Otherwise the exit code: help was printed (0), or the usage was wrong (2, said on stderr).
std::optional<int> parse(const Spec& spec, const Args& args);

// "wayside pki" and its kind: a word chooses what runs.
struct Command {
  std::string name;
  std::string sentence;
  int (*run)(const Args& args);
};
int dispatch(const std::string& program, const std::string& sentence, const std::vector<Command>& commands,
             const Args& args);

// Prints "wayside: sentence" on stderr and returns `code`.
int fail(ExitCode code, const std::string& sentence);

}  // namespace wayside::cli
