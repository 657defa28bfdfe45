#include "tests/simulation/script.h"

#include <array>

#include "common/rng.h"

namespace wayside::test {
namespace {

struct Row {
  const char* name;
  std::array<unsigned, 3> weight;  // by profile, of about a thousand
};

constexpr std::array<Row, kStepKinds> kRows = {{
    {"publish", {200, 200, 200}},
    {"deliver", {420, 420, 420}},
    {"flush", {40, 40, 40}},
    {"tick", {110, 110, 110}},
    {"sink", {35, 35, 35}},
    {"release", {12, 12, 12}},
    {"start", {48, 48, 48}},
    {"heal", {12, 12, 12}},
    {"edge_disk_fault", {16, 16, 16}},
    {"core_disk_fault", {18, 18, 18}},
    {"slow_disk", {6, 6, 6}},
    {"kill_edge", {5, 5, 5}},
    {"kill_core", {5, 5, 5}},
    {"kill_broker", {5, 5, 5}},
    {"edge_power", {5, 5, 5}},
    {"core_power", {5, 5, 5}},
    {"reconnect", {5, 5, 5}},
    {"partition", {3, 3, 3}},
    {"half_open", {3, 3, 3}},
    {"clock_step", {6, 6, 6}},
    {"rot_settlement", {5, 3, 3}},
    {"rot_identity", {4, 3, 3}},
    {"rot", {0, 6, 0}},
    {"rot_core_log", {0, 8, 0}},
    {"copy_volume", {0, 0, 12}},
    {"restore_volume", {0, 0, 6}},
}};

StepKind draw(Rng& rng, std::size_t profile) {
  std::uint64_t total = 0;
  for (const Row& row : kRows) total += row.weight.at(profile);
  std::uint64_t at = rng.below(total);
  for (std::size_t kind = 0; kind < kStepKinds; ++kind) {
    const unsigned weight = kRows.at(kind).weight.at(profile);
    if (at < weight) return static_cast<StepKind>(kind);
    at -= weight;
  }
  return StepKind::tick;
}

}  // namespace

const char* to_string(StepKind kind) { return kRows.at(static_cast<std::size_t>(kind)).name; }

const char* to_string(Profile profile) {
  return profile == Profile::faults ? "faults" : profile == Profile::rot ? "rot" : "restored";
}

// Of ten seeds five have faults alone, two rot, three a restored volume.
Profile profile_of(std::uint64_t seed) {
  const std::uint64_t place = seed % 10;
  return place < 5 ? Profile::faults : place < 7 ? Profile::rot : Profile::restored;
}

Script write_script(std::uint64_t seed, unsigned steps) { return write_script(seed, steps, profile_of(seed)); }

Script write_script(std::uint64_t seed, unsigned steps, Profile profile) {
  SeededRng rng(seed);
  Script script{seed, profile, {}};
  script.steps.reserve(steps);
  for (unsigned n = 0; n < steps; ++n) {
    const StepKind kind = draw(rng, static_cast<std::size_t>(profile));
    script.steps.push_back({kind, rng.next()});
  }
  return script;
}

std::string to_string(const Script& script) {
  std::string out;
  for (const Step& step : script.steps) {
    if (!out.empty()) out += ", ";
    out += std::string(to_string(step.kind)) + ":" + std::to_string(step.seed);
  }
  return out;
}

}  // namespace wayside::test
