// `wayside spool adopt` over a real link: the volume of an edge that is no more reaches the core by another edge.
#include <thread>

#include "spool/move.h"
#include "tests/integration/bridge_fixture.h"

namespace wayside::test {
namespace {

void publish_some(BridgeFixture& world, unsigned count) {
  for (unsigned n = 0; n < count; ++n) {
    const std::string text = "number " + std::to_string(n);
    world.append(Lane::event, "v1/V1/event/door", as_bytes(text));
    world.append(Lane::ack, "v1/V1/status/aaaaaaaaaaaaaaaaaaaaaaaaaa", as_bytes(text));
    world.append(Lane::bulk, "v1/V1/bulk/log", as_bytes(text));
  }
  for (const Lane lane : kAllLanes) world.commit(lane);
}

// The core knows a second edge, and the core broker gives it its tree.
void add_second_edge(const BridgeFixture& world, const std::string& adopts) {
  world.dir().write("links.acl",
                    slurp(world.dir() / "links.acl") +
                        "user edge-2\ntopic write wayside/edge-2/up/#\ntopic read wayside/edge-2/down/#\n");
  world.dir().write("core.toml", slurp(world.dir() / "core.toml") +
                                     "[[edge]]\nname = \"edge-2\"\nregion = \"demo\"\nadopts = \"" + adopts + "\"\n");
  std::string config = slurp(world.dir() / "edge.toml");
  const auto put = [&](const std::string& old, const std::string& fresh) {
    for (std::size_t at = 0; (at = config.find(old, at)) != std::string::npos; at += fresh.size()) {
      config.replace(at, old.size(), fresh);
    }
  };
  put("edge-1", "edge-2");
  put("state_dir = \"" + (world.dir() / "edge"), "state_dir = \"" + (world.dir() / "second"));
  world.dir().write("second.toml", config);
}

std::vector<std::string> adopt(const BridgeFixture& world, const std::string& timeout_s) {
  return {WAYSIDE_BIN_DIR "/wayside",  "spool",     "adopt",  world.dir() / "edge", "--config",
          world.dir() / "second.toml", "--timeout", timeout_s};
}

}  // namespace

TEST_CASE("a volume whose edge is no more is adopted by another and reaches the file sink once, whatever is killed") {
  BridgeFixture world;
  add_second_edge(world, "edge-3, edge-1");
  world.open_spool();
  world.start_mosquitto();
  world.start_core();
  world.start_edge();
  publish_some(world, 40);
  REQUIRE(wait_until([&] { return world.settled(Lane::event).next.value > 0; }, 20'000));
  publish_some(world, 400);
  world.edge().kill_now();  // with batches on their way
  publish_some(world, 400);

  const Ran in_use = run(adopt(world, "20"));
  INFO(in_use.output);
  CHECK(in_use.exit_code == 4);  // its broker still holds the volume
  world.close_spool();

  const Ran would = run({WAYSIDE_BIN_DIR "/wayside", "spool", "adopt", world.dir() / "edge", "--dry-run", "--json"});
  INFO(would.output);
  CHECK(would.exit_code == 0);
  CHECK(would.output.find("\"lane\":\"event\",\"received\":\"840\"") != std::string::npos);

  world.core().kill_now();
  const Ran alone = run(adopt(world, "2"));
  INFO(alone.output);
  CHECK(alone.exit_code == 5);
  {
    Process cut(adopt(world, "60"), {.output = world.dir() / "adopt.log"});
    world.start_core();
    const auto begun = [&] { return world.settled(Lane::bulk).next.value > 40; };
    (void)wait_until(begun, 10'000);
    cut.kill_now();
  }
  const Ran done = run(adopt(world, "60"), 70'000);
  INFO(done.output);
  REQUIRE(done.exit_code == 0);
  CHECK(done.output.find("\"adopted\":true") != std::string::npos);
  CHECK(run(adopt(world, "20")).exit_code == 0);  // nothing is left: again is nothing

  world.open_spool();
  const bool all = wait_until([&] { return world.all_settled() && world.missing_or_twice().empty(); }, 30'000);
  INFO(world.logs());
  INFO(world.missing_or_twice());
  CHECK(all);
  for (const Lane lane : {Lane::ack, Lane::event, Lane::bulk}) {
    CHECK(world.settled(lane).totals == spool::Totals{840, 0, 0, 0, 0});
  }
  // The edge it was of comes back: its uuid is another's now.
  world.start_edge();
  CHECK(wait_until([&] { return slurp(world.dir() / "bridge-edge.log").find("EDGE_MISMATCH") != std::string::npos; },
                   20'000));
}

TEST_CASE("a core that does not let an edge adopt refuses it, and a bridge of that edge at work is told of") {
  BridgeFixture world;
  add_second_edge(world, "edge-3");
  world.open_spool();
  world.start_mosquitto();
  world.start_core();
  world.start_edge();
  publish_some(world, 5);
  REQUIRE(wait_until([&] { return world.all_settled(); }, 20'000));
  world.edge().kill_now();
  publish_some(world, 5);
  world.close_spool();
  const Ran refused = run(adopt(world, "20"));
  INFO(refused.output);
  CHECK(refused.exit_code == 4);
  CHECK(refused.output.find("EDGE_MISMATCH") != std::string::npos);

  auto disk = os::make_posix_disk();
  auto own = spool::open_volume(*disk, world.dir() / "second/spool", spool::VolumeRole::writer, os::random_uuid());
  REQUIRE(own.ok());
  auto bridge = spool::open_volume(*disk, world.dir() / "second/spool", spool::VolumeRole::settler, {});
  REQUIRE(bridge.ok());
  const Ran busy = run(adopt(world, "20"));
  INFO(busy.output);
  CHECK(busy.exit_code == 4);
  CHECK(busy.output.find("stop it first") != std::string::npos);
}

TEST_CASE("a volume that its bridge had closed is adopted under the uuid that it goes on with") {
  BridgeFixture world;
  add_second_edge(world, "*");
  world.open_spool();
  world.start_mosquitto();
  world.start_core();
  publish_some(world, 20);
  spool::ClosingMark mark;
  mark.uuid = world.uuid();
  mark.lanes[index_of(Lane::event)].common = {15};
  const auto disk = os::make_posix_disk();
  REQUIRE(spool::store_closing(*disk, world.dir() / "edge/spool", mark).ok());
  world.close_spool();
  const Ran done = run(adopt(world, "60"), 70'000);
  INFO(done.output);
  REQUIRE(done.exit_code == 0);
  world.open_spool();
  CHECK(world.uuid() != mark.uuid);
  CHECK(world.head(Lane::event) == Offset{5});
  CHECK(world.head(Lane::bulk) == Offset{20});
  CHECK(wait_until([&] { return world.all_settled() && world.missing_or_twice().empty(); }, 30'000));
}

TEST_CASE("a volume from an old copy is not adopted: its lanes are FORKED, and what parted is named by lane") {
  namespace fs = std::filesystem;
  BridgeFixture world;
  add_second_edge(world, "*");
  world.open_spool();
  world.start_mosquitto();
  world.start_core();
  world.start_edge();
  publish_some(world, 20);
  REQUIRE(wait_until([&] { return world.all_settled(); }, 20'000));
  REQUIRE(world.edge().stop() == 0);
  fs::copy(world.dir() / "edge", world.dir() / "copy", fs::copy_options::recursive);
  world.start_edge();
  publish_some(world, 20);
  REQUIRE(wait_until([&] { return world.all_settled(); }, 20'000));
  world.edge().kill_now();
  world.close_spool();
  fs::rename(world.dir() / "edge", world.dir() / "gone");
  fs::rename(world.dir() / "copy", world.dir() / "edge");
  world.open_spool();
  for (unsigned n = 0; n < 30; ++n) world.append(Lane::event, "v1/V1/event/door", as_bytes("another one"));
  world.append(Lane::state, "v1/V1/state/Vehicle/Speed", as_bytes("1"));
  world.commit(Lane::event);
  world.commit(Lane::state);
  world.close_spool();
  const Ran ran = run(adopt(world, "30"), 40'000);
  INFO(ran.output);
  CHECK(ran.exit_code == 4);
  const auto says = [&](const std::string& text) { return ran.output.find(text) != std::string::npos; };
  CHECK(
      says("\"lane\":\"event\",\"received\":\"50\",\"delivered\":\"20\",\"compacted\":\"0\",\"resent\":\"0\","
           "\"expired\":\"0\",\"lost\":\"0\",\"pending\":\"30\",\"forked\":true"));
  CHECK(says("\"lane\":\"bulk\",\"received\":\"20\""));
  CHECK(says("\"lane\":\"state\",\"received\":\"1\",\"delivered\":\"1\""));  // what has not parted is shipped
}

}  // namespace wayside::test
