#include "common/whole_file.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/sim_disk.h"

using namespace wayside;
using test::SimCall;
using test::SimDisk;

namespace {

Bytes bytes_of(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

std::string loaded(SimDisk& disk) {
  const auto bytes = load_whole(disk, "/d", "name", 64);
  REQUIRE(bytes.ok());
  return *bytes ? std::string(as_text(**bytes)) : "(none)";
}

}  // namespace

TEST_CASE("a file that is stored whole is the old one or the new one, whatever call fails and after a loss of power") {
  for (const SimCall call : {SimCall::open, SimCall::pwrite, SimCall::fdatasync, SimCall::rename, SimCall::fsync_dir}) {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      INFO("call " << static_cast<int>(call) << ", seed " << seed);
      SimDisk disk;
      REQUIRE(disk.make_dir("/d").ok());
      REQUIRE(store_whole(disk, "/d", "name", as_bytes("old")).ok());
      disk.fail(call, Fault::io);
      CHECK_FALSE(store_whole(disk, "/d", "name", as_bytes("newer")).ok());
      CHECK(disk.fired(call) == 1);
      SeededRng rng(seed);
      disk.power_loss(rng);
      const std::string after = loaded(disk);
      CHECK((after == "old" || (call == SimCall::fsync_dir && after == "newer")));
      // The next try does not mind what this one left.
      REQUIRE(store_whole(disk, "/d", "name", as_bytes("newest")).ok());
      disk.power_loss(rng);
      CHECK(loaded(disk) == "newest");
      CHECK(disk.files() == std::vector<std::string>{"/d/name"});
    }
  }
}

TEST_CASE("a file that is replaced whole stays open, and what lies beside another name is not touched") {
  SimDisk disk;
  REQUIRE(disk.make_dir("/d").ok());
  disk.put("/d/name.new", bytes_of("somebody else's"));
  const auto file = replace_whole(disk, "/d", "name", as_bytes("one"), ".tmp");
  REQUIRE(file.ok());
  REQUIRE((*file)->pwrite(as_bytes(" more"), 3).ok());
  CHECK(loaded(disk) == "one more");
  CHECK(disk.content("/d/name.new") == bytes_of("somebody else's"));
}

TEST_CASE("a file that is not there is none, and one that is too large is corrupt") {
  SimDisk disk;
  REQUIRE(disk.make_dir("/d").ok());
  CHECK(loaded(disk) == "(none)");
  disk.put("/d/name", Bytes(65));
  const auto bytes = load_whole(disk, "/d", "name", 64);
  REQUIRE_FALSE(bytes.ok());
  CHECK(bytes.error().fault == Fault::corrupt);
}
