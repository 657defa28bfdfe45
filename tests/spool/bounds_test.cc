// A lane's bytes never pass its bound, to the byte: whatever fails, dies, or comes back after a loss of power.
#include "spool/format.h"
#include "spool/segment_file.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/sim_disk.h"

using namespace wayside;
using namespace wayside::spool;
using namespace wayside::test;

namespace {

constexpr std::uint64_t kLaneBytes = 256U << 10U;

LaneOptions small_lane() {
  LaneOptions options = lane_options();
  options.segment_bytes_max = 64U << 10U;
  options.lane_bytes_max = kLaneBytes;
  return options;
}

std::uint64_t size_of_files(SimDisk& disk, const LaneOptions& options) {
  const auto bases = list_segments(disk, options.dir);
  std::uint64_t bytes = 0;
  for (const Offset base : *bases) bytes += disk.content(segment_path(options.dir, base)).size();
  return bytes;
}

// One life after the other on one disk: groups, faults, deaths, whatever is settled, clean stops.
class Lives {
 public:
  explicit Lives(std::uint64_t seed) : rng_(seed) { open(); }

  // What is wrong, if something is.
  std::string step() {
    const std::uint64_t dice = rng_.below(100);
    if (dice < 60) {
      group();
    } else if (dice < 75) {
      fail();
    } else if (dice < 85) {
      (void)writer_->release_below({rng_.below(writer_->synced().value + 1)});
    } else if (dice < 90) {
      (void)writer_->release_below(writer_->synced());
    } else {
      die(dice < 93, dice % 2 == 0);
    }
    most_ = std::max(most_, writer_->bytes());
    if (writer_->bytes() > kLaneBytes) return "the lane holds " + std::to_string(writer_->bytes());
    if (writer_->bytes() > promised_) {
      return "the lane holds " + std::to_string(writer_->bytes()) + ", promised were " + std::to_string(promised_);
    }
    promised_ = writer_->bytes_after(0, 0);
    return {};
  }
  [[nodiscard]] std::uint64_t most() const { return most_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  void open() {
    disk_.clear_faults();
    writer_ = open_writer(disk_, small_lane());
  }
  void group() {
    const char* const cohorts[] = {"a", "model-x", "a cohort with a name that takes room", ""};
    for (std::uint64_t n = 1 + rng_.below(6); n > 0; --n) {
      const Bytes body(rng_.below(4'000), 0x5A);
      promised_ = std::max(promised_, writer_->bytes_after(framed_bytes(body.size()), 1));
      if (writer_->append(body, cohorts[rng_.below(4)], {1}, nullptr) != AppendOutcome::appended) ++refused_;
    }
    if (!writer_->commit({1}).ok()) ++failed_;
  }
  void fail() {
    constexpr std::array kCalls = {SimCall::fdatasync, SimCall::fdatasync, SimCall::pwrite,
                                   SimCall::fallocate, SimCall::fsync_dir, SimCall::rename};
    disk_.fail(kCalls.at(rng_.below(kCalls.size())), Fault::io, static_cast<unsigned>(rng_.below(3)),
               static_cast<unsigned>(1 + rng_.below(4)));
  }
  void die(bool stopped, bool power) {
    if (stopped) (void)writer_->seal();
    writer_.reset();
    if (power) {
      disk_.power_loss(rng_);
    } else {
      disk_.kill();
    }
    open();
  }

  SeededRng rng_;
  SimDisk disk_;
  std::unique_ptr<LaneWriter> writer_;
  std::uint64_t promised_ = kLaneBytes;
  std::uint64_t most_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace

TEST_CASE("whatever fails and dies, a lane holds no more than its bound, nor than it said it might") {
  std::uint64_t most = 0;
  std::uint64_t refused = 0;
  std::uint64_t failed = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Lives lives(seed);
    for (unsigned n = 0; n < 150; ++n) {
      const std::string wrong = lives.step();
      INFO("seed " << seed << ", step " << n);
      REQUIRE(wrong == "");
    }
    most = std::max(most, lives.most());
    refused += lives.refused();
    failed += lives.failed();
  }
  CHECK(most > kLaneBytes * 3 / 4);
  CHECK(refused > 1'000);
  CHECK(failed > 100);
}

TEST_CASE("a segment that a loss of power gives back what was cut from it is cut again, its records stay") {
  const LaneOptions options = small_lane();
  const std::string first = segment_path(options.dir, {0});
  unsigned given_back = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    SimDisk disk;
    SeededRng rng(seed);
    auto writer = open_writer(disk, options);
    put_group(*writer, 5);
    disk.fail(SimCall::fdatasync, Fault::io, 0, 2);  // of its footer, both times
    CHECK_FALSE(writer->seal().ok());
    put_group(*writer, 5);
    const std::uint64_t promised = writer->bytes_after(0, 0);
    writer.reset();
    disk.power_loss(rng);
    given_back += disk.content(first).size() == options.segment_bytes_max ? 1 : 0;
    writer = open_writer(disk, options);
    CHECK(disk.content(first).size() == kHeaderBytes + 2 * kSectorBytes);  // a group, a footer
    CHECK(writer->bytes() <= promised);
    CHECK(writer->bytes() == size_of_files(disk, options));
    const auto records = read_all(*open_reader(disk, options));
    REQUIRE(records.size() == 10);
    CHECK(records.back().after == digest_of(10));
  }
  CHECK(given_back > 0);
}

TEST_CASE("a damaged segment is not cut, whatever it holds behind its groups") {
  SimDisk disk;
  const LaneOptions options = small_lane();
  auto writer = open_writer(disk, options);
  put_group(*writer, 5);
  put_group(*writer, 5);
  disk.fail(SimCall::fdatasync, Fault::io, 0, 2);
  CHECK_FALSE(writer->seal().ok());
  put_group(*writer, 5);
  writer.reset();
  const std::string first = segment_path(options.dir, {0});
  Bytes grown = disk.content(first);
  grown.resize(options.segment_bytes_max, 0);
  disk.put(first, grown);
  disk.flip_bit(first, kHeaderBytes + 9, 1);  // the header of its first group
  writer = open_writer(disk, options);
  CHECK(disk.content(first).size() == options.segment_bytes_max);
}

TEST_CASE("what was removed counts until no loss of power can bring it back") {
  SimDisk disk;
  const LaneOptions options = small_lane();
  auto writer = open_writer(disk, options);
  put_group(*writer, 5);
  REQUIRE(writer->seal().ok());
  put_group(*writer, 5);
  const std::uint64_t bytes = writer->bytes();
  disk.fail(SimCall::fsync_dir, Fault::io, 0, 1);
  CHECK_FALSE(writer->release_below({5}).ok());
  CHECK(writer->bytes() == bytes);
  CHECK(writer->release_below({5}).value() > 0);
  CHECK(writer->bytes() < bytes);
}

TEST_CASE("a record that not even an empty lane has room for is too large, not waiting for room") {
  SimDisk disk;
  LaneOptions options = small_lane();
  auto writer = open_writer(disk, options);
  CHECK(writer->append(body_of(0, kLaneBytes), "a", {1}, nullptr) == AppendOutcome::record_too_large);
  CHECK(writer->room_for(kLaneBytes - 4 * kHeaderBytes, 1) == AppendOutcome::appended);
}

TEST_CASE("a lane that refused a group for want of room begins a segment once all of it is settled") {
  SimDisk disk;
  LaneOptions options = small_lane();
  auto writer = open_writer(disk, options);
  REQUIRE(writer->append(body_of(0, 60'000), "a", {1}, nullptr) == AppendOutcome::appended);
  REQUIRE(writer->commit({1}).ok());
  const std::uint64_t large = kLaneBytes - 4 * kHeaderBytes;
  REQUIRE(writer->bytes() < kLaneBytes / 2);
  CHECK(writer->room_for(large, 1) == AppendOutcome::lane_full);
  CHECK(writer->release_below(writer->synced()).value() > 0);
  CHECK(writer->room_for(large, 1) == AppendOutcome::appended);
}
