// A history as a list of steps, so that it can be told again, cut down and told again.
//
// A step draws whatever it needs from its own seed: leaving one out changes no other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace wayside::test {

enum class StepKind : std::uint8_t {
  publish,
  deliver,
  flush,
  tick,
  sink,
  release,
  start,
  heal,
  edge_disk_fault,
  core_disk_fault,
  slow_disk,
  kill_edge,
  kill_core,
  kill_broker,
  edge_power,
  core_power,
  reconnect,
  partition,
  half_open,
  clock_step,
  rot_settlement,
  rot_identity,
  rot,
  rot_core_log,
  copy_volume,
  restore_volume,
};
inline constexpr std::size_t kStepKinds = 26;
const char* to_string(StepKind kind);

struct Step {
  StepKind kind{};
  std::uint64_t seed = 0;
};

// What the steps of a history may hold. Rot and a volume from an old copy have histories of their own, because
// after them another end is right.
enum class Profile : std::uint8_t { faults, rot, restored };
const char* to_string(Profile profile);

struct Script {
  std::uint64_t seed = 0;
  Profile profile{};
  std::vector<Step> steps;
};

Profile profile_of(std::uint64_t seed);
Script write_script(std::uint64_t seed, unsigned steps);
Script write_script(std::uint64_t seed, unsigned steps, Profile profile);
// "publish:<seed of the step>, kill_core:<seed>, ..."
std::string to_string(const Script& script);

}  // namespace wayside::test
