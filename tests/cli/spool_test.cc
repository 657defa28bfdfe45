// `wayside spool` as people and scripts see it.
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "common/os/posix_disk.h"
#include "schemas/record.h"
#include "spool/lane.h"
#include "spool/settlement.h"
#include "spool/spool.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

using namespace wayside;

namespace {

constexpr const char* kVehicle = "WSYDEM00000000042";

test::Ran run_spool(std::vector<std::string> args) {
  const std::vector<std::string> program = {std::string(WAYSIDE_BIN_DIR) + "/wayside", "spool"};
  args.insert(args.begin(), program.begin(), program.end());
  return test::run(args);
}

bool says(const test::Ran& ran, const std::string& text) { return ran.output.find(text) != std::string::npos; }

// A volume with six custody records of one vehicle in the lane state, its writer still there.
struct UsedVolume {
  test::TempDir dir{"spool"};
  std::unique_ptr<Disk> disk = os::make_posix_disk();
  std::string root = dir / "edge/spool";
  spool::Volume volume;
  std::unique_ptr<spool::LaneWriter> writer;

  UsedVolume() {
    SpoolUuid uuid;
    uuid.bytes.fill(7);
    auto opened = spool::open_volume(*disk, root, spool::VolumeRole::writer, uuid);
    REQUIRE(opened.ok());
    volume = std::move(opened).value();
    spool::LaneOptions options;
    options.dir = volume.lane_dir(Lane::state);
    options.uuid = volume.uuid;
    auto lane = spool::LaneWriter::open(*disk, options, {}, nullptr);
    REQUIRE(lane.ok());
    writer = std::move(lane).value();
    for (int group = 0; group < 3; ++group) put_group();
  }
  void put_group() const {
    const std::string payload(200, 'x');
    const std::string topic = std::string("v1/") + kVehicle + "/state";
    schemas::RecordView record;
    record.vehicle = kVehicle;
    record.topic = topic;
    record.payload = as_bytes(payload);
    record.source_time = {1'700'000'000'000};
    Bytes body;
    schemas::encode_record(record, body);
    for (int i = 0; i < 2; ++i) {
      Offset offset;
      REQUIRE(writer->append(body, "", {1'700'000'000'000}, &offset) == spool::AppendOutcome::appended);
    }
    REQUIRE(writer->commit({1'700'000'000'500}).ok());
  }
  [[nodiscard]] std::string segment() const { return root + "/state/00000000000000000000.seg"; }
  // In the payload of the first record: its CRC fails, its vehicle can still be read.
  void damage() const {
    std::fstream file(segment(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((32 << 10) + 80 + 16 + 24 + 150);
    file.put('!');
    REQUIRE(file.good());
  }
};

}  // namespace

TEST_CASE("spool commands read a volume that is in use and change nothing") {
  const UsedVolume volume;
  const auto before = test::slurp(volume.segment());
  const auto listed = run_spool({"ls", volume.dir / "edge"});  // the state folder is enough
  INFO(listed.output);
  CHECK(listed.exit_code == 0);
  CHECK(says(listed, "open"));
  CHECK(says(listed, "2023-11-14T22:13:20.500Z"));
  const auto json = run_spool({"ls", volume.root, "--json"});
  CHECK(says(json, R"("base":"0","end":"6")"));
  const auto verified = run_spool({"verify", volume.root});
  CHECK(verified.exit_code == 0);
  CHECK(says(verified, "6 records intact, 0 lost"));
  const auto repair = run_spool({"repair", "--dry-run", volume.root});
  INFO(repair.output);
  CHECK(repair.exit_code == 0);
  CHECK(says(repair, "head 6"));
  CHECK(test::slurp(volume.segment()) == before);
  volume.put_group();  // and its writer goes on
}

namespace {

// As a user who may read the volume and write nothing of it, as on a read-only mount.
test::Ran run_as_reader(const UsedVolume& volume, std::vector<std::string> args) {
  namespace fs = std::filesystem;
  const std::string program = volume.dir / "bin/wayside";
  fs::create_directories(volume.dir / "bin");
  fs::copy_file(std::string(WAYSIDE_BIN_DIR) + "/wayside", program, fs::copy_options::overwrite_existing);
  std::vector<fs::path> paths = {volume.dir.path()};
  for (const auto& entry : fs::recursive_directory_iterator(volume.dir.path())) paths.push_back(entry.path());
  for (const auto& path : paths) {
    const bool enter = fs::is_directory(path) || path == program;
    fs::permissions(path, static_cast<fs::perms>(enter ? 0555 : 0444));
  }
  args.insert(args.begin(), program);
  if (geteuid() == 0) {
    args.insert(args.begin(), {"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"});
  }
  auto ran = test::run(args);
  for (const auto& path : paths) {
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
  }
  return ran;
}

}  // namespace

TEST_CASE("the ledger is read from a volume in use that its reader cannot write to, and nothing in it changes") {
  const UsedVolume volume;
  auto settlement =
      spool::SettlementLog::open(*volume.disk, volume.volume.lane_dir(Lane::state), volume.volume.uuid, Lane::state);
  REQUIRE(settlement.ok());
  spool::Standing standing;
  standing.next = {4};
  standing.totals = {2, 1, 1, 1, 0};
  REQUIRE((*settlement)->settle(standing).ok());
  for (const std::string& dir : {volume.root, volume.dir / "edge"}) {  // the state folder is enough
    const auto ran = run_as_reader(volume, {"ledger", dir, "--json"});
    INFO(ran.output);
    CHECK(ran.exit_code == 0);
    CHECK(says(ran, R"({"lane":"state","received":6,"delivered":2,"compacted":1,"resent":1,"expired":1,"lost":0,)"
                    R"("pending":2,"residual":0})"));
    CHECK(says(ran, R"({"lane":"event","received":0,)"));  // it has no folder yet, and gets none
  }
  CHECK_FALSE(std::filesystem::exists(volume.volume.lane_dir(Lane::event)));
  volume.put_group();
  CHECK(says(run_as_reader(volume, {"ledger", volume.root, "--json"}), R"("received":8,)"));
}

TEST_CASE("tail reads a volume that its reader cannot write to, and makes nothing in it") {
  const UsedVolume volume;
  const auto ran = run_as_reader(volume, {"tail", volume.dir / "edge", "--from", "oldest", "--no-follow", "--json"});
  INFO(ran.output);
  CHECK(ran.exit_code == 0);
  CHECK(says(ran, R"("offset":"5")"));
  CHECK_FALSE(std::filesystem::exists(volume.volume.lane_dir(Lane::event)));
}

TEST_CASE("the ledger of a core log is not taken for that of a spool") {
  const UsedVolume volume;
  const std::string core = volume.dir / "core";
  std::filesystem::create_directories(core);
  std::filesystem::rename(volume.root, core + "/corelog");
  CHECK(test::run({std::string(WAYSIDE_BIN_DIR) + "/wayside", "ledger", core}).exit_code == 2);
}

TEST_CASE("spool verify names what is gone: offsets, times, and vehicles by tag when the region's key is given") {
  const UsedVolume volume;
  volume.damage();
  const auto key = volume.dir.write("region.key", std::string(64, 'a') + "\n");
  const auto verified = run_spool({"verify", volume.root, "--region-key", key});
  INFO(verified.output);
  CHECK(verified.exit_code == 1);
  CHECK(says(verified, "offsets 0 to 0 are gone (1), between - and 2023-11-14T22:13:20.000Z"));
  CHECK(says(verified, "1 vehicles can still be told: veh:"));
  CHECK_FALSE(says(verified, kVehicle));
  const auto json = run_spool({"verify", volume.root, "--lane", "state", "--json"});
  CHECK(json.exit_code == 1);
  CHECK(says(json, R"("vehicles":"1")"));
  CHECK_FALSE(says(json, "veh:"));
  const auto dumped = run_spool({"dump", volume.root, "--lane", "state"});
  CHECK(dumped.exit_code == 0);
  CHECK(says(dumped, "0  lost"));
  const auto repair = run_spool({"repair", "--dry-run", volume.root, "--json"});
  CHECK(repair.exit_code == 1);
  CHECK(says(repair, R"("lost":"1")"));
}

TEST_CASE("spool dump shows vehicles only when asked to, in no field") {
  const UsedVolume volume;
  const auto hidden = run_spool({"dump", volume.root, "--lane", "state", "--from", "2", "--count", "3", "--json"});
  INFO(hidden.output);
  CHECK(hidden.exit_code == 0);
  CHECK(says(hidden, R"("offset":"2")"));
  CHECK(says(hidden, R"("offset":"4")"));
  CHECK_FALSE(says(hidden, R"("offset":"5")"));
  CHECK_FALSE(says(hidden, kVehicle));
  CHECK(says(hidden, R"("topic":"v1/veh:)"));
  const auto shown = run_spool({"dump", volume.root, "--lane", "state", "--show-vehicles", "--json"});
  CHECK(says(shown, std::string("v1/") + kVehicle + "/state"));
}

TEST_CASE("spool commands answer wrong use with 2") {
  const test::TempDir dir;
  CHECK(run_spool({"verify", dir.path()}).exit_code == 2);
  CHECK(run_spool({"ls", dir.path(), "--lane", "fast"}).exit_code == 2);
  CHECK(run_spool({"repair", dir.path()}).exit_code == 2);
  CHECK(run_spool({"dump", dir.path()}).exit_code == 2);
}
