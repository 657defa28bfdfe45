// Custody: when groups are written, what is counted at the door, and what a lane's thread answers.
#include <catch2/catch_test_macros.hpp>

#include "broker/custody/group/door_counts.h"
#include "broker/custody/group/group_planner.h"
#include "broker/custody/group/space_board.h"
#include "broker/custody/space_watch.h"
#include "broker/custody/volume_check.h"
#include "broker/standing_fault.h"

namespace wayside::broker {
namespace {

GroupPlanner::Limits limits() { return {.commit_interval_ms = 5, .group_bytes_max = 100, .group_records_max = 4}; }

}  // namespace

TEST_CASE("GroupPlanner: an idle lane commits what is queued at once") {
  GroupPlanner planner(limits());
  CHECK(planner.decide({10}, false).action == GroupAction::idle);
  planner.queued(20, {10});
  const GroupDecision decision = planner.decide({10}, false);
  CHECK(decision.action == GroupAction::commit);
  CHECK(decision.records == 1);
  CHECK(decision.bytes == 20);
}

TEST_CASE("GroupPlanner: a group lingers while an earlier lane syncs, and never beyond commit_interval_ms") {
  GroupPlanner planner(limits());
  planner.queued(20, {10});
  const GroupDecision lingering = planner.decide({12}, true);
  CHECK(lingering.action == GroupAction::linger);
  CHECK(lingering.until == MonoMs{15});
  CHECK(planner.decide({15}, true).action == GroupAction::commit);
  CHECK(planner.decide({12}, false).action == GroupAction::commit);
}

TEST_CASE("GroupPlanner: a full group does not linger and what does not fit waits for the next") {
  GroupPlanner planner(limits());
  for (int i = 0; i < 3; ++i) planner.queued(40, {10});
  const GroupDecision first = planner.decide({10}, true);
  CHECK(first.action == GroupAction::commit);
  CHECK(first.records == 2);
  planner.taken(first.records);
  CHECK(planner.bytes() == 40);
  CHECK(planner.decide({10}, true).action == GroupAction::linger);
}

TEST_CASE("GroupPlanner: a record larger than a group is a group of its own") {
  GroupPlanner planner(limits());
  planner.queued(500, {10});
  planner.queued(10, {10});
  CHECK(planner.decide({10}, true).records == 1);
  CHECK(planner.decide({10}, true).action == GroupAction::commit);
}

TEST_CASE("GroupPlanner: the number of records in a group is bounded") {
  GroupPlanner planner(limits());
  for (int i = 0; i < 9; ++i) planner.queued(1, {10});
  CHECK(planner.decide({10}, true).records == 4);
}

TEST_CASE("GroupPlanner: a busy lane waits while records keep coming, and never beyond commit_interval_ms") {
  GroupPlanner::Limits busy = limits();
  busy.group_records_max = 100;
  busy.busy_records = 3;
  GroupPlanner planner(busy);
  for (int i = 0; i < 3; ++i) planner.queued(1, {10});
  CHECK(planner.decide({10}, false).action == GroupAction::commit);  // nothing says yet that it is busy
  planner.taken(3, {10});

  planner.queued(1, {20});
  const GroupDecision waits = planner.decide({20}, false);
  CHECK(waits.action == GroupAction::linger);
  CHECK(waits.until == MonoMs{22});
  CHECK(planner.decide({22}, false).action == GroupAction::commit);  // no more came
  for (const std::int64_t at : {21, 22, 23, 24}) planner.queued(1, {at});
  CHECK(planner.decide({24}, false).until == MonoMs{25});
  CHECK(planner.decide({25}, false).action == GroupAction::commit);
  planner.queued(100, {24});
  CHECK(planner.full());
  CHECK(planner.decide({24}, false).action == GroupAction::commit);
}

TEST_CASE("GroupPlanner: a lane that was busy a while ago, or had a small group since, commits at once") {
  GroupPlanner::Limits busy = limits();
  busy.busy_records = 3;
  GroupPlanner planner(busy);
  for (int i = 0; i < 3; ++i) planner.queued(1, {10});
  planner.taken(3, {10});
  planner.queued(1, {111});
  CHECK(planner.decide({111}, false).action == GroupAction::commit);
  planner.taken(1, {111});
  planner.queued(1, {112});
  CHECK(planner.decide({112}, false).action == GroupAction::commit);
}

TEST_CASE("DoorCounts: offered is committed and refused and shed, and survives as text") {
  DoorCounts door;
  for (int i = 0; i < 3; ++i) door.offered(Lane::state);
  door.committed(Lane::state, 2);
  door.refused(Lane::state, Reason::SPOOL_FULL);
  door.shed(Lane::bulk, Reason::BUDGET);

  DoorCounts next;
  CHECK(next.adopt(door.text() + "state nonsense 4\n").size() == 1);
  const LaneDoor state = next.lane(Lane::state);
  CHECK(state.offered == 3);
  CHECK(state.committed == 2);
  CHECK(state.refused.at("SPOOL_FULL") == 1);
  CHECK(next.lane(Lane::bulk).offered == 1);
  CHECK(next.lane(Lane::bulk).shed.at("BUDGET") == 1);
  CHECK(next.forget_waiting() == 0);
}

TEST_CASE("DoorCounts: what a death cut off before its answer is forgotten and reported") {
  DoorCounts door;
  for (int i = 0; i < 5; ++i) door.offered(Lane::event);
  door.committed(Lane::event, 3);
  DoorCounts next;
  CHECK(next.adopt(door.text()).empty());
  CHECK(next.forget_waiting() == 2);
  CHECK(next.lane(Lane::event).offered == 3);
}

TEST_CASE("StandingFault: what is met again is counted, another errno and the end are said") {
  StandingFault fault("door_counts");
  CHECK_FALSE(fault.look({}));
  CHECK(fault.look(Error{Fault::no_space, "open counts.tmp-1", 28}));
  CHECK_FALSE(fault.look(Error{Fault::no_space, "open counts.tmp-2", 28}));
  CHECK(fault.look(Error{Fault::io, "open counts.tmp-3", 5}));
  CHECK_FALSE(fault.look(Error{Fault::io, "open counts.tmp-4", 5}));
  CHECK(fault.look({}));
  CHECK_FALSE(fault.look({}));
  CHECK(fault.look(Error{Fault::io, "open counts.tmp-5", 5}));
}

TEST_CASE("Custody: lane bounds that do not fit the volume are refused with the figures") {
  VolumeNeed need{.lane_bytes_max = 800U << 20U, .used_bytes = 100U << 20U, .reserve_bytes = 64U << 20U};
  CHECK(check_volume(need, {764U << 20U}, "/data").ok());
  const Result<void> small = check_volume(need, {763U << 20U}, "/data");
  REQUIRE_FALSE(small.ok());
  CHECK(small.error().fault == Fault::no_space);
  CHECK(small.error().what.find("800 MiB") != std::string::npos);
  CHECK(small.error().what.find("/data") != std::string::npos);
  // What open segments are filled ahead and what the command store may still take must fit beside them.
  need.ahead_bytes = 20U << 20U;
  need.store_bytes_max = 32U << 20U;
  need.store_used_bytes = 2U << 20U;
  CHECK(check_volume(need, {814U << 20U}, "/data").ok());
  const Result<void> smaller = check_volume(need, {813U << 20U}, "/data");
  REQUIRE_FALSE(smaller.ok());
  CHECK(smaller.error().what.find("needs 814 MiB") != std::string::npos);
  // What closed commands may take stops no edge: it is for the mark of the volume.
  need.store_bytes_max += 256U << 20U;
  need.closed_bytes_max = 256U << 20U;
  CHECK(need.bytes() == 1070U << 20U);
  CHECK(check_volume(need, {814U << 20U}, "/data").ok());
  CHECK_FALSE(check_volume(need, {813U << 20U}, "/data").ok());
}

TEST_CASE("SpaceBoard: telemetry stops at the total less the reserve, command and ack go on to the total") {
  SpaceBoard board(SpaceBoard::Limits{1000, 300});
  CHECK(board.claim(Lane::state, 400));
  CHECK(board.claim(Lane::bulk, 200));
  CHECK_FALSE(board.claim(Lane::event, 101));
  CHECK(board.bytes() == 600);  // what was refused is not held
  CHECK(board.claim(Lane::event, 100));
  CHECK(board.claim(Lane::ack, 200));
  CHECK_FALSE(board.claim(Lane::command, 101));
  CHECK(board.claim(Lane::command, 100));
  CHECK(board.bytes() == 1000);
  board.set(Lane::state, 300);
  CHECK(board.claim(Lane::ack, 300));  // beyond the reserve it takes what is free
  CHECK_FALSE(board.claim(Lane::state, 301));
  CHECK(board.claim(Lane::bulk, 100));  // less than before always fits
}

TEST_CASE("FillMark: a mark is left only below its hysteresis, and says each change once") {
  FillMark mark({.warn_percent = 70, .high_percent = 90, .hysteresis_percent = 10});
  CHECK_FALSE(mark.update(69, 100));
  CHECK(mark.update(70, 100));
  CHECK(mark.mark() == Mark::warn);
  for (const std::uint64_t used : {71, 65, 61, 60, 75}) CHECK_FALSE(mark.update(used, 100));
  CHECK(mark.update(95, 100));
  CHECK(mark.mark() == Mark::high);
  CHECK_FALSE(mark.update(80, 100));
  CHECK(mark.update(79, 100));
  CHECK(mark.mark() == Mark::warn);
  CHECK(mark.update(59, 100));
  CHECK(mark.mark() == Mark::none);
  CHECK(mark.update(100, 100));  // past both at once
  CHECK(mark.mark() == Mark::high);
  CHECK(mark.update(0, 100));
  CHECK(mark.mark() == Mark::none);
}

TEST_CASE("SpaceWatch: marks of lanes, total and volume are counted when they are reached") {
  const auto metrics = metrics::Registry::create();
  SpaceWatch::Bounds bounds;
  bounds.lane_bytes_max.fill(100);
  bounds.total_bytes_max = 400;
  bounds.need = {.lane_bytes_max = 400, .reserve_bytes = 100};
  SpaceWatch watch(*metrics, bounds);
  const auto reached = [&](const char* what, const char* mark) {
    return metrics->counter("wayside_custody_marks_total", "", {{"what", what}, {"mark", mark}}).value();
  };
  SpaceUse use;
  use.lane_bytes[index_of(Lane::bulk)] = use.bytes = 95;
  use.volume = VolumeSpace{405};  // all that may come, and the reserve: exactly
  watch.look(use);
  watch.look(use);
  CHECK(watch.mark("bulk") == Mark::high);
  CHECK(reached("bulk", "high") == 1);
  CHECK(watch.mark("state") == Mark::none);
  CHECK(watch.mark("total") == Mark::none);
  CHECK(watch.mark("volume") == Mark::none);
  use.volume = VolumeSpace{330};  // somebody else took three quarters of the reserve
  watch.look(use);
  CHECK(watch.mark("volume") == Mark::warn);
  CHECK(reached("volume", "warn") == 1);
  use.lane_bytes.fill(59);
  use.bytes = 295;
  use.volume = VolumeSpace{1000};
  watch.look(use);
  CHECK(watch.mark("bulk") == Mark::none);
  CHECK(watch.mark("total") == Mark::warn);
  CHECK(watch.mark("volume") == Mark::none);
}

TEST_CASE("FillForecast: a lane that fills steadily is full when its rate says so") {
  FillForecast forecast;
  constexpr std::uint64_t kBound = 1'000'000;
  std::uint64_t bytes = 0;
  double seconds = FillForecast::kNever;
  for (int second = 0; second < 600; ++second, bytes += 1'000) {
    seconds = forecast.seconds(bytes, kBound, true, MonoMs{second * 1'000});
    if (second == 0) CHECK(seconds == FillForecast::kNever);
  }
  CHECK(seconds > 395);
  CHECK(seconds < 405);
  CHECK(forecast.seconds(bytes, kBound, false, MonoMs{600'000}) == FillForecast::kNever);  // it is drained
  CHECK(forecast.seconds(kBound, kBound, false, MonoMs{600'000}) == 0);
}

TEST_CASE("FillForecast: a lane whose segments come and go, or that empties, is never full") {
  FillForecast forecast;
  constexpr std::uint64_t kBound = 100'000'000;
  for (int second = 0; second < 900; ++second) {
    // A segment of 60 kB a minute, released as soon as it is full.
    const double seconds =
        forecast.seconds(1'000U * static_cast<unsigned>(second % 60), kBound, true, MonoMs{second * 1'000});
    if (second > 300) CHECK(seconds > 3'600);
  }
  for (int second = 900; second < 1'200; ++second) {
    const double seconds =
        forecast.seconds(static_cast<std::uint64_t>(2'000'000 - 1'000 * second), kBound, true, MonoMs{second * 1'000});
    if (second > 1'100) CHECK(seconds == FillForecast::kNever);
  }
}

}  // namespace wayside::broker
