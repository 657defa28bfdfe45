// Looking at lanes on a real disk: what is damaged is named, what is whole is not, and nothing changes.
#include "spool/inspect.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "common/os/ahead_disk.h"
#include "common/os/posix_disk.h"
#include "spool/dry_disk.h"
#include "spool/segment_walker.h"
#include "spool/settlement.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::spool;
using namespace wayside::test;
namespace fs = std::filesystem;

namespace {

const Identity kIdentity{test_uuid(), Lane::state};

bool same(const Damage& one, const Damage& other) {
  return one.path == other.path && one.what == other.what && one.first == other.first && one.end == other.end &&
         one.at == other.at && one.bytes == other.bytes && one.after == other.after && one.before == other.before;
}

bool same(const LaneVerdict& one, const LaneVerdict& other) {
  return one.oldest == other.oldest && one.synced == other.synced && one.settled == other.settled &&
         one.segments == other.segments && one.records == other.records && one.lost == other.lost &&
         one.bytes == other.bytes && one.digest == other.digest &&
         std::equal(one.damages.begin(), one.damages.end(), other.damages.begin(), other.damages.end(),
                    [](const Damage& a, const Damage& b) { return same(a, b); });
}

// A lane in a temporary folder.
struct RealLane {
  TempDir dir{"inspect"};
  std::unique_ptr<Disk> disk = os::make_posix_disk();
  LaneOptions options = lane_options(dir.path() + "/state");

  [[nodiscard]] std::string segment(std::uint64_t base) const { return segment_path(options.dir, {base}); }
  // Plainly and through a disk that reads ahead, as the command does: the same is found.
  LaneVerdict verify(std::vector<std::pair<Offset, bool>>* salvaged = nullptr) {
    std::vector<std::pair<Offset, bool>> salvaged_plainly;
    const LaneVerdict plain = verify_over(*disk, &salvaged_plainly);
    std::vector<std::pair<Offset, bool>> salvaged_ahead;
    os::AheadDisk ahead(*disk);
    LaneVerdict verdict = verify_over(ahead, &salvaged_ahead);
    CHECK(same(plain, verdict));
    CHECK(salvaged_plainly == salvaged_ahead);
    if (salvaged != nullptr) *salvaged = salvaged_ahead;
    return verdict;
  }
  LaneVerdict verify_over(Disk& below, std::vector<std::pair<Offset, bool>>* salvaged = nullptr) {
    DryDisk dry(below);
    VerifyOptions verify;
    verify.on_salvage = [salvaged](const Salvage& found) {
      if (salvaged != nullptr) salvaged->emplace_back(found.offset, found.proven);
    };
    auto verdict = verify_lane(dry, options.dir, kIdentity, verify);
    if (!verdict) FAIL(verdict.error().what);
    CHECK(dry.notes().empty());
    return std::move(verdict).value();
  }
  DryRun dry_run() {
    auto run = dry_recover(*disk, options.dir, kIdentity);
    if (!run) FAIL(run.error().what);
    return std::move(run).value();
  }
  // Every file with its content, to see that nothing changes.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(dir.path())) {
      if (entry.is_regular_file()) out[entry.path().string()] = slurp(entry.path().string());
    }
    return out;
  }
};

void flip(const std::string& path, std::uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const auto byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
  REQUIRE(file.good());
}

// Three groups of 4, 4 and 4 records of 300 bytes; where the groups stand.
std::vector<std::uint64_t> three_groups(RealLane& lane, bool seal) {
  auto writer = open_writer(*lane.disk, lane.options);
  for (int i = 0; i < 3; ++i) put_group(*writer, 4, 300);
  if (seal) REQUIRE(writer->seal().ok());
  auto walker = SegmentWalker::open(*lane.disk, lane.options.dir, kIdentity, {0});
  REQUIRE(walker.ok());
  std::vector<std::uint64_t> places;
  while ((*walker)->skip_group({UINT64_MAX}).value()) places.push_back((*walker)->group_position());
  return places;
}

}  // namespace

TEST_CASE("a whole lane verifies to its writer's digest, open and sealed, over many segments") {
  RealLane lane;
  Digest digest;
  {
    auto writer = open_writer(*lane.disk, lane.options);
    for (int i = 0; i < 60; ++i) put_group(*writer, 7, 300);
    digest = writer->digest();
  }
  const auto verdict = lane.verify();
  CHECK(verdict.intact());
  CHECK(verdict.segments > 2);
  CHECK(verdict.records == 420);
  CHECK(verdict.synced.value == 420);
  CHECK(verdict.digest == digest);
  DryDisk dry(*lane.disk);
  const auto listed = list_lane(dry, lane.options.dir, kIdentity);
  REQUIRE(listed.ok());
  REQUIRE(listed->size() == verdict.segments);
  for (std::size_t i = 0; i < listed->size(); ++i) {
    const auto& segment = (*listed)[i];
    CHECK(segment.sealed == (i + 1 < listed->size()));
    CHECK(segment.end.value == (i + 1 < listed->size() ? (*listed)[i + 1].base.value : 420));
    REQUIRE(segment.first.has_value());
    REQUIRE(segment.last.has_value());
    CHECK(*segment.first == time_of(segment.base.value + 7));
    CHECK(*segment.last == time_of(segment.end.value));
  }
}

TEST_CASE("verify names the offset, the times and what can still be read of a damaged record") {
  RealLane lane;
  const auto places = three_groups(lane, false);
  flip(lane.segment(0), places[1] + 400);  // in the first or second record of group 1
  std::vector<std::pair<Offset, bool>> salvaged;
  const auto verdict = lane.verify(&salvaged);
  REQUIRE(verdict.damages.size() == 1);
  const auto& damage = verdict.damages[0];
  CHECK(damage.end - damage.first == 1);
  CHECK(damage.first.value >= 4);
  CHECK(damage.end.value <= 6);
  CHECK(damage.after == time_of(damage.first.value - 1));
  CHECK(damage.before == time_of(damage.end.value));
  CHECK(verdict.records == 11);
  CHECK(verdict.lost == 1);
  REQUIRE(salvaged.size() == 1);
  CHECK(salvaged[0] == std::pair<Offset, bool>{damage.first, false});
}

TEST_CASE("records behind a damaged group header are lost to readers and named by verify") {
  RealLane lane;
  const auto places = three_groups(lane, true);
  flip(lane.segment(0), places[1] + 20);
  std::vector<std::pair<Offset, bool>> salvaged;
  const auto verdict = lane.verify(&salvaged);
  REQUIRE(verdict.damages.size() == 1);
  CHECK(verdict.damages[0].first.value == 4);
  CHECK(verdict.damages[0].end.value == 8);
  CHECK(verdict.damages[0].at == places[1]);
  REQUIRE(salvaged.size() == 4);
  for (const auto& found : salvaged) CHECK(found.second);
}

TEST_CASE("a missing segment, a damaged footer and words of the page that differ are damage") {
  RealLane lane;
  {
    auto writer = open_writer(*lane.disk, lane.options);
    for (int i = 0; i < 60; ++i) put_group(*writer, 7, 300);
  }
  const auto bases = list_segments(*lane.disk, lane.options.dir).value();
  REQUIRE(bases.size() > 2);
  SECTION("missing segment") {
    fs::remove(lane.segment(bases[1].value));
    const auto verdict = lane.verify();
    REQUIRE(verdict.damages.size() == 1);
    CHECK(verdict.damages[0].first == bases[1]);
    CHECK(verdict.damages[0].end == bases[2]);
    CHECK(verdict.lost == bases[2] - bases[1]);
  }
  SECTION("footer") {
    const auto size = fs::file_size(lane.segment(bases[0].value));
    flip(lane.segment(bases[0].value), size - kSectorBytes + 40);
    const auto verdict = lane.verify();
    REQUIRE(verdict.damages.size() == 1);
    CHECK(verdict.damages[0].what == "the footer is damaged");
    CHECK(verdict.lost == 0);
  }
  SECTION("header") {
    flip(lane.segment(bases[1].value), 30);
    const auto verdict = lane.verify();
    REQUIRE(verdict.damages.size() == 1);
    CHECK(verdict.damages[0].what == "the header is damaged");
    CHECK(verdict.records == 420);
  }
  SECTION("page") {
    flip(lane.options.dir + "/synced.page", 8);  // the copy falls or rises by 16
    CHECK_FALSE(lane.verify().intact());
  }
}

TEST_CASE("verify reads the settlement log: a damaged entry, a page ahead of it, another history") {
  RealLane lane;
  three_groups(lane, true);
  const auto settle = [&](std::uint64_t next, const Digest& digest) {
    auto log = SettlementLog::open(*lane.disk, lane.options.dir, test_uuid(), Lane::state);
    REQUIRE(log.ok());
    for (std::uint64_t at = 1; at <= next; ++at) {
      REQUIRE((*log)->settle({{at}, at == next ? digest : digest_of(at, 300), {at, 0, 0, 0, 0}, {}}).ok());
    }
  };
  settle(8, digest_of(8, 300));
  CHECK(lane.verify().intact());
  CHECK(lane.verify().settled.value == 8);
  SECTION("entry") {
    flip(lane.options.dir + "/settlement.log", 2 * kSectorBytes + 30);
    CHECK(lane.verify().damages.size() == 1);
  }
  SECTION("last entry") {
    const auto size = fs::file_size(lane.options.dir + "/settlement.log");
    flip(lane.options.dir + "/settlement.log", size - kSectorBytes + 30);
    CHECK(lane.verify().damages.size() == 1);  // the page tells
  }
  SECTION("another history") {
    fs::remove(lane.options.dir + "/settlement.log");
    fs::remove(lane.options.dir + "/settled.page");
    settle(8, digest_of(7, 300));
    const auto verdict = lane.verify();
    REQUIRE(verdict.damages.size() == 1);
    CHECK(verdict.lost == 0);
  }
}

TEST_CASE("a dry run of recovery says what the open then does, and changes nothing") {
  RealLane lane;
  const auto places = three_groups(lane, false);
  bool torn = false;
  SECTION("intact") {}
  SECTION("rot") { flip(lane.segment(0), places[1] + 400); }
  SECTION("torn tail") {
    std::fstream file(lane.segment(0), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(places[2] + (places[2] - places[1])));
    file << "half a group";
    torn = true;
  }
  SECTION("a claimed group that is not there") {
    fs::resize_file(lane.segment(0), places[2] + kSectorBytes);
    auto page = lane.disk->map_word(lane.options.dir + "/synced.page", 0).value();
    auto copy = lane.disk->map_word(lane.options.dir + "/synced.page", 1).value();
    page->store(4);
    copy->store(4);
    torn = true;  // its first sector stands there
  }
  const auto before = lane.files();
  const auto run = lane.dry_run();
  CHECK(lane.files() == before);
  CHECK_FALSE(run.moving);
  CHECK((run.recovery.torn_bytes > 0) == torn);
  Recovery real;
  open_writer(*lane.disk, lane.options, {}, &real);
  CHECK(run.recovery.synced == real.synced);
  CHECK(run.recovery.torn_bytes == real.torn_bytes);
  CHECK(run.recovery.lost == real.lost);
  CHECK(run.recovery.tail_unknown == real.tail_unknown);
  CHECK(run.recovery.sentences == real.sentences);
  CHECK_FALSE(run.changes.empty());
}

TEST_CASE("verify finds exactly the offsets that a reader gives out as lost, wherever a byte is damaged") {
  RealLane lane;
  {
    auto writer = open_writer(*lane.disk, lane.options);
    for (int i = 0; i < 24; ++i) put_group(*writer, 7, 300);
  }
  const auto bases = list_segments(*lane.disk, lane.options.dir).value();
  REQUIRE(bases.size() >= 2);
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::size_t found = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string path = lane.segment(bases[random() % 2].value);
    const std::uint64_t at = random() % fs::file_size(path);
    INFO(path << " at " << at);
    flip(path, at);
    const auto verdict = lane.verify();
    std::vector<std::uint64_t> lost;
    auto reader = open_reader(*lane.disk, lane.options);
    for (const auto& record : read_all(*reader)) {
      if (record.lost) lost.push_back(record.offset.value);
      if (!record.lost) CHECK(record.body == body_of(record.offset.value, 300));
    }
    std::vector<std::uint64_t> named;
    for (const auto& damage : verdict.damages) {
      for (Offset gone = damage.first; gone < damage.end; gone = gone + 1) named.push_back(gone.value);
    }
    CHECK(named == lost);
    CHECK(verdict.lost == lost.size());
    CHECK(verdict.records + verdict.lost == 168);
    found += lost.empty() ? 0 : 1;
    flip(path, at);
  }
  CHECK(found > 20);
  CHECK(lane.verify().intact());
}

TEST_CASE("verify finds the same in segments of several MiB, read ahead or not: damage, a hole, large records") {
  RealLane lane;
  lane.options.segment_bytes_max = 3U << 20U;
  {
    auto writer = open_writer(*lane.disk, lane.options);
    for (int i = 0; i < 12; ++i) put_group(*writer, 4, 300'000);
    put_group(*writer, 2, 1U << 20U);
    for (int i = 0; i < 20; ++i) put_group(*writer, 200, 300);
  }
  const auto bases = list_segments(*lane.disk, lane.options.dir).value();
  REQUIRE(bases.size() > 5);
  CHECK(lane.verify().intact());
  SECTION("in a record") { flip(lane.segment(bases[1].value), 1'500'000); }
  SECTION("where a piece begins") { flip(lane.segment(bases[1].value), 1U << 20U); }
  SECTION("a group header") { flip(lane.segment(bases[2].value), kHeaderBytes + 20); }
  SECTION("a segment is gone") { fs::remove(lane.segment(bases[2].value)); }
  SECTION("a segment is cut") { fs::resize_file(lane.segment(bases[3].value), 1'200'000); }
  SECTION("a segment is empty") { fs::resize_file(lane.segment(bases[3].value), 0); }
  CHECK_FALSE(lane.verify().intact());
}

TEST_CASE("verify and a dry run beside a writer at work find no damage") {
  RealLane lane;
  auto writer = open_writer(*lane.disk, lane.options);
  put_group(*writer, 3);
  // Assertions are this thread's alone: Catch2 does not take them from two.
  std::atomic<bool> wrote = true;
  std::jthread writing([&](const std::stop_token& stop) {
    while (wrote && !stop.stop_requested()) {
      for (int i = 0; i < 5; ++i) {
        const std::uint64_t n = writer->appended().value;
        const auto appended = writer->append(body_of(n, 300), cohort_of(n), time_of(n), nullptr);
        if (appended != AppendOutcome::appended) wrote = false;
      }
      if (!writer->commit(time_of(writer->appended().value)).ok()) wrote = false;
      if (writer->synced().value % 50 < 5 && !writer->release_below({writer->synced().value / 2}).ok()) wrote = false;
    }
  });
  for (int look = 0; look < 60; ++look) {
    os::AheadDisk ahead(*lane.disk);
    const auto verdict = lane.verify_over(look % 2 == 0 ? static_cast<Disk&>(ahead) : *lane.disk);
    for (const auto& damage : verdict.damages) FAIL_CHECK(damage.path + ": " + damage.what);
    const auto run = lane.dry_run();
    if (!run.moving) CHECK(run.recovery.lost == 0);
  }
  writing.request_stop();
  writing.join();
  CHECK(wrote);
}
