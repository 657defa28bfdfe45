// The windows of source ids on disk: the formats of every version, and what a core log takes of a file that is missing,
// damaged, older or newer than its checkpoint, or of another log.
#include "bridge/core/window_file.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <set>

#include "bridge/core/core_log.h"
#include "bridge/core/seal.h"
#include "common/rng.h"
#include "tests/support/sim_disk.h"

namespace wayside::test {
namespace {

using namespace bridge::core;

constexpr WallMs kNow{1'700'000'000'000};
constexpr const char* kCheckpoint = "/core/log/standings.checkpoint";
constexpr const char* kWindow = "/core/log/source-ids.window";

Bytes golden(const std::string& name) {
  std::ifstream in(std::string(WAYSIDE_SOURCE_DIR) + "/tests/bridge/golden/" + name + ".hex");
  std::string hex;
  in >> hex;
  Bytes bytes;
  REQUIRE(from_hex(hex, bytes));
  REQUIRE_FALSE(bytes.empty());
  return bytes;
}

SpoolUuid uuid_of(std::uint8_t byte) {
  SpoolUuid uuid;
  uuid.bytes.fill(byte);
  return uuid;
}

CoreLogOptions options() {
  CoreLogOptions out;
  out.root = "/core/log";
  out.fresh = uuid_of(0xC0);
  out.segment_bytes_max = 128U << 10U;
  out.lane_bytes_max = 1U << 20U;
  return out;
}

// A core log of one edge whose lane `event` gets messages named by a number, each a batch of its own.
struct Core {
  SimDisk& disk;
  std::unique_ptr<CoreLog> log = {};
  std::vector<std::string> sentences = {};

  explicit Core(SimDisk& of) : disk(of) { open(); }
  void open() {
    log.reset();
    sentences.clear();
    auto opened = CoreLog::open(disk, options(), &sentences);
    REQUIRE(opened.ok());
    log = std::move(*opened);
    REQUIRE(log->bind(uuid_of(0xE1), "e1").ok());
  }
  [[nodiscard]] spool::Standing standing() const { return log->durable().of(uuid_of(0xE1), Lane::event); }
  [[nodiscard]] std::vector<CoreRecord> message(std::uint64_t number, std::size_t bytes) const {
    CoreRecord record;
    record.lane = Lane::event;
    record.uuid = uuid_of(0xE1);
    record.first = log->staged().of(uuid_of(0xE1), Lane::event).next;
    record.received = kNow;
    bridge::batch::Delivered body;
    body.offset = record.first;
    body.vehicle = "V1";
    body.topic = "v1/V1/event/door";
    body.cohort = "model-x";
    body.mid = "m" + std::to_string(number);
    body.payload.assign(bytes, 0x5A);
    record.what = std::move(body);
    return {record};
  }
  void stage(std::uint64_t number, std::size_t bytes = 10) {
    std::vector<CoreRecord> batch = message(number, bytes);
    log->settle_repeats(batch);
    REQUIRE(log->append(batch, kNow) == spool::AppendOutcome::appended);
  }
  void take(std::uint64_t number, std::size_t bytes = 10) {
    stage(number, bytes);
    REQUIRE(log->flush(kNow, nullptr).ok());
  }
  bool repeats(std::uint64_t number) {
    const std::uint64_t before = standing().totals.resent;
    take(number);
    return standing().totals.resent > before;
  }
  void checkpoint() { REQUIRE(log->checkpoint().ok()); }
  // Checkpoints, and lets everything that the checkpoint accounts for go.
  void release_all() {
    checkpoint();
    REQUIRE(log->seal().ok());
    take(1'000'000);
    checkpoint();
    REQUIRE(log->release(Lane::event, log->synced(Lane::event)).ok());
  }
  [[nodiscard]] bool said(const std::string& words) const {
    return std::any_of(sentences.begin(), sentences.end(),
                       [&](const std::string& line) { return line.find(words) != std::string::npos; });
  }
};

}  // namespace

TEST_CASE("the golden checkpoints of both versions read with their meaning, and version 1 is written byte by byte") {
  const auto first = decode_checkpoint(golden("checkpoint_version_1"));
  REQUIRE(first.ok());
  CHECK(first->next_sequence == 77);
  CHECK(first->accounted[index_of(Lane::command)] == Offset{100});
  CHECK(first->scan_from[index_of(Lane::command)] == Offset{90});
  CHECK(first->accounted[index_of(Lane::bulk)] == Offset{104});
  CHECK(first->standings.edges().at(uuid_of(0xA1)) == "edge-1");
  CHECK(first->standings.of(uuid_of(0xA1), Lane::state).totals == spool::Totals{10, 8, 3, 7, 5});
  CHECK(first->standings.of(uuid_of(0xB2), Lane::event).cohorts.at("model-y") == spool::Totals{2, 0, 0, 0, 0});
  CHECK_FALSE(first->windows.has_value());
  CHECK(encode_checkpoint(*first) == golden("checkpoint_version_1"));

  const auto second = decode_checkpoint(golden("checkpoint_version_2"));
  REQUIRE((second.ok() && second->windows.has_value()));
  const StoredWindow& event = (*second->windows)[index_of(Lane::event)];
  CHECK(event.as_of == second->accounted[index_of(Lane::event)]);
  REQUIRE(event.seen.size() == 2);
  CHECK(event.seen[0].vehicle == "V1");
  CHECK(event.seen[0].ids == std::vector<std::uint64_t>{1, 2, 3});
  CHECK(event.seen[1].ids == std::vector<std::uint64_t>{~0ULL});
  CHECK(encode_checkpoint(*second) == golden("checkpoint_version_1"));  // its standings are the same
}

TEST_CASE("the golden window of source ids reads with its meaning and is written byte by byte") {
  StoredWindows windows;
  for (const Lane lane : kAllLanes) {
    windows[index_of(lane)].as_of = {100 + index_of(lane)};
    windows[index_of(lane)].digest.emplace().bytes.fill(static_cast<std::uint8_t>(0xD0 + index_of(lane)));
  }
  windows[index_of(Lane::event)].seen = {{"V1", {1, 2, 3}}, {"V2", {~0ULL}}};
  windows[index_of(Lane::state)].seen = {{"V1", {7}}};
  CHECK(encode_windows(windows) == golden("window_version_1"));
  const auto read = decode_windows(golden("window_version_1"));
  REQUIRE(read.ok());
  for (const Lane lane : kAllLanes) {
    CHECK((*read)[index_of(lane)].as_of == windows[index_of(lane)].as_of);
    CHECK((*read)[index_of(lane)].digest == windows[index_of(lane)].digest);
  }
  REQUIRE((*read)[index_of(Lane::event)].seen.size() == 2);
  CHECK((*read)[index_of(Lane::event)].seen[0].ids == std::vector<std::uint64_t>{1, 2, 3});
  CHECK((*read)[index_of(Lane::state)].seen[0].vehicle == "V1");
}

TEST_CASE("no cut and no flipped bit of a window of source ids reads as one") {
  const Bytes bytes = golden("window_version_1");
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    CHECK_FALSE(decode_windows(ByteView(bytes).first(at)).ok());
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes damaged = bytes;
      damaged[at] ^= static_cast<std::uint8_t>(1U << bit);
      REQUIRE_FALSE(decode_windows(damaged).ok());
    }
  }
}

TEST_CASE("a window of source ids that is missing, torn or of another version costs only ids that the log let go") {
  SimDisk disk;
  Core core(disk);
  for (std::uint64_t n = 0; n < 10; ++n) core.take(n);
  core.release_all();
  core.take(10);
  core.checkpoint();
  const Bytes whole = disk.content(kWindow);
  core.log.reset();
  SECTION("missing") { disk.erase(kWindow); }
  SECTION("torn") { disk.put(kWindow, Bytes(whole.begin(), whole.begin() + 30)); }
  SECTION("empty") { disk.put(kWindow, {}); }
  SECTION("unreadable") { disk.fail(SimCall::pread, Fault::io, 2); }  // identity and checkpoint are read before it
  SECTION("of a later version") {
    Bytes later(whole.begin(), whole.end() - 8);
    later[8] = 2;
    seal(later);
    REQUIRE(decode_windows(later).error().fault == Fault::unsupported);
    disk.put(kWindow, later);
  }
  core.open();
  disk.clear_faults();
  CHECK(core.log->forgotten(Lane::event) == 10);
  CHECK(core.said("lane event of the core log: the source ids of up to 10 records below 10 are forgotten"));
  for (std::uint64_t n = 0; n < 10; ++n) CHECK_FALSE(core.repeats(n));
  CHECK(core.repeats(10));
  CHECK(core.repeats(0));  // it is known again
}

TEST_CASE("without its window of source ids a core log that still holds everything forgets nothing") {
  SimDisk disk;
  Core core(disk);
  for (std::uint64_t n = 0; n < 10; ++n) core.take(n);
  core.checkpoint();
  core.log.reset();
  disk.erase(kWindow);
  core.open();
  CHECK(core.log->forgotten(Lane::event) == 0);
  CHECK(core.sentences.empty());
  for (std::uint64_t n = 0; n < 10; ++n) CHECK(core.repeats(n));
}

TEST_CASE("a damaged checkpoint is made good by the whole log, and refused where the log no longer begins at 0") {
  SimDisk disk;
  Core core(disk);
  for (std::uint64_t n = 0; n < 10; ++n) core.take(n);
  core.take(3);
  core.checkpoint();
  const spool::Standing before = core.standing();
  SECTION("the log is whole") {
    core.log.reset();
    disk.flip_bit(kCheckpoint, 20, 3);
    core.open();
    CHECK(core.said("the checkpoint of the core log is damaged"));
    CHECK(core.standing().totals == before.totals);
    CHECK(core.standing().digest == before.digest);
    for (std::uint64_t n = 0; n < 10; ++n) CHECK(core.repeats(n));
  }
  SECTION("its beginning was released") {
    core.release_all();
    core.log.reset();
    disk.flip_bit(kCheckpoint, 20, 3);
    const auto opened = CoreLog::open(disk, options(), nullptr);
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.error().fault == Fault::corrupt);
  }
}

TEST_CASE("a checkpoint that cannot be read or is of a later version is no damage: the core does not start over it") {
  SimDisk disk;
  Core core(disk);
  core.take(1);
  core.checkpoint();
  core.log.reset();
  Fault expected = Fault::io;
  SECTION("the disk does not read it") { disk.fail(SimCall::pread, Fault::io, 1); }
  SECTION("of a later version") {
    Bytes later = disk.content(kCheckpoint);
    later.resize(later.size() - 8);
    later[8] = 3;
    seal(later);
    disk.put(kCheckpoint, later);
    expected = Fault::unsupported;
  }
  const Bytes before = disk.content(kCheckpoint);
  const auto opened = CoreLog::open(disk, options(), nullptr);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().fault == expected);
  CHECK(disk.content(kCheckpoint) == before);
}

TEST_CASE("a window of source ids that is older or newer than the checkpoint is brought up from the log") {
  SimDisk disk;
  Core core(disk);
  core.take(1);
  core.release_all();
  const Bytes old_window = disk.content(kWindow);
  const Bytes old_checkpoint = disk.content(kCheckpoint);
  core.take(2);
  core.take(1);
  core.checkpoint();
  core.take(3);
  const spool::Standing before = core.standing();
  core.log.reset();
  SECTION("older, as a release without windows leaves it") { disk.put(kWindow, old_window); }
  SECTION("newer, as a death between the two leaves it") { disk.put(kCheckpoint, old_checkpoint); }
  SECTION("both older") {
    disk.put(kWindow, old_window);
    disk.put(kCheckpoint, old_checkpoint);
  }
  core.open();
  CHECK(core.standing().totals == before.totals);
  CHECK(core.log->forgotten(Lane::event) == 0);
  for (std::uint64_t n = 1; n <= 3; ++n) CHECK(core.repeats(n));
  CHECK_FALSE(core.repeats(4));
}

TEST_CASE("a window of source ids whose offset the log let go is forgotten, and the ids since are read") {
  SimDisk disk;
  Core core(disk);
  core.take(1);
  core.checkpoint();
  const Bytes old_window = disk.content(kWindow);
  for (std::uint64_t n = 2; n < 8; ++n) core.take(n);
  core.release_all();
  core.take(8);
  core.log.reset();
  disk.put(kWindow, old_window);
  core.open();
  CHECK(core.log->forgotten(Lane::event) == 7);
  CHECK(core.repeats(8));
  CHECK_FALSE(core.repeats(1));  // the log can no longer say that it was its own
}

TEST_CASE("a window of source ids of another log is not taken: what this log never had is delivered") {
  SimDisk disk;
  Core core(disk);
  core.take(1);
  core.checkpoint();
  core.log.reset();
  const SimDisk::Image image = disk.image();
  core.open();
  core.take(2);
  core.take(3);
  core.checkpoint();
  const Bytes later_window = disk.content(kWindow);
  core.log.reset();
  disk.put_back(image);
  SECTION("the log ends before it") { disk.put(kWindow, later_window); }
  SECTION("the log has other records where it stood") {
    core.open();
    core.take(4);
    core.take(5);
    core.take(6);
    core.log.reset();
    disk.put(kWindow, later_window);
  }
  core.open();
  CHECK(core.repeats(1));
  CHECK_FALSE(core.repeats(2));
  CHECK_FALSE(core.repeats(3));
}

TEST_CASE("a checkpoint of version 2 gives its window of source ids, and the next one is of version 1") {
  SimDisk disk;
  Core core(disk);
  core.take(1);
  core.release_all();
  const auto windows = load_windows(disk, "/core/log");
  REQUIRE((windows.ok() && windows->has_value()));
  core.log.reset();
  Bytes bytes = disk.content(kCheckpoint);  // as it was written: version 1 and the windows behind
  bytes.resize(bytes.size() - 8);
  bytes[8] = 2;
  WireWriter out(bytes);
  for (const StoredWindow& window : **windows) put_seen(out, window.seen);
  seal(bytes);
  disk.put(kCheckpoint, bytes);
  disk.erase(kWindow);
  core.open();
  CHECK(core.log->forgotten(Lane::event) == 0);
  CHECK(core.repeats(1));
  core.checkpoint();
  CHECK(disk.content(kCheckpoint)[8] == 1);
  core.open();
  CHECK(core.repeats(1));
}

namespace {

std::optional<Bytes> file(SimDisk& disk, const std::string& path) {
  const auto there = disk.exists(path);
  return there.ok() && *there ? std::optional<Bytes>(disk.content(path)) : std::nullopt;
}

constexpr std::array kCalls = {SimCall::open,   SimCall::pwrite, SimCall::fdatasync,
                               SimCall::rename, SimCall::remove, SimCall::fsync_dir};

// What the log delivered is a repeat, what it never made durable is not: the window is no older and no newer.
void check_all(Core& core, const std::set<std::uint64_t>& durable, std::uint64_t sent) {
  for (std::uint64_t n = 0; n < sent; ++n) {
    INFO("message " << n);
    REQUIRE(core.repeats(n) == durable.contains(n));
  }
}

}  // namespace

TEST_CASE("whatever call of a checkpoint fails or is the last before a loss of power, the window is that of the log") {
  unsigned failed = 0;
  for (const SimCall call : kCalls) {
    for (unsigned skip = 0; skip < 4; ++skip) {
      for (const bool power : {false, true}) {
        INFO("call " << static_cast<unsigned>(call) << " skip " << skip << " power " << power);
        SimDisk disk;
        Core core(disk);
        std::set<std::uint64_t> durable;
        std::uint64_t sent = 0;
        for (; sent < 5; durable.insert(sent++)) core.take(sent);
        core.release_all();
        for (; sent < 9; durable.insert(sent++)) core.take(sent);
        core.stage(sent++);  // lost with the death below
        disk.fail(call, Fault::io, skip, 1'000);
        if (!core.log->checkpoint().ok()) ++failed;
        disk.clear_faults();
        SeededRng rng(skip + 1);
        power ? disk.power_loss(rng) : disk.kill();
        core.open();
        if (core.standing().next == Offset{11}) durable.insert(sent - 1);  // a group that survived whole
        CHECK(core.log->forgotten(Lane::event) == 0);
        check_all(core, durable, sent);
      }
    }
  }
  CHECK(failed > 10);
}

TEST_CASE("under deaths, failing disks and old files of either kind no window takes what the log never delivered") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    SimDisk disk;
    SeededRng rng(seed);
    Core core(disk);
    std::set<std::uint64_t> delivered;
    std::uint64_t kept = 0;  // below it a release without windows may have let ids go
    for (unsigned turn = 0; turn < 200; ++turn) {
      const std::uint64_t dice = rng.below(100);
      if (dice < 60) {
        const std::uint64_t number = rng.below(60);
        const bool repeat = core.repeats(number);
        if (repeat) REQUIRE(delivered.contains(number));
        if (!repeat && kept == 0) REQUIRE_FALSE(delivered.contains(number));
        delivered.insert(number);
      } else if (dice < 75) {
        disk.fail(kCalls.at(rng.below(kCalls.size())), Fault::io, static_cast<unsigned>(rng.below(6)));
        (void)core.log->checkpoint();
        disk.clear_faults();
      } else if (dice < 85) {
        rng.below(2) == 0 ? disk.kill() : disk.power_loss(rng);
        core.open();
      } else if (dice < 95) {
        const std::optional<Bytes> old_window = file(disk, kWindow);
        core.checkpoint();
        (void)core.log->release(Lane::event, core.log->synced(Lane::event));
        core.log.reset();
        if (old_window) disk.put(kWindow, *old_window);
        core.open();
      } else {
        core.log.reset();
        if (file(disk, kWindow)) disk.erase(kWindow);
        core.open();
      }
      kept = std::max(kept, core.log->forgotten(Lane::event));
    }
  }
}

}  // namespace wayside::test
