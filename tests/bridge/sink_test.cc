#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "bridge/run/mqtt_sink_lane.h"
#include "bridge/sink/followed_log.h"
#include "bridge/sink/json_text.h"
#include "bridge/sink/payload_json.h"
#include "bridge/sink/sink_object.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "schemas/messages.h"
#include "tests/simulation/world.h"
#include "tests/support/temp_dir.h"

namespace wayside::bridge::sink {
namespace {

std::string json_of(const schemas::SignalData& value) {
  std::string out;
  append_value(out, value);
  return out;
}

core::CoreRecord record(std::uint64_t offset, const std::string& vehicle, Bytes payload, bool signals) {
  core::CoreRecord out;
  out.lane = signals ? Lane::state : Lane::event;
  out.uuid = test::uuid_of(0xAA);
  out.first = {offset};
  out.received = {1'700'000'000'123};
  batch::Delivered body;
  body.offset = {offset};
  body.vehicle = vehicle;
  body.topic = signals ? "v1/" + vehicle + "/state" : "v1/" + vehicle + "/event/door";
  body.signal_batch = signals;
  body.payload = std::move(payload);
  out.what = std::move(body);
  return out;
}

}  // namespace

TEST_CASE("values are JSON in the shortest form that reads back to the same bits") {
  CHECK(json_of(0.1) == "0.1");
  CHECK(json_of(1.0 / 3.0) == "0.3333333333333333");
  CHECK(json_of(0.1F) == "0.1");
  CHECK(json_of(-0.0) == "-0");
  CHECK(std::strtod(json_of(5e-324).c_str(), nullptr) == 5e-324);
  CHECK(json_of(std::numeric_limits<double>::quiet_NaN()) == "\"NaN\"");
  CHECK(json_of(std::int64_t{-9'007'199'254'740'993}) == "\"-9007199254740993\"");
  CHECK(json_of(std::uint64_t{18'446'744'073'709'551'615ULL}) == "\"18446744073709551615\"");
  CHECK(json_of(true) == "true");
  CHECK(json_of(std::string("a\"\\\n\x01")) == "\"a\\\"\\\\\\n\\u0001\"");
}

TEST_CASE("bytes are text only when they are UTF-8 without control characters") {
  CHECK(plain_text(as_bytes("plain \xC3\xA4")));
  CHECK_FALSE(plain_text(as_bytes("tab\t")));
  CHECK_FALSE(plain_text(as_bytes("\xC0\x80")));
  CHECK_FALSE(plain_text(as_bytes("\xED\xA0\x80")));
  CHECK_FALSE(plain_text(as_bytes("\xC2\x85")));
  std::string out;
  append_base64(out, as_bytes("any carnal pleas"));
  CHECK(out == "\"YW55IGNhcm5hbCBwbGVhcw==\"");
}

TEST_CASE("signals are one object per vehicle and accepted batch, everything else one per record") {
  const std::vector<schemas::SignalValue> one = {{"Vehicle.Speed", {1'700'000'000'001}, 12.5}};
  const auto objects = objects_of({record(0, "V1", schemas::build_signal_batch(1, "vss-6.0", one), true),
                                   record(1, "V2", schemas::build_signal_batch(1, "vss-6.0", one), true),
                                   record(2, "V1", schemas::build_signal_batch(2, "vss-6.0", one), true),
                                   record(3, "V1", {0xFF}, false)});
  REQUIRE(objects.size() == 3);
  CHECK(objects[0].json.find("\"base64\":\"/w==\"") != std::string::npos);
  CHECK(objects[1].ids.size() == 2);
  CHECK(objects[1].json ==
        "{\"vehicle\":\"V1\",\"ids\":[\"" + objects[1].ids[0] + "\",\"" + objects[1].ids[1] +
            "\"],\"sequences\":[\"1\",\"2\"],\"catalogue\":\"vss-6.0\",\"received_at\":\"2023-11-14T22:13:20.123Z\","
            "\"signals\":[{\"path\":\"Vehicle.Speed\",\"t\":\"2023-11-14T22:13:20.001Z\",\"v\":12.5},"
            "{\"path\":\"Vehicle.Speed\",\"t\":\"2023-11-14T22:13:20.001Z\",\"v\":12.5}]}");
  CHECK(objects[2].vehicle == "V2");
}

TEST_CASE("payloads of our own formats are JSON objects") {
  schemas::PresenceMessage presence;
  presence.vehicle = "V1";
  presence.online = true;
  presence.epoch = 5;
  presence.edge = "e1";
  const auto json = payload_json(schemas::build_presence(presence));
  REQUIRE(json);
  CHECK(
      *json ==
      "{\"vehicle\":\"V1\",\"state\":\"ONLINE\",\"epoch\":\"5\",\"at\":\"1970-01-01T00:00:00.000Z\",\"edge\":\"e1\"}");
  CHECK_FALSE(payload_json(as_bytes("WSPR but not really")));
}

TEST_CASE("a file sink that lost power between data and offset writes the tail again, once") {
  test::World world(31);
  REQUIRE(world.start_broker().empty());
  REQUIRE(world.start_core().empty());
  REQUIRE(world.start_edge().empty());
  for (unsigned n = 0; n < 5; ++n) world.append(Lane::event, test::record_body(Lane::event, "V1", n));
  REQUIRE(world.commit(Lane::event));
  for (unsigned n = 0; n < 40; ++n) {
    while (world.deliver({})) continue;
    world.core_event(core::Flush{});
    world.poll_synced();
  }
  // The data file is written and synced; the rename of the offset file fails.
  world.core_disk.fail(test::SimCall::rename, Fault::io, 0, 1);
  CHECK_FALSE(world.sink_turn().empty());
  world.core_power_loss();
  REQUIRE(world.start_core().empty());
  world.link_up();
  REQUIRE(world.drain());
  std::string text;
  for (const std::string& path : world.core_disk.files()) {
    if (path.find("/sink/event-") != std::string::npos) text += as_text(world.core_disk.content(path));
  }
  CHECK(std::count(text.begin(), text.end(), '\n') == 5);
}

TEST_CASE("what a file sink shows as done is durable, also when it found it there") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    test::World world(seed);
    REQUIRE(world.start_broker().empty());
    REQUIRE(world.start_core().empty());
    REQUIRE(world.start_edge().empty());
    for (unsigned n = 0; n < 5; ++n) world.append(Lane::event, test::record_body(Lane::event, "V1", n));
    REQUIRE(world.commit(Lane::event));
    for (unsigned n = 0; n < 40; ++n) {
      while (world.deliver({})) continue;
      world.core_event(core::Flush{});
      world.poll_synced();
    }
    // The new offset file has its name, and nobody knows whether the folder does.
    world.core_disk.fail(test::SimCall::fsync_dir, Fault::io, 0, 1);
    REQUIRE_FALSE(world.sink_turn().empty());
    REQUIRE(world.start_core().empty());
    const Offset shown = world.core->sink->done(Lane::event);  // segments below it may go
    world.core_power_loss();
    REQUIRE(world.start_core().empty());
    CHECK(world.core->sink->done(Lane::event) >= shown);
  }
}

TEST_CASE("what an mqtt sink holds counts for the core log that it has followed, and a damaged offset for nothing") {
  const test::TempDir dir("mqtt-sink");
  const std::unique_ptr<Disk> disk = os::make_posix_disk();
  REQUIRE(os::write_file_atomic(run::mqtt_offset_path(dir.path(), 2, Lane::event), "17\n", 0600).ok());
  REQUIRE(os::write_file_atomic(run::mqtt_offset_path(dir.path(), 2, Lane::bulk), "9x\n", 0600).ok());
  const auto unnamed = run::mqtt_sink_holds(*disk, dir.path(), 2);
  REQUIRE(unnamed.ok());
  CHECK_FALSE(unnamed->has_value());

  REQUIRE(follow_log(*disk, dir.path(), run::mqtt_followed_log_file(2), test::uuid_of(0xC0)).ok());
  const auto held = run::mqtt_sink_holds(*disk, dir.path(), 2);
  REQUIRE(held.ok());
  REQUIRE(held->has_value());
  CHECK((*held)->log == test::uuid_of(0xC0));
  CHECK((*held)->below[index_of(Lane::event)] == Offset{17});
  CHECK((*held)->below[index_of(Lane::bulk)] == Offset{0});
  CHECK(refuse_other_log(*disk, dir.path(), run::mqtt_followed_log_file(2), test::uuid_of(0xC0)).ok());
  CHECK_FALSE(refuse_other_log(*disk, dir.path(), run::mqtt_followed_log_file(2), test::uuid_of(0xC1)).ok());
}

}  // namespace wayside::bridge::sink
