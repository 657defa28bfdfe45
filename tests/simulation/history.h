// One history: a script told in a world, with the promises checked after every step and at the end.
#pragma once

#include <functional>
#include <optional>

#include "tests/simulation/account.h"
#include "tests/simulation/coverage.h"
#include "tests/simulation/script.h"

namespace wayside::test {

// Puts a bug between the product and what it relies on; called before anything starts.
using Planting = std::function<void(World&)>;

struct Verdict {
  std::string problem;  // empty: every promise was kept
  std::uint64_t step = 0;
  [[nodiscard]] bool kept() const { return problem.empty(); }
};

// Owns     the world of one script.
// Thread   one; the same script is the same history, whatever ran before.
class History {
 public:
  explicit History(const Script& script, const Planting& planting = {});
  Verdict run(Coverage* coverage);

 private:
  void take(const Step& step);
  void start_one();
  void start_all();
  std::string finish();
  std::string publish_to_all();
  bool drain();
  [[nodiscard]] bool drained() const;
  [[nodiscard]] std::uint64_t moved() const;
  [[nodiscard]] std::string what_is_stuck() const;

  void publish();
  void deliver();
  void fail_disk(SimDisk& disk, Struck first);
  void stop(StepKind kind);
  void cut_link(bool both);
  void step_clock();
  void rot_settlement();
  void rot_identity();
  void mend_identity(std::size_t side);
  void rot();
  void rot_core_log();
  void copy_volume();
  void restore_volume();

  void struck(Struck fault) { struck_.push_back(fault); }
  void note_stakes();
  void note_link(const LinkFaults& before);
  void note_room();
  void note_disk(const SimDisk& disk, std::size_t side, Struck first);

  struct Copy {
    SimDisk::Image image;
    std::array<Offset, kLanes> committed{};
    std::array<std::vector<Bytes>, kLanes> journal;
    std::array<std::vector<std::vector<Bytes>>, kLanes> refused;
    SpoolUuid uuid;
  };

  const Script& script_;
  World world_;
  Expected expected_;
  Watch watch_;
  std::uint64_t sequence_ = 0;
  std::array<std::uint64_t, kLanes> group_max_{};  // records of the largest group so far
  std::optional<Copy> copy_;
  // Last seen while its process ran: a dead one's volume still stands there.
  std::array<Offset, kLanes> settled_{};
  std::array<Offset, kLanes> durable_{};
  Stakes stakes_{};
  std::vector<Struck> struck_;
  std::array<std::array<std::uint64_t, 9>, 2> fired_{};
  std::array<bool, 2> no_space_{};  // what an armed pwrite says
  std::array<std::uint64_t, 2> slowed_{};
  std::uint64_t lanes_full_ = 0;
  std::array<bool, kLanes> short_{};              // the core log's room is below a window
  std::array<std::optional<Bytes>, 2> identity_;  // as it was before it was damaged: of the edge, of the core
};

Verdict run_history(const Script& script, Coverage* coverage = nullptr, const Planting& planting = {});

}  // namespace wayside::test
