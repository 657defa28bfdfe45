// The edge's volume as it is now, to come back later as an old copy. Owns: what it holds. Thread: the world's.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include "tests/simulation/world.h"

namespace wayside::test {

struct VolumeCopy {
  explicit VolumeCopy(const World& world)
      : image(world.edge_disk.image()),
        journal(world.journal),
        refused(world.refused),
        committed(world.committed),
        uuid(world.spool_uuid) {}
  // Stops broker and bridge; a broker starts on the copy.
  void put_back(World& world) const {
    world.stop_edge();
    world.stop_broker();
    world.edge_disk.put_back(image);
    world.journal = journal;
    world.refused = refused;
    world.committed = committed;
    world.spool_uuid = uuid;
    REQUIRE(world.start_broker() == "");
  }

  SimDisk::Image image;
  std::array<std::vector<Bytes>, kLanes> journal;
  std::array<std::vector<std::vector<Bytes>>, kLanes> refused;
  std::array<Offset, kLanes> committed;
  SpoolUuid uuid;
};

}  // namespace wayside::test
