// Hundreds of short seeded histories: appends, commits, disk faults, retention, kills and losses of power.
// What must hold after each (design section 2, P1): every record whose commit returned ok is read back, and
// settled <= synced <= appended.
#include <deque>

#include "spool/recovery.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/sim_disk.h"

using namespace wayside;
using namespace wayside::spool;
using namespace wayside::test;

namespace {

struct Known {
  Bytes body;
  WallMs time;
  Digest after;
};

// One lane through many lives, and beside it what the world was told.
class History {
 public:
  History(std::uint64_t seed, bool faults) : rng_(seed), faults_(faults) {
    options_.segment_bytes_max = 40'000 + rng_.below(60'000);
  }

  void run() {
    for (int life = 0; life < 6; ++life) {
      start();
      for (std::uint64_t step = rng_.below(30); step > 0; --step) act();
      stop();
    }
    start();
  }

 private:
  void start() {
    disk_.clear_faults();
    Recovery recovery;
    writer_ = open_writer(disk_, options_, {settled_}, &recovery);
    reader_ = open_reader(disk_, options_);
    for (const std::string& sentence : recovery.sentences) UNSCOPED_INFO(sentence);
    REQUIRE(recovery.lost == 0);  // nothing rots here: whatever is missing was never acknowledged
    REQUIRE(writer_->synced().value >= known_.size());
    REQUIRE(writer_->appended() == writer_->synced());
    REQUIRE(reader_->synced() == writer_->synced());
    check_everything();
  }

  // Reads all that is on disk, compares what was confirmed, and takes what survived beyond it as known.
  void check_everything() {
    const Offset oldest = reader_->oldest().value();
    REQUIRE(oldest.value <= settled_);
    for (const ReadRecord& record : read_all(*reader_, oldest)) {
      REQUIRE_FALSE(record.lost);
      const std::uint64_t n = record.offset.value;
      if (n < known_.size()) {
        REQUIRE(record.body == known_[n].body);
        REQUIRE(record.time == known_[n].time);
        REQUIRE(record.after == known_[n].after);
      } else {
        const Digest before = known_.empty() ? Digest{} : known_.back().after;
        REQUIRE(record.after == chain(before, record.offset, record.time, record.body));
        known_.push_back({record.body, record.time, record.after});
      }
    }
    REQUIRE(known_.size() == writer_->synced().value);
    REQUIRE(writer_->digest() == (known_.empty() ? Digest{} : known_.back().after));
    REQUIRE(sum(writer_->received_by_cohort()) == known_.size());
    REQUIRE(reader_->received_by_cohort().value() == writer_->received_by_cohort());
  }

  void act() {
    switch (rng_.below(8)) {
      case 0: arm(); break;
      case 1: release(); break;
      case 2: read_some(); break;
      case 3:
        if (writer_->appended() == writer_->synced()) static_cast<void>(writer_->seal().ok());
        break;
      case 4: commit(); break;
      default: append(); break;
    }
    REQUIRE(settled_ <= writer_->synced().value);
    REQUIRE(writer_->synced() <= writer_->appended());
  }

  void arm() {
    if (!faults_) return;
    static constexpr SimCall kCalls[] = {SimCall::fdatasync, SimCall::pwrite,    SimCall::rename,
                                         SimCall::fallocate, SimCall::fsync_dir, SimCall::truncate};
    disk_.fail(kCalls[rng_.below(6)], rng_.below(2) == 0 ? Fault::io : Fault::no_space,
               static_cast<unsigned>(rng_.below(3)), 1 + static_cast<unsigned>(rng_.below(6)));
  }

  void append() {
    const std::uint64_t serial = serial_++;
    const Bytes body = body_of(serial, rng_.below(10) == 0 ? rng_.below(9'000) : rng_.below(400));
    Offset offset;
    REQUIRE(writer_->append(body, cohort_of(serial), time_of(serial), &offset) == AppendOutcome::appended);
    REQUIRE(offset.value == known_.size() + open_.size());
    open_.push_back({body, time_of(serial), {}});
  }

  void commit() {
    const auto committed = writer_->commit(time_of(serial_));
    if (committed.ok()) {
      for (Known& record : open_) {
        const Digest before = known_.empty() ? Digest{} : known_.back().after;
        record.after = chain(before, {known_.size()}, record.time, record.body);
        known_.push_back(std::move(record));
      }
    }
    open_.clear();
    REQUIRE(writer_->synced().value == known_.size());
    REQUIRE(writer_->appended() == writer_->synced());
  }

  void release() {
    settled_ += rng_.below(writer_->synced().value - settled_ + 1);
    static_cast<void>(writer_->release_below({settled_}).ok());
  }

  void read_some() {
    if (settled_ >= reader_->synced().value) return;
    const auto some = reader_->read({settled_}, 1 + rng_.below(20), 1 + rng_.below(20'000));
    REQUIRE(some.ok());
    for (const ReadRecord& record : *some) {
      REQUIRE_FALSE(record.lost);
      REQUIRE(record.body == known_[record.offset.value].body);
    }
  }

  void stop() {
    switch (rng_.below(3)) {
      case 0: disk_.kill(); break;
      case 1: disk_.power_loss(rng_); break;
      default:
        disk_.clear_faults();
        commit();
        REQUIRE(writer_->seal().ok());
        disk_.kill();
        break;
    }
    open_.clear();
    writer_.reset();
    reader_.reset();
  }

  SeededRng rng_;
  bool faults_;
  SimDisk disk_;
  LaneOptions options_ = lane_options();
  std::unique_ptr<LaneWriter> writer_;
  std::unique_ptr<LaneReader> reader_;
  std::vector<Known> known_;  // by offset: confirmed, or found after a crash
  std::vector<Known> open_;
  std::uint64_t settled_ = 0;
  std::uint64_t serial_ = 0;
};

}  // namespace

TEST_CASE("every confirmed record is read back after any kill or loss of power") {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    INFO("seed " << seed);
    History(seed, false).run();
  }
}

TEST_CASE("every confirmed record is read back when the disk fails as well") {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    INFO("seed " << seed << " with disk faults");
    History(seed, true).run();
  }
}

TEST_CASE("one flipped bit anywhere in a segment loses at most its group, and is never silent") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    SeededRng rng(seed);
    SimDisk disk;
    auto writer = open_writer(disk, lane_options());
    for (int i = 0; i < 5; ++i) put_group(*writer, 1 + rng.below(4), 100 + rng.below(300) / 100 * 100);
    const std::uint64_t head = writer->synced().value;
    const Digest digest = writer->digest();
    const std::uint64_t used = writer->bytes();
    writer.reset();
    disk.kill();
    disk.flip_bit(kLaneDir + "/00000000000000000000.seg", rng.below(used), static_cast<unsigned>(rng.below(8)));
    Recovery recovery;
    auto opened = LaneWriter::open(disk, lane_options(), {}, &recovery);
    REQUIRE(opened.ok());
    REQUIRE(recovery.synced.value == head);
    REQUIRE(recovery.tail_unknown == 0);
    std::uint64_t lost = 0;
    auto reader = open_reader(disk, lane_options());
    for (const ReadRecord& record : read_all(*reader)) {
      if (record.lost) ++lost;
      REQUIRE((record.lost || !record.body.empty()));
    }
    REQUIRE(lost == recovery.lost);
    REQUIRE(lost <= 4);
    REQUIRE((*opened)->digest() == digest);
  }
}
