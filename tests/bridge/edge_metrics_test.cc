#include "bridge/run/edge_metrics.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/simulation/world.h"

namespace wayside::test {
namespace {

void ship(World& world, unsigned count) {
  REQUIRE(world.start_broker() == "");
  REQUIRE(world.start_core() == "");
  REQUIRE(world.start_edge() == "");
  for (unsigned n = 0; n < count; ++n) world.append(Lane::event, record_body(Lane::event, "V1", n));
  REQUIRE(world.commit(Lane::event));
  REQUIRE(world.drain());
}

}  // namespace

TEST_CASE("when another spool takes the place of one, what the bridge counts goes on rising") {
  const auto registry = metrics::Registry::create();
  bridge::run::EdgeMetrics shown(*registry, "core:8883");
  const auto delivered = [&] {
    return registry->counter("wayside_ledger_records_total", "", {{"lane", "event"}, {"outcome", "delivered"}}).value();
  };
  const auto batches = [&] {
    return registry->counter("wayside_link_batches_total", "", {{"lane", "event"}, {"kind", "first"}}).value();
  };
  World before(1);
  ship(before, 20);
  shown.show(*before.edge->link, {}, {});
  CHECK(delivered() == 20);
  const double batches_before = batches();
  CHECK(batches_before > 0);

  World after(2);
  ship(after, 5);
  shown.begin_spool();
  shown.show(*after.edge->link, {}, {});
  shown.show(*after.edge->link, {}, {});
  CHECK(delivered() == 25);
  CHECK(batches() > batches_before);
}

}  // namespace wayside::test
