// Both ends of the link against each other, and each against an end that misbehaves.
#include <zstd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "bridge/link/convert.h"
#include "schemas/gen/batch_generated.h"
#include "spool/format.h"
#include "spool/segment_file.h"
#include "tests/simulation/world.h"

namespace wayside::test {
namespace {

namespace link = bridge::link;

void start(World& world) {
  REQUIRE(world.start_broker().empty());
  REQUIRE(world.start_core() == "");
  REQUIRE(world.start_edge().empty());
}
void publish(World& world, Lane lane, unsigned count) {
  for (unsigned n = 0; n < count; ++n) {
    world.append(lane, record_body(lane, "V1", world.committed[index_of(lane)].value + n + 1));
  }
  REQUIRE(world.commit(lane));
}
bool alarmed(const World& world, Reason reason) {
  return std::any_of(world.edge_alarms.begin(), world.edge_alarms.end(),
                     [&](const auto& alarm) { return alarm.reason == reason; });
}
Offset settled(const World& world, Lane lane) { return world.edge->settlements[index_of(lane)]->standing().next; }

link::Next next_of(const World& world, Lane lane) {
  link::Next next;
  next.spool = uuid_of(0xED);
  next.session = world.session;
  next.lane = lane;
  next.standing = world.core->log->durable().of(uuid_of(0xED), lane);
  return next;
}
void tell_edge(World& world, link::Kind kind, Lane lane, Bytes bytes) {
  world.edge_event(bridge::edge::Message{{link::channel_of(lane), kind}, std::move(bytes)});
}

// A batch that names its range and holds none of the records it promises.
Bytes without_columns(std::uint64_t session, Lane lane, std::uint64_t count, const Digest& after) {
  namespace fb = schemas;
  flatbuffers::FlatBufferBuilder builder;
  const auto run = fb::CreateRun(builder, fb::Outcome::DELIVER, count);
  const auto runs = builder.CreateVector(&run, 1);
  const fb::Uuid uuid = link::to_fb(uuid_of(0xED));
  const fb::Digest128 before(0, 0);
  const fb::Digest128 end = link::to_fb(after);
  fb::BatchBuilder batch(builder);
  batch.add_spool(&uuid);
  batch.add_session(session);
  batch.add_lane(link::to_fb(lane));
  batch.add_count(count);
  batch.add_before(&before);
  batch.add_after(&end);
  batch.add_runs(runs);
  batch.add_records(static_cast<std::uint32_t>(count));
  builder.Finish(batch.Finish(), fb::BatchIdentifier());
  Bytes out(ZSTD_compressBound(builder.GetSize()));
  out.resize(ZSTD_compress(out.data(), out.size(), builder.GetBufferPointer(), builder.GetSize(), 1));
  return out;
}

}  // namespace

TEST_CASE("an acknowledgement beyond what was sent drops the link and settles nothing") {
  World world(1);
  start(world);
  publish(world, Lane::event, 4);
  REQUIRE(world.drain());
  publish(world, Lane::event, 4);
  link::Next next = next_of(world, Lane::event);
  next.standing.next = {100};
  next.standing.totals.delivered = 100;
  next.standing.cohorts = {{"other", next.standing.totals}};
  tell_edge(world, link::Kind::next, Lane::event, link::encode(next));
  CHECK(world.dropped_links == 1);
  CHECK(settled(world, Lane::event) == Offset{4});
  CHECK(world.drain());
  CHECK(settled(world, Lane::event) == Offset{8});
}

TEST_CASE("a credit above the maximum drops the link and sends nothing") {
  World world(2);
  start(world);
  REQUIRE(world.drain());
  link::Credit credit{uuid_of(0xED), world.session, Lane::state, ~0ULL};
  tell_edge(world, link::Kind::credit, Lane::state, link::encode(credit));
  CHECK(world.dropped_links == 1);
  CHECK(world.drain());
}

TEST_CASE("a core that restarts and hears of the session again by a late hello stops no lane for want of credit") {
  World world(18);
  start(world);
  const Packet late = world.packets.front();
  REQUIRE(late.address.kind == link::Kind::hello);
  REQUIRE(world.drain());
  const std::uint64_t window = world.core_options.window_bytes;
  while (world.edge->link->lane(Lane::event).counters().raw_bytes < window * 9 / 10) {
    publish(world, Lane::event, 8);
    REQUIRE(world.drain());
  }
  world.stop_core();
  REQUIRE(world.start_core().empty());
  world.packets = {late};  // its question for a hello is lost
  // Counted from where it stands now, what it grants ends a tenth of a window above what was sent.
  for (unsigned n = 0; n < 4; ++n) {
    world.append(Lane::event, record_body(Lane::event, "V1", 1'000 + n, window / 2));
    REQUIRE(world.commit(Lane::event));
    CHECK(world.drain());
  }
  CHECK(world.dropped_links == 1);
  CHECK(world.edge->settlements[index_of(Lane::event)]->standing().totals.lost == 0);
}

TEST_CASE("credit that came before the first NEXT, of a core that has restarted since, is none") {
  World world(19);
  start(world);
  publish(world, Lane::event, 3);
  REQUIRE(world.drain());
  world.link_up();
  const link::Credit credit{uuid_of(0xED), world.session, Lane::event, 1U << 20U, Offset{2}};
  tell_edge(world, link::Kind::credit, Lane::event, link::encode(credit));
  publish(world, Lane::event, 3);
  world.packets.clear();
  tell_edge(world, link::Kind::next, Lane::event, link::encode(next_of(world, Lane::event)));
  world.poll_synced();
  CHECK(world.packets.empty());
  world.link_up();
  CHECK(world.drain());
}

TEST_CASE("a message of another link session changes nothing") {
  World world(3);
  start(world);
  publish(world, Lane::event, 3);
  link::Next stale = next_of(world, Lane::event);
  stale.session = world.session - 1;
  stale.standing.next = {3};
  stale.standing.totals.delivered = 3;
  tell_edge(world, link::Kind::next, Lane::event, link::encode(stale));
  CHECK(world.dropped_links == 0);
  CHECK(settled(world, Lane::event) == Offset{0});
  CHECK(world.edge->link->counters().stale == 1);
}

TEST_CASE("without credit nothing is sent, and what credit allows is not exceeded") {
  World world(4);
  world.core_options.window_bytes = 600;
  start(world);
  for (unsigned n = 0; n < 40 && world.deliver({}); ++n) continue;  // hello, NEXT, credit
  world.core.reset();
  publish(world, Lane::state, 30);
  world.poll_synced();
  world.tick(100);
  std::uint64_t framed = 0;
  for (const Packet& packet : world.packets) {
    if (!packet.up || packet.address.kind != link::Kind::batch) continue;
    const auto batch = bridge::batch::decode(packet.bytes, {});
    REQUIRE(batch.ok());
    framed += batch.value().framed_bytes;
  }
  CHECK(framed > 0);
  CHECK(framed <= 600);
}

TEST_CASE("an ack leaves while the urgent channel is full of events") {
  World world(5);
  world.edge_options.inflight_bytes_max = 1;
  start(world);
  for (unsigned n = 0; n < 40 && world.deliver({}); ++n) continue;
  world.core.reset();
  publish(world, Lane::event, 40);
  world.tick(1);
  world.packets.clear();
  publish(world, Lane::ack, 1);
  world.tick(1);
  REQUIRE(world.packets.size() == 1);
  const auto batch = bridge::batch::decode(world.packets.front().bytes, {});
  REQUIRE(batch.ok());
  CHECK(batch.value().lane == Lane::ack);
}

TEST_CASE("a volume that went back in time is FORKED: its lane stops, the others go on") {
  World world(6);
  start(world);
  publish(world, Lane::event, 5);
  REQUIRE(world.drain());
  link::Next forked = next_of(world, Lane::event);
  forked.forked = true;
  tell_edge(world, link::Kind::next, Lane::event, link::encode(forked));
  CHECK(alarmed(world, Reason::FORKED));
  CHECK(world.edge->link->lane(Lane::event).forked());
  publish(world, Lane::event, 2);
  publish(world, Lane::ack, 2);
  CHECK_FALSE(world.drain());
  CHECK(settled(world, Lane::event) == Offset{5});
  CHECK(settled(world, Lane::ack) == Offset{2});
}

TEST_CASE("a core that went back gets what the edge still holds, with an alarm") {
  World world(7);
  start(world);
  publish(world, Lane::event, 6);
  REQUIRE(world.drain());
  world.stop_core();
  world.core_disk = SimDisk();  // an empty volume came back
  REQUIRE(world.start_core() == "");
  world.link_up();
  publish(world, Lane::event, 2);
  CHECK(world.drain());
  CHECK(alarmed(world, Reason::CORE_WENT_BACK));
  CHECK(world.core->log->durable().of(uuid_of(0xED), Lane::event).totals == spool::Totals{8, 0, 0, 0, 0});
}

TEST_CASE("a core that went back below what the edge deleted gets the rest as a lost range") {
  World world(8);
  start(world);
  for (unsigned n = 0; n < 60; ++n) {
    for (unsigned i = 0; i < 20; ++i) world.append(Lane::bulk, record_body(Lane::bulk, "V1", n, 600));
    REQUIRE(world.commit(Lane::bulk));
  }
  REQUIRE(world.drain());
  world.broker->release(world.edge_disk);
  const auto oldest = world.edge->readers[index_of(Lane::bulk)]->oldest();
  REQUIRE(oldest.ok());
  REQUIRE(oldest->value > 0);
  world.stop_core();
  world.core_disk = SimDisk();  // an empty volume came back
  REQUIRE(world.start_core() == "");
  world.link_up();
  publish(world, Lane::bulk, 1);
  REQUIRE(world.drain());
  const spool::Standing& standing = world.core->log->durable().of(uuid_of(0xED), Lane::bulk);
  CHECK(standing.totals.lost == oldest->value);
  CHECK(standing.totals.delivered == 1'201 - oldest->value);
  CHECK(standing.totals == world.edge->settlements[index_of(Lane::bulk)]->standing().totals);
}

TEST_CASE("a settlement that was damaged behind its owner is written again for a broker or a session that begins") {
  const bool broker_restarts = GENERATE(true, false);
  World world(17);
  start(world);
  publish(world, Lane::event, 5);
  REQUIRE(world.drain());
  const std::string path = std::string(kSpoolRoot) + "/event/" + spool::kSettlementFile;
  world.edge_disk.zero(path, 0, world.edge_disk.content(path).size());
  const auto shown = [&] {
    const spool::Volume& volume = world.edge->volume;
    return spool::read_settled(world.edge_disk, volume.lane_dir(Lane::event), volume.uuid, Lane::event)->next;
  };
  REQUIRE(shown() == Offset{0});
  if (broker_restarts) {
    world.stop_broker();
    REQUIRE(world.start_broker().empty());
  } else {
    world.link_up();
    for (unsigned n = 0; n < 40 && world.deliver({}); ++n) continue;
  }
  CHECK(shown() == Offset{5});
  // Once a session: what the core says again changes nothing on the disk.
  REQUIRE(world.drain());
  const std::uint64_t syncs = world.edge_disk.calls(SimCall::fdatasync);
  tell_edge(world, link::Kind::next, Lane::event, link::encode(next_of(world, Lane::event)));
  REQUIRE(world.drain());
  CHECK(world.edge_disk.calls(SimCall::fdatasync) == syncs);
}

TEST_CASE("a settlement that rots while nothing more is settled is written again within seconds, with an alarm") {
  World world(18);
  start(world);
  publish(world, Lane::state, 20);
  REQUIRE(world.drain());
  const std::string path = std::string(kSpoolRoot) + "/state/" + spool::kSettlementFile;
  const auto on_disk = [&] {
    return spool::read_settled(world.edge_disk, std::string(kSpoolRoot) + "/state", uuid_of(0xED), Lane::state);
  };
  world.edge_disk.zero(path, 0, world.edge_disk.content(path).size());
  REQUIRE(on_disk().value().next == Offset{});
  CHECK_FALSE(alarmed(world, Reason::SPOOL_FAULT));
  world.tick(bridge::edge::LaneSender::kSettlementCheckMs);
  CHECK(on_disk().value().next == Offset{20});
  CHECK(alarmed(world, Reason::SPOOL_FAULT));
}

TEST_CASE("a broker whose recovery cut what was shipped, beside a running bridge, is FORKED and nothing is mixed") {
  World world(20);
  start(world);
  publish(world, Lane::event, 5);
  REQUIRE(world.drain());
  const std::uint64_t second = world.broker->writers[index_of(Lane::event)]->bytes();
  publish(world, Lane::event, 5);
  world.poll_synced();
  while (world.deliver({})) continue;
  world.core_event(bridge::core::Flush{});
  world.packets.clear();  // the core has them, NEXT is lost
  REQUIRE(world.core->log->durable().of(uuid_of(0xED), Lane::event).next == Offset{10});
  REQUIRE(settled(world, Lane::event) == Offset{5});
  world.stop_broker();
  // What rot and a loss of power leave behind together: an older word of the page, and a group whose sector is gone.
  const std::string dir = world.edge->volume.lane_dir(Lane::event);
  world.edge_disk.map_word(dir + "/" + spool::kSyncedPage, 1).value()->store(5);
  world.edge_disk.zero(spool::segment_path(dir, {0}), second, spool::kSectorBytes);
  world.rotted[index_of(Lane::event)] = true;
  REQUIRE(world.start_broker() == "");
  REQUIRE(world.broker->recovered[index_of(Lane::event)].tail_unknown == 5);
  world.clock.advance_ms(1'000);  // what is published now is something else
  publish(world, Lane::event, 12);
  CHECK_FALSE(world.drain());
  CHECK(alarmed(world, Reason::FORKED));
  CHECK(world.edge->link->lane(Lane::event).forked());
  CHECK(world.core->log->durable().of(uuid_of(0xED), Lane::event).next == Offset{10});
}

TEST_CASE("a broker that starts again with what it had keeps the link session") {
  World world(21);
  start(world);
  publish(world, Lane::event, 5);
  REQUIRE(world.drain());
  const std::uint64_t session = world.session;
  world.stop_broker();
  REQUIRE(world.start_broker() == "");
  publish(world, Lane::event, 5);
  CHECK(world.drain());
  CHECK(world.session == session);
}

TEST_CASE("a spool of another edge is refused with EDGE_MISMATCH") {
  World world(9);
  world.core_options.edges = {{"e1", "r1"}, {"e2", "r1"}};
  start(world);
  REQUIRE(world.drain());
  link::Hello hello;
  hello.edge = "e2";
  hello.region = "r1";
  hello.spool = uuid_of(0xED);
  hello.session = 5;
  world.core_event(bridge::core::Message{"e2", {link::Channel::urgent, link::Kind::hello}, link::encode(hello)});
  REQUIRE(world.core_alarms.size() == 1);
  CHECK(world.core_alarms.front().reason == Reason::EDGE_MISMATCH);
  CHECK_FALSE(world.core->link->spool_of("e2").has_value());
}

TEST_CASE("a spool is adopted by an edge that may, and by no other; the one before it is of no session any more") {
  World world(14);
  world.core_options.edges = {{"e1", "r1"}, {"e2", "r1", {"e3", "e1"}}, {"e3", "r1"}};
  start(world);
  publish(world, Lane::event, 3);
  REQUIRE(world.drain());
  link::Hello hello;
  hello.region = "r1";
  hello.spool = uuid_of(0xED);
  hello.session = 5;
  const auto say = [&](const std::string& edge, bool adopt) {
    hello.edge = edge;
    hello.adopt = adopt;
    world.core_alarms.clear();
    world.core_event(bridge::core::Message{edge, {link::Channel::urgent, link::Kind::hello}, link::encode(hello)});
    return world.core->link->spool_of(edge).has_value();
  };
  CHECK_FALSE(say("e2", false));
  CHECK_FALSE(say("e3", true));
  CHECK(world.core->link->spool_of("e1").has_value());
  SECTION("the disk takes it") {
    CHECK(say("e2", true));
    REQUIRE(world.core_alarms.size() == 1);
    CHECK(world.core_alarms.front().reason == Reason::SPOOL_ADOPTED);
    CHECK_FALSE(world.core->link->spool_of("e1").has_value());
    world.stop_core();
    REQUIRE(world.start_core() == "");
    CHECK(say("e2", false));
    CHECK_FALSE(say("e1", true));
  }
  SECTION("the disk refuses it: nothing has changed") {
    world.core_disk.fail(SimCall::fdatasync, Fault::io, 0, 1);
    CHECK_FALSE(say("e2", true));
    CHECK_FALSE(say("e2", false));
    CHECK(world.core->link->spool_of("e1").has_value());
    CHECK(say("e2", true));
  }
}

TEST_CASE("ends without a common version of the link say LINK_VERSION, drop the link, and go on when there is one") {
  World world(13);
  SECTION("the edge is of another version") {
    REQUIRE(world.start_broker().empty());
    REQUIRE(world.start_core() == "");
    REQUIRE(world.start_edge().empty());
    link::Hello hello = link::decode_hello(world.packets.front().bytes).value();
    hello.version_min = link::kVersion + 1;
    hello.version_max = link::kVersion + 2;
    world.packets = {{true, {link::Channel::urgent, link::Kind::hello}, link::encode(hello)}};
    REQUIRE(world.deliver({}));
    REQUIRE(world.core_alarms.size() == 1);
    CHECK(world.core_alarms.front().reason == Reason::LINK_VERSION);
    CHECK_FALSE(world.core->link->spool_of("e1").has_value());
    REQUIRE(world.packets.size() == 1);
    CHECK(world.packets.front().address.kind == link::Kind::rejected);
  }
  SECTION("the core is of another version") {
    start(world);
    REQUIRE(world.drain());
    link::Hello hello;
    hello.version_min = hello.version_max = link::kVersion + 1;
    hello.edge = "e1";
    hello.spool = uuid_of(0xED);
    hello.session = world.session;
    world.packets = {{false, {link::Channel::urgent, link::Kind::hello}, link::encode(hello)}};
  }
  const std::uint64_t session = world.session;
  REQUIRE(world.deliver({}));
  CHECK(alarmed(world, Reason::LINK_VERSION));
  CHECK(world.dropped_links == 1);
  CHECK(world.session == session + 1);
  publish(world, Lane::event, 2);
  CHECK(world.drain());
}

TEST_CASE("a batch that does not decode is kept as a dead letter, settled as lost, and the lane goes on") {
  World world(10);
  start(world);
  for (unsigned n = 0; n < 40 && world.deliver({}); ++n) continue;
  publish(world, Lane::event, 3);
  world.packets.clear();
  const Digest after = world.edge->readers[index_of(Lane::event)]->digest_before({3}).value();
  world.core_event(bridge::core::Message{
      "e1", {link::Channel::urgent, link::Kind::batch}, without_columns(world.session, Lane::event, 3, after)});
  CHECK(world.core->link->counters().rejected == 1);
  CHECK(world.core->dead_letters->size() == 1);
  world.link_up();
  publish(world, Lane::event, 2);
  CHECK(world.drain());
  const spool::Standing& standing = world.core->log->durable().of(uuid_of(0xED), Lane::event);
  CHECK(standing.totals == spool::Totals{2, 0, 0, 0, 3});
  CHECK(standing.totals == world.edge->settlements[index_of(Lane::event)]->standing().totals);
}

TEST_CASE(
    "a batch that is too large for the core is sent again in less, and only a record too large by itself is lost") {
  World world(15);
  std::uint64_t lost = 0;
  SECTION("bytes") { world.core_options.limits.raw_bytes_max = 12U << 10U; }
  SECTION("records") { world.core_options.limits.records_max = 3; }
  SECTION("payloads") { world.core_options.limits.payload_bytes_max = 4'000; }
  SECTION("one record by itself") {
    world.core_options.limits.raw_bytes_max = 12U << 10U;
    lost = 1;
  }
  SECTION("one record by itself, for the core log alone") {
    world.sizes.core_record_bytes_max = 12U << 10U;
    lost = 1;
  }
  start(world);
  REQUIRE(world.drain());
  for (unsigned n = 0; n < 30; ++n) {
    const std::size_t bytes = lost > 0 && n == 17 ? 20'000 : 900;
    world.append(Lane::bulk, record_body(Lane::bulk, "V1", n + 1, bytes));
  }
  REQUIRE(world.commit(Lane::bulk));
  const bool dry = world.drain();
  for (const auto& alarm : world.core_alarms) UNSCOPED_INFO(alarm.sentence);
  REQUIRE(dry);
  const spool::Standing& standing = world.core->log->durable().of(uuid_of(0xED), Lane::bulk);
  CHECK(standing.totals == spool::Totals{30 - lost, 0, 0, 0, lost});
  CHECK(standing.totals == world.edge->settlements[index_of(Lane::bulk)]->standing().totals);
  CHECK(world.core->dead_letters->size() == lost);
  CHECK(alarmed(world, Reason::BATCH_TOO_LARGE));
}

TEST_CASE("bytes whose range cannot even be read are kept and change nothing") {
  World world(12);
  start(world);
  world.core_event(bridge::core::Message{"e1", {link::Channel::urgent, link::Kind::batch}, {1, 2, 3}});
  CHECK(world.core->link->counters().undecodable == 1);
  CHECK(world.core->dead_letters->size() == 1);
  publish(world, Lane::event, 1);
  CHECK(world.drain());
}

TEST_CASE("a disk fault of the core log acknowledges nothing and loses nothing") {
  World world(11);
  start(world);
  REQUIRE(world.drain());
  publish(world, Lane::event, 5);
  world.core_disk.fail(SimCall::fdatasync, Fault::io, 0, 20);
  for (unsigned n = 0; n < 10; ++n) {
    while (world.deliver({})) continue;
    world.core_event(bridge::core::Flush{});
    world.tick(10);
  }
  CHECK(settled(world, Lane::event) == Offset{0});
  world.core_disk.clear_faults();
  CHECK(world.drain());
  CHECK(settled(world, Lane::event) == Offset{5});
  CHECK(world.core->link->counters().log_faults > 0);
}

TEST_CASE("what the core log could not make durable and is sent again is charged to the credit once") {
  World world(20);
  std::uint64_t limit = 0;  // of the last credit of the lane
  world.seams.delivering = [&](const Packet& packet) {
    if (packet.address.kind != link::Kind::credit) return;
    const auto credit = link::decode_credit(packet.bytes);
    REQUIRE(credit.ok());
    if (credit.value().lane == Lane::event) limit = credit.value().limit_bytes;
  };
  start(world);
  REQUIRE(world.drain());
  const std::uint64_t window = world.core_options.window_bytes;
  REQUIRE(limit == window);
  publish(world, Lane::event, 1);  // from here on it is the log alone that fails
  REQUIRE(world.drain());
  publish(world, Lane::event, 20);
  const std::uint64_t sent_bytes = [&] {
    std::uint64_t bytes = 0;
    for (const Bytes& body : world.journal[index_of(Lane::event)]) bytes += spool::framed_bytes(body.size());
    return bytes;
  }();
  world.core_disk.fail(SimCall::fdatasync, Fault::io, 0, 10'000);
  std::uint64_t faults = 0;
  for (unsigned n = 0; n < 2000 && faults < 20; ++n) {
    while (world.deliver({})) continue;
    world.core_event(bridge::core::Flush{});
    world.tick(100);
    faults = world.core->link->counters().log_faults;
  }
  REQUIRE(faults == 20);
  world.core_disk.clear_faults();
  REQUIRE(world.drain());
  world.tick(200);
  REQUIRE(world.drain());
  CHECK(settled(world, Lane::event) == Offset{21});
  CHECK(limit <= sent_bytes + window);
  CHECK(world.core->link->counters().overrun == 0);
  CHECK(world.dropped_links == 0);
}

}  // namespace wayside::test
