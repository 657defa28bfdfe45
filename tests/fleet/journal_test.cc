#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "common/os/system.h"
#include "fleet/car/journal.h"
#include "fleet/car/outbox.h"
#include "fleet/evidence.h"
#include "fleet/id_set.h"
#include "fleet/verify.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::fleet;

namespace {

constexpr WallMs kAt{1'763'500'000'123};

std::vector<Sample> samples_at(std::int64_t t) {
  return {{"Vehicle.Speed", {t}, 17.1F},
          {"Vehicle.CurrentLocation.Latitude", {t}, 48.137154},
          {"Vehicle.TraveledDistance", {t}, std::uint64_t{18'446'744'073'709'551'615U}},
          {"Vehicle.Powertrain.Transmission.CurrentGear", {t}, std::int64_t{-1}},
          {"Vehicle.IsMoving", {t}, true},
          {"Vehicle.Body.Lights.Brake.IsActive", {t}, std::string("ACTIVE \"\\\n")}};
}

// A journal of two acknowledged messages and one that was never acknowledged.
std::string write_journal(const std::string& dir) {
  auto journal = Journal::open(dir + "/cars.jsonl");
  REQUIRE(journal.ok());
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    const auto samples = samples_at(kAt.value + static_cast<std::int64_t>(sequence));
    (*journal)->message("WSYDEM00000000001", sequence, "v1/WSYDEM00000000001/state", samples);
    if (sequence < 3) (*journal)->acked("WSYDEM00000000001", sequence, kAt);
  }
  REQUIRE((*journal)->turn().ok());
  return dir;
}

std::string sink_line(const std::string& id, std::uint64_t sequence, const std::string& speed = "17.1") {
  const auto t = os::rfc3339({kAt.value + static_cast<std::int64_t>(sequence)});
  const auto signal = [&](const char* path, const std::string& v) {
    return std::string(R"({"path":")") + path + R"(","t":")" + t + R"(","v":)" + v + "}";
  };
  return R"({"vehicle":"WSYDEM00000000001","ids":[")" + id + R"("],"sequences":[")" + std::to_string(sequence) +
         R"("],"catalogue":"vss-6.0","received_at":")" + t + R"(","signals":[)" + signal("Vehicle.Speed", speed) + "," +
         signal("Vehicle.CurrentLocation.Latitude", "48.137154") + "," +
         signal("Vehicle.TraveledDistance", "\"18446744073709551615\"") + "," +
         signal("Vehicle.Powertrain.Transmission.CurrentGear", "\"-1\"") + "," + signal("Vehicle.IsMoving", "true") +
         "," + signal("Vehicle.Body.Lights.Brake.IsActive", R"("ACTIVE \"\\\n")") + "]}\n";
}

VerifyReport verify_sink(const std::string& lines) {
  test::TempDir dir;
  write_journal(dir.path());
  REQUIRE(os::make_dirs(dir.path() + "/sink"));
  REQUIRE(os::write_file_atomic(dir.path() + "/sink/state-00000000000000000000.jsonl", lines, 0600));
  const auto report = verify(dir.path() + "/cars.jsonl", dir.path() + "/sink");
  REQUIRE(report.ok());
  return *report;
}

constexpr const char* kId0 = "11111111-2222-3333-4444-555555555555/state/0";
constexpr const char* kId1 = "11111111-2222-3333-4444-555555555555/state/1";

}  // namespace

TEST_CASE("verify holds when every acknowledged value arrived, whatever became of the unacknowledged") {
  const auto report = verify_sink(sink_line(kId0, 1) + sink_line(kId1, 2));
  CHECK(report.ok());
  CHECK(report.messages == 3);
  CHECK(report.acked == 2);
  CHECK(report.values == 12);
  CHECK(report.arrived == 2);
}

TEST_CASE("verify tells a missing message, a value that differs by one bit, an id twice and a value twice") {
  CHECK(verify_sink(sink_line(kId0, 1)).missing == 1);
  const auto differs = verify_sink(sink_line(kId0, 1) + sink_line(kId1, 2, "17.100002"));
  CHECK(differs.values_different == 1);
  CHECK_FALSE(differs.ok());
  CHECK(verify_sink(sink_line(kId0, 1) + sink_line(kId0, 2)).twice == 1);
  const auto again = verify_sink(sink_line(kId0, 1) + sink_line(kId1, 1) + sink_line("x/state/2", 2));
  CHECK(again.values_twice == 6);
  CHECK_FALSE(again.ok());
}

TEST_CASE("a value may arrive as often as its vehicle said it, and no more") {
  test::TempDir dir;
  write_journal(dir.path());
  REQUIRE(os::make_dirs(dir.path() + "/sink"));
  {
    auto journal = Journal::open(dir.path() + "/cars.jsonl");
    REQUIRE(journal.ok());
    (*journal)->resent("WSYDEM00000000001", 1);
    REQUIRE((*journal)->turn().ok());
  }
  const auto sink = dir.path() + "/sink/state-00000000000000000000.jsonl";
  const std::string twice = sink_line(kId0, 1) + sink_line(kId1, 1) + sink_line("x/state/2", 2);
  REQUIRE(os::write_file_atomic(sink, twice, 0600));
  const auto report = verify(dir.path() + "/cars.jsonl", dir.path() + "/sink");
  REQUIRE(report.ok());
  CHECK(report->ok());
  CHECK(report->values_resent == 6);
  REQUIRE(os::write_file_atomic(sink, twice + sink_line("x/state/3", 1), 0600));
  const auto thrice = verify(dir.path() + "/cars.jsonl", dir.path() + "/sink");
  REQUIRE(thrice.ok());
  CHECK(thrice->values_twice == 6);
  CHECK_FALSE(thrice->ok());
}

TEST_CASE("verify in rounds forgets what was acknowledged and arrived, and still tells an id of an earlier round") {
  test::TempDir dir;
  REQUIRE(os::make_dirs(dir.path() + "/journals"));
  REQUIRE(os::make_dirs(dir.path() + "/sink"));
  const auto journal = write_journal(dir.path() + "/journals") + "/cars.jsonl";
  const auto sink = dir.path() + "/sink/state-00000000000000000000.jsonl";
  const std::string first = sink_line(kId0, 1) + sink_line(kId1, 2);
  REQUIRE(os::write_file_atomic(sink, first, 0600));
  Verifier verifier;
  REQUIRE(verifier.take_journals(journal).ok());
  REQUIRE(verifier.take_sink(dir.path() + "/sink").ok());
  verifier.close_round();
  CHECK(verifier.report().ok());
  CHECK(verifier.report().acked == 2);
  CHECK(verifier.report().ids_by_lane.at("11111111-2222-3333-4444-555555555555/state") == 2);
  CHECK(verifier.sink_files_changed().value() == 0);

  const std::string second = sink_line(kId1, 2);  // of the closed round: its id again, its values nobody's
  REQUIRE(os::write_file_atomic(sink, first + second, 0600));
  REQUIRE(verifier.take_sink(dir.path() + "/sink").ok());
  verifier.close_round();
  CHECK(verifier.report().twice == 1);
  CHECK(verifier.report().strange == 6);
  CHECK(verifier.report().missing == 0);
  CHECK(verifier.sink_files_changed().value() == 0);

  REQUIRE(os::write_file_atomic(sink, sink_line(kId0, 1) + sink_line(kId1, 3) + second, 0600));
  CHECK(verifier.sink_files_changed().value() == 1);
  REQUIRE(os::write_file_atomic(sink, first, 0600));
  CHECK(verifier.sink_files_changed().value() == 1);
}

TEST_CASE("ids are kept as runs of offsets by lane, in whatever order they come") {
  IdSet ids;
  for (const char* id : {"u/state/4", "u/state/2", "u/state/3", "u/state/0", "u/event/3"}) {
    CHECK(ids.insert(id) == IdSet::Seen::first);
  }
  CHECK(ids.runs() == 3);
  for (const char* id : {"u/state/2", "u/state/3", "u/state/4", "u/state/0"}) {
    CHECK(ids.insert(id) == IdSet::Seen::again);
  }
  CHECK(ids.insert("u/state/1") == IdSet::Seen::first);
  CHECK(ids.insert("u/state/18446744073709551615") == IdSet::Seen::first);
  CHECK(ids.runs() == 3);
  CHECK(ids.by_lane().at("u/state") == 6);
  for (const char* id : {"", "u", "u/state/", "u/state/x", "u/state/1x", "u/state/-1"}) {
    CHECK(ids.insert(id) == IdSet::Seen::malformed);
  }
}

TEST_CASE("a journal of which two messages claim the same value and time cannot be verified") {
  test::TempDir dir;
  write_journal(dir.path());
  REQUIRE(os::make_dirs(dir.path() + "/sink"));
  auto journal = Journal::open(dir.path() + "/cars.jsonl");
  REQUIRE(journal.ok());
  (*journal)->message("WSYDEM00000000001", 9, "v1/WSYDEM00000000001/state", samples_at(kAt.value + 1));
  REQUIRE((*journal)->turn().ok());
  REQUIRE(os::write_file_atomic(dir.path() + "/sink/state-00000000000000000000.jsonl",
                                sink_line(kId0, 1) + sink_line(kId1, 2), 0600));
  const auto report = verify(dir.path() + "/cars.jsonl", dir.path() + "/sink");
  REQUIRE(report.ok());
  CHECK(report->claimed_twice == 6);
  CHECK_FALSE(report->ok());
}

TEST_CASE("verify tells a value that nobody said and a line that does not parse") {
  CHECK(verify_sink(sink_line(kId0, 1) + sink_line(kId1, 2) + sink_line("x/state/2", 77)).strange == 6);
  CHECK(verify_sink(sink_line(kId0, 1) + sink_line(kId1, 2) + "{\"vehicle\":\n").unreadable == 1);
}

TEST_CASE("a value of another type is another value") {
  CHECK(same_value(Value(std::int64_t{5}), JsonScalar(std::string("5"))));
  CHECK_FALSE(same_value(Value(std::int64_t{5}), JsonScalar(std::uint64_t{5})));
  CHECK_FALSE(same_value(Value(5.0), JsonScalar(std::string("5"))));
  CHECK(same_value(Value(5.0), JsonScalar(std::uint64_t{5})));
  CHECK_FALSE(same_value(Value(true), JsonScalar(std::uint64_t{1})));
  CHECK_FALSE(same_value(Value(std::nextafter(0.1, 1.0)), JsonScalar(0.1)));
}

TEST_CASE("the journal reads back to the bits that were written") {
  test::TempDir dir;
  const std::vector<Sample> samples = {{"A", kAt, std::numeric_limits<double>::denorm_min()},
                                       {"B", kAt, 0.1F},
                                       {"C", kAt, std::numeric_limits<std::int64_t>::min()},
                                       {"D", kAt, 1e300}};
  {
    auto journal = Journal::open(dir.path() + "/j.jsonl");
    REQUIRE(journal.ok());
    (*journal)->message("V", 9, "v1/V/state", samples);
  }
  const auto text = os::read_file(dir.path() + "/j.jsonl");
  REQUIRE(text.ok());
  const auto line = parse_journal_line(*text);
  REQUIRE(line.ok());
  REQUIRE(line->signals.size() == samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) CHECK(line->signals[i].v == samples[i].value);
}

TEST_CASE("after a lost connection what was in flight goes first and in its order, with its packet ids") {
  Outbox outbox(100);
  for (std::uint64_t sequence = 1; sequence <= 12; ++sequence) outbox.put({sequence, "t", {}, 0, false});
  std::vector<std::uint16_t> ids;
  while (auto* message = outbox.take(8)) ids.push_back(message->packet_id);
  REQUIRE(ids.size() == 8 - Outbox::kAckReserve);
  REQUIRE(outbox.acknowledged(ids[1]).has_value());
  outbox.connection_lost();
  CHECK(outbox.in_flight() == 0);
  std::vector<std::uint64_t> order;
  while (auto* message = outbox.take(100)) {
    order.push_back(message->sequence);
    if (message->sequence <= 4) CHECK(message->packet_id == ids[message->sequence - 1]);
    CHECK(message->sent_before == (message->sequence <= 4));
  }
  CHECK(order == std::vector<std::uint64_t>{1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
}

TEST_CASE("a QoS 2 message goes on with PUBREL after PUBREC, also on the next connection, and ends with the session") {
  Outbox outbox(100);
  for (std::uint64_t sequence = 1; sequence <= 2; ++sequence) outbox.put({sequence, "t", {}, 0, false, true, false});
  const std::uint16_t first = outbox.take(10)->packet_id;
  const std::uint16_t second = outbox.take(10)->packet_id;
  REQUIRE(outbox.received(first) != nullptr);
  CHECK(outbox.received(first) == nullptr);  // its PUBREC came already
  outbox.connection_lost();
  CHECK(outbox.take(10)->received);
  CHECK_FALSE(outbox.take(10)->received);
  REQUIRE(outbox.acknowledged(first).has_value());
  REQUIRE(outbox.received(second) != nullptr);
  outbox.connection_lost();
  outbox.session_lost();
  CHECK(outbox.empty());
}

TEST_CASE("a command's ack does not wait behind telemetry that fills its window") {
  Outbox outbox(100);
  for (std::uint64_t sequence = 1; sequence <= 20; ++sequence) outbox.put({sequence, "t", {}, 0, false});
  while (outbox.take(8) != nullptr) {
  }
  outbox.put_urgent({0, "v1/V/cmd/x/ack", {}, 0, false});
  const auto* message = outbox.take(8);
  REQUIRE(message != nullptr);
  CHECK(message->topic == "v1/V/cmd/x/ack");
}
