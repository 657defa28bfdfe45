// soak_rotate: `./dev soak rotate`. Prints each rotation on stderr and one JSON object on the last line of stdout.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "fleet/region.h"
#include "tests/rotate/rotate_run.h"

namespace {

[[noreturn]] void usage(int status) {
  std::fprintf(
      status == 0 ? stdout : stderr,
      "usage: soak_rotate --dir DIR [--cycles N] [--seed N] [--cars N] [--interval MS]\n"
      "Swaps every secret of a region under load as the kubelet does, N times (default 5), good files and bad.\n");
  std::exit(status);
}

std::uint64_t number(const char* text) {
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (*text == '\0' || *end != '\0') usage(2);
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  wayside::test::RotateOptions options;
  options.cycles = 5;
  options.bin_dir = wayside::fleet::own_bin_dir();
  options.say = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help" || word == "-h") usage(0);
    if (i + 1 >= argc) usage(2);
    const char* value = argv[++i];
    if (word == "--dir")
      options.dir = value;
    else if (word == "--cycles")
      options.cycles = number(value);
    else if (word == "--seed")
      options.seed = number(value);
    else if (word == "--cars")
      options.cars = number(value);
    else if (word == "--interval")
      options.interval_ms = static_cast<std::int64_t>(number(value));
    else
      usage(2);
  }
  if (options.dir.empty() || options.cars < 2) usage(2);
  const wayside::test::RotateReport report = wayside::test::run_rotations(options);
  if (!report.fault.empty()) std::fprintf(stderr, "error: %s\n", report.fault.c_str());
  for (const auto& sentence : report.sentences) std::fprintf(stderr, "%s\n", sentence.c_str());
  std::printf("%s\n", wayside::test::to_json(report, options).c_str());
  return report.passed() ? 0 : 1;
}
