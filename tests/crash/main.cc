// soak_kill: `./dev soak kill` and `./dev soak power`. Prints each death on stderr and one JSON object on the last line
// of stdout.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "fleet/region.h"
#include "tests/crash/kill_run.h"

namespace {

[[noreturn]] void usage(int status) {
  std::fprintf(status == 0 ? stdout : stderr,
               "usage: soak_kill [--power] --dir DIR [--cycles N] [--seed N] [--cars N] [--frames N] [--planted NAME]\n"
               "                 [--flap MS] [--qos2-every N] [--other-release BIN_DIR]\n"
               "Kills each process of a region N times (default 10) with at least 100 acknowledgements in flight.\n"
               "Every N-th message is QoS 2 (default 4, 0: none): none of those may be in custody twice.\n"
               "--flap: how often a car loses its radio for a moment (default 60 ms, of all cars; 0: never).\n"
               "--power: the edge's host, the core's and both lose power N times each, and what was not synced.\n"
               "--planted fdatasync|fsync_dir|segment_sync|sqlite_sync: these do nothing below the product; the run "
               "must find it.\n"
               "--other-release: instead of being killed, each is replaced by that release and back.\n");
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
  wayside::test::KillOptions options;
  options.cycles = 10;
  options.bin_dir = wayside::fleet::own_bin_dir();
  options.say = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help" || word == "-h") usage(0);
    if (word == "--power") {
      options.power = true;
      continue;
    }
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
    else if (word == "--frames")
      options.frames_per_car = number(value);
    else if (word == "--other-release")
      options.other_bin_dir = value;
    else if (word == "--flap")
      options.flap_ms = static_cast<std::int64_t>(number(value));
    else if (word == "--planted")
      options.planted = value;
    else if (word == "--qos2-every")
      options.qos2_every = number(value);
    else
      usage(2);
  }
  if (options.dir.empty() || (!options.planted.empty() && !options.power)) usage(2);
  const wayside::test::KillReport report = wayside::test::run_kills(options);
  if (!report.fault.empty()) std::fprintf(stderr, "error: %s\n", report.fault.c_str());
  for (const auto& sentence : report.sentences) std::fprintf(stderr, "%s\n", sentence.c_str());
  std::printf("%s\n", wayside::test::to_json(report, options).c_str());
  return report.passed() ? 0 : 1;
}
