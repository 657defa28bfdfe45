// Every secret of a region changes under load, as the kubelet changes it, good files and bad ones: the cars that
// publish meanwhile must not notice, but for those that a list names.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace wayside::test {

struct RotateOptions {
  std::string dir;  // of the region; made, kept
  std::string bin_dir;
  std::uint64_t cycles = 1;  // of all rotations and all bad files
  std::uint64_t seed = 1;
  std::uint64_t cars = 20;        // that stay; one more a cycle is revoked
  std::int64_t interval_ms = 20;  // between two frames of a car
  std::int64_t step_timeout_ms = 20'000;
  std::function<void(const std::string&)> say = [](const std::string&) {};
};

struct RotateReport {
  std::uint64_t rotations = 0;  // good files that came into force
  std::uint64_t bad_files = 0;  // that did not
  std::uint64_t alarms = 0;     // of them, those that raised their alarm, which a good file ended
  std::uint64_t revoked = 0;    // cars that a list named and that lost their connection: as meant
  std::uint64_t dropped = 0;    // connections that cars lost otherwise
  std::uint64_t acked = 0;
  std::uint64_t missing = 0;
  std::uint64_t twice = 0;
  std::uint64_t unclear = 0;
  std::int64_t residual = 0;
  bool ledgers_equal = false;
  std::string fault;  // what ended the run early; empty: it came to its end
  std::vector<std::string> sentences;

  [[nodiscard]] bool passed() const {
    return fault.empty() && rotations > 0 && bad_files > 0 && alarms == bad_files && dropped == 0 && acked > 0 &&
           missing + twice + unclear == 0 && residual == 0 && ledgers_equal;
  }
};

RotateReport run_rotations(const RotateOptions& options);
std::string to_json(const RotateReport& report, const RotateOptions& options);

}  // namespace wayside::test
