// A plausible car on an EPA schedule: everything but the speed is derived from the speed, the seed and what
// came before.
#pragma once

#include <cstdint>
#include <vector>

#include "common/rng.h"
#include "fleet/drive/cycle.h"
#include "fleet/drive/source.h"

namespace wayside::fleet {

// Owns    the model's state.   Thread  one.   Durable  -
// Limits  kSignals samples a frame; the schedule starts again at its end, so the drive never ends.
class CycleSource final : public Source {
 public:
  static constexpr std::size_t kSignals = 26;

  // `cycle` must outlive this. Start second and every constant of the car come from `seed`.
  CycleSource(const Cycle& cycle, std::uint64_t seed, std::int64_t interval_ms = 1000);

  bool next(WallMs at, std::vector<Sample>& out) override;
  [[nodiscard]] std::int64_t interval_ms() const override { return interval_ms_; }
  [[nodiscard]] std::string_view catalogue() const override { return "vss-6.0"; }
  void executed(std::string_view group, std::string_view name) override;

 private:
  struct Motion {
    double speed_kmh = 0;
    double acceleration = 0;  // m/s^2
    int gear = 0;
    double rpm = 0;
    double throttle = 0;  // percent
  };
  [[nodiscard]] double speed_at(double second) const;
  [[nodiscard]] Motion motion_at(double second);
  void integrate(const Motion& motion);
  void put_motion(const Motion& motion, WallMs at, std::vector<Sample>& out);
  void put_engine(const Motion& motion, WallMs at, std::vector<Sample>& out) const;
  void put_body(const Motion& motion, WallMs at, std::vector<Sample>& out);
  double noise(double amplitude);

  const Cycle& cycle_;
  SeededRng rng_;
  std::int64_t interval_ms_;
  double second_;        // position in the schedule
  double driven_m_ = 0;  // since the start
  double driven_s_ = 0;
  double odometer_m_;
  double fuel_l_;
  double coolant_c_;
  double ambient_c_;
  double latitude_;
  double longitude_;
  double heading_;
  double cabin_target_c_ = 20.5;
  bool air_conditioning_ = false;
  bool locked_ = false;
  std::int64_t trips_;
};

}  // namespace wayside::fleet
