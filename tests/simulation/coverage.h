// Which fault struck while what was at stake, and how often. A pair counts only where an acknowledged record was
// not yet safe behind the thing that failed.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace wayside::test {

enum class Struck : std::uint8_t {
  message_lost,
  message_repeated,
  message_reordered,
  partition,
  half_open_link,
  reconnect,
  edge_killed,
  core_killed,
  broker_killed,
  edge_power_loss,
  core_power_loss,
  edge_fdatasync,
  edge_short_write,
  edge_no_space,
  edge_rename,
  edge_fsync_dir,
  edge_open,
  edge_read,
  core_fdatasync,
  core_short_write,
  core_no_space,
  core_rename,
  core_fsync_dir,
  core_open,
  core_read,
  edge_slow_sync,
  core_slow_sync,
  rot_sealed,
  rot_tail,
  rot_core_log,
  rot_settlement,
  rot_identity,
  lane_full,
  core_log_full,
  clock_back,
  clock_ahead,
  volume_restored,
};
inline constexpr std::size_t kStruck = 37;
const char* to_string(Struck fault);

// Where acknowledged records stood when the step began; several at once.
enum class Stake : std::uint8_t {
  unsent,      // committed, not on the way
  in_flight,   // sent, not accepted by the core
  staged,      // accepted, not synced by the core log
  unanswered,  // durable in the core log, the edge has not settled it
  unsunk,      // in the core log, not in the sink
};
inline constexpr std::size_t kStakes = 5;
const char* to_string(Stake stake);
using Stakes = std::array<bool, kStakes>;

class Coverage {
 public:
  void hit(Struck fault, const Stakes& stakes);
  Coverage& operator+=(const Coverage& other);
  [[nodiscard]] std::uint64_t pairs() const { return kStruck * kStakes; }
  [[nodiscard]] std::uint64_t hits(Struck fault, Stake stake) const;
  [[nodiscard]] std::uint64_t min_hits() const;
  [[nodiscard]] std::string table() const;

  // Spools that went on under another uuid, and lanes of them whose cut could not be told exactly.
  void moved(std::uint64_t lanes_not_exact) {
    ++moves_;
    not_exact_ += lanes_not_exact;
  }
  [[nodiscard]] std::uint64_t moves() const { return moves_; }
  [[nodiscard]] std::uint64_t not_exact() const { return not_exact_; }

 private:
  std::uint64_t moves_ = 0;
  std::uint64_t not_exact_ = 0;
  std::array<std::array<std::uint64_t, kStakes>, kStruck> hits_{};
};

}  // namespace wayside::test
