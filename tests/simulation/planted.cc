#include "tests/simulation/planted.h"

#include "tests/broker/support/qos2_world.h"
#include "tests/simulation/contained.h"
#include "tests/simulation/custody_world.h"
#include "tests/simulation/lying_disk.h"
#include "tests/simulation/wrong_ports.h"

namespace wayside::test {
namespace {

enum class Side : std::uint8_t { broker, core };

Planting lying(Side side, Lies lies) {
  return [side, lies](World& world) {
    SimDisk& plain = side == Side::broker ? world.edge_disk : world.core_disk;
    world.planted_disk = std::make_unique<LyingDisk>(plain, lies);
    (side == Side::broker ? world.seams.broker_disk : world.seams.core_disk) = world.planted_disk.get();
  };
}

void plant_reader_past_synced(World& world) {
  world.seams.ports.reader = [&world](Lane lane, EdgePorts::Reader plain) {
    return reader_past_synced(world, lane, std::move(plain));
  };
}

void plant_hidden_loss(World& world) {
  world.seams.ports.reader = [](Lane, EdgePorts::Reader plain) { return reader_that_hides_loss(std::move(plain)); };
}

void plant_no_fork(World& world) {
  world.seams.ports.reader = [&world](Lane lane, EdgePorts::Reader plain) {
    return reader_that_believes_the_core(world, lane, std::move(plain));
  };
}

void plant_lost_settled(World& world) {
  world.seams.ports.reader = [&world](Lane lane, EdgePorts::Reader plain) {
    return reader_that_settles_lost(world, lane, std::move(plain));
  };
}

void plant_old_plan(World& world) {
  world.seams.ports.reader = [](Lane, EdgePorts::Reader plain) { return reader_of_the_old_plan(std::move(plain)); };
}

void plant_off_by_one(World& world) {
  world.seams.ports.settlement = [](Lane, EdgePorts::Settlement plain) {
    return settlement_off_by_one(std::move(plain));
  };
}

void plant_settled_when_sent(World& world) {
  world.seams.sending = [&world](const Packet& packet) { settle_when_sent(world, packet); };
}

void plant_next_before_sync(World& world) {
  world.seams.core_took = [&world] { answer_before_sync(world); };
}

Found pubcomp_before_release(std::uint64_t seeds_max) {
  const Qos2Found found = find_qos2_bug(Qos2Bug::pubcomp_before_release, seeds_max);
  return {found.found, found.seeds, found.problem};
}

std::function<Found(std::uint64_t)> in_custody(CustodyBug bug) {
  return [bug](std::uint64_t seeds_max) {
    const CustodyFound found = find_custody_bug(bug, seeds_max);
    return Found{found.found, found.seeds, found.problem};
  };
}

void plant_credit_twice(World& world) { world.seams.delivering = charge_credit_twice; }

void plant_cut_too_far(World& world) {
  world.seams.delivering = [](Packet& packet) { move_cut(packet, 1); };
}
void plant_cut_too_low(World& world) {
  world.seams.delivering = [](Packet& packet) { move_cut(packet, -1); };
}

}  // namespace

const std::vector<Planted>& planted_bugs() {
  static const std::vector<Planted> kBugs = {
      {"ack before sync", Profile::faults, 20, lying(Side::broker, {.fdatasync = true})},
      {"directory fsync missing, edge", Profile::faults, 20, lying(Side::broker, {.fsync_dir = true})},
      {"directory fsync missing, core", Profile::faults, 20, lying(Side::core, {.fsync_dir = true})},
      {"NEXT before the core log's sync", Profile::faults, 20, plant_next_before_sync},
      {"core log that is not synced", Profile::faults, 20, lying(Side::core, {.fdatasync = true})},
      {"settlement before the core's acknowledgement", Profile::faults, 20, plant_settled_when_sent},
      {"reader past synced", Profile::faults, 20, plant_reader_past_synced},
      {"credit charged twice", Profile::faults, 20, plant_credit_twice},
      {"torn tail mistaken for rot", Profile::faults, 40, lying(Side::broker, {.page_ahead = 1})},
      {"rot mistaken for a torn tail", Profile::rot, 100, lying(Side::broker, {.claims = true})},
      {"rot that is delivered as something else", Profile::rot, 100, plant_hidden_loss},
      {"batch replanned under an old number", Profile::faults, 20, plant_old_plan},
      {"tombstone settled before NEXT", Profile::rot, 100, plant_lost_settled},
      {"restored volume accepted", Profile::restored, 100, plant_no_fork},
      {"closed spool cut too far", Profile::restored, 100, plant_cut_too_far},
      {"closed spool cut too low", Profile::restored, 100, plant_cut_too_low},
      {"lost tail after recovery", Profile::faults, 20, lying(Side::broker, {.claims = true, .tail = true})},
      {"ledger off by one on lost", Profile::rot, 100, plant_off_by_one},
      {"PUBCOMP before release", Profile::faults, 60, {}, pubcomp_before_release},
      {"PUBACK before sync", Profile::faults, 10, {}, in_custody(CustodyBug::ack_before_sync)},
      {"PUBACK of a group whose sync failed", Profile::faults, 20, {}, in_custody(CustodyBug::ack_of_failed_sync)},
      {"overtaking after a full lane", Profile::faults, 100, {}, in_custody(CustodyBug::overtaking_after_full)},
  };
  return kBugs;
}

Found find(const Planted& bug) {
  if (bug.elsewhere) return bug.elsewhere(bug.seeds_max);
  Found out;
  for (std::uint64_t seed = 1; seed <= bug.seeds_max && !out.found; ++seed) {
    const Verdict verdict = run_contained(write_script(seed, kPlantedSteps, bug.profile), bug.plant);
    out = {!verdict.kept(), seed, verdict.problem};
  }
  return out;
}

}  // namespace wayside::test
