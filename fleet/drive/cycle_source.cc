#include "fleet/drive/cycle_source.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace wayside::fleet {
namespace {

constexpr double kTankLitres = 52;
constexpr double kIdleRpm = 780;
constexpr double kWarmCoolant = 91;
constexpr double kMetresPerDegree = 111'195;                               // of latitude
constexpr std::array<double, 6> kGearTopKmh = {18, 34, 52, 72, 95, 1000};  // shift up above
constexpr std::array<double, 6> kRpmPerKmh = {118, 66, 45, 34, 27, 22.5};

int gear_of(double kmh) {
  if (kmh < 1) return 0;
  const auto above = std::find_if(kGearTopKmh.begin(), kGearTopKmh.end(), [&](double top) { return kmh <= top; });
  return static_cast<int>(above - kGearTopKmh.begin()) + 1;
}

// Adding zero turns -0.0 into 0.0: a value's sign must not depend on how a JSON reader treats "-0".
float narrow(double value) { return static_cast<float>(value) + 0.0F; }
std::int64_t whole(double value) { return std::llround(value); }

}  // namespace

CycleSource::CycleSource(const Cycle& cycle, std::uint64_t seed, std::int64_t interval_ms)
    : cycle_(cycle), rng_(seed), interval_ms_(interval_ms) {
  second_ = static_cast<double>(rng_.below(cycle.speed_kmh.size()));
  odometer_m_ = static_cast<double>(rng_.below(180'000'000) + 4'000'000);
  fuel_l_ = 12 + static_cast<double>(rng_.below(380)) / 10;
  ambient_c_ = static_cast<double>(rng_.below(300)) / 10 - 4;
  coolant_c_ = ambient_c_ + static_cast<double>(rng_.below(600)) / 10;
  latitude_ = 48.0 + static_cast<double>(rng_.below(4'000'000)) / 1e6;
  longitude_ = 8.0 + static_cast<double>(rng_.below(5'000'000)) / 1e6;
  heading_ = static_cast<double>(rng_.below(36'000)) / 100;
  trips_ = static_cast<std::int64_t>(rng_.below(9'000)) + 12;
}

double CycleSource::noise(double amplitude) {
  return amplitude * (static_cast<double>(rng_.below(2'000'001)) / 1e6 - 1);
}

double CycleSource::speed_at(double second) const {
  const auto size = cycle_.speed_kmh.size();
  const auto whole_second = static_cast<std::size_t>(second);
  const double part = second - static_cast<double>(whole_second);
  return std::lerp(cycle_.speed_kmh[whole_second % size], cycle_.speed_kmh[(whole_second + 1) % size], part);
}

CycleSource::Motion CycleSource::motion_at(double second) {
  Motion motion;
  motion.speed_kmh = speed_at(second);
  motion.acceleration = (speed_at(second + 1) - motion.speed_kmh) / 3.6;
  motion.gear = gear_of(motion.speed_kmh);
  const double geared = motion.gear == 0 ? 0 : motion.speed_kmh * kRpmPerKmh[static_cast<std::size_t>(motion.gear - 1)];
  motion.rpm = std::max(kIdleRpm, geared) + noise(12);
  const double drag = motion.speed_kmh * motion.speed_kmh / 420;
  motion.throttle = std::clamp(13.3 + drag + std::max(0.0, motion.acceleration) * 22 + noise(0.4), 0.0, 100.0);
  return motion;
}

void CycleSource::integrate(const Motion& motion) {
  const double seconds = static_cast<double>(interval_ms_) / 1000;
  const double metres = motion.speed_kmh / 3.6 * seconds;
  driven_m_ += metres;
  driven_s_ += seconds;
  odometer_m_ += metres;
  const double litres_per_hour = 0.7 + motion.throttle * motion.rpm / 14'000;
  fuel_l_ = std::max(1.0, fuel_l_ - litres_per_hour / 3600 * seconds);
  coolant_c_ += (kWarmCoolant - coolant_c_) * (1 - std::exp(-seconds / 260));
  heading_ = std::fmod(heading_ + noise(4) * std::min(1.0, metres) + 360, 360);
  const double radians = heading_ * std::numbers::pi / 180;
  latitude_ += metres * std::cos(radians) / kMetresPerDegree;
  longitude_ += metres * std::sin(radians) / (kMetresPerDegree * std::cos(latitude_ * std::numbers::pi / 180));
  if (motion.speed_kmh > 15) locked_ = true;  // doors lock as the car drives off
}

void CycleSource::put_motion(const Motion& motion, WallMs at, std::vector<Sample>& out) {
  const auto put = [&](std::string_view path, Value value) {
    out.push_back({std::string(path), at, std::move(value)});
  };
  put("Vehicle.Speed", narrow(motion.speed_kmh));
  put("Vehicle.IsMoving", motion.speed_kmh >= 1);
  put("Vehicle.Acceleration.Longitudinal", narrow(motion.acceleration));
  put("Vehicle.TraveledDistance", static_cast<std::uint64_t>(odometer_m_));
  put("Vehicle.TraveledDistanceSinceStart", static_cast<std::uint64_t>(driven_m_));
  put("Vehicle.AverageSpeed", narrow(driven_s_ > 0 ? driven_m_ / driven_s_ * 3.6 : 0));
  put("Vehicle.CurrentLocation.Latitude", latitude_);
  put("Vehicle.CurrentLocation.Longitude", longitude_);
  put("Vehicle.CurrentLocation.Heading", heading_);
  put("Vehicle.CurrentLocation.Altitude", 120 + 60 * std::sin(driven_m_ / 2100));
}

void CycleSource::put_engine(const Motion& motion, WallMs at, std::vector<Sample>& out) const {
  const auto put = [&](std::string_view path, Value value) {
    out.push_back({std::string(path), at, std::move(value)});
  };
  put("Vehicle.Powertrain.CombustionEngine.Speed", narrow(motion.rpm));
  put("Vehicle.Powertrain.CombustionEngine.TPS", whole(motion.throttle));
  put("Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature", narrow(coolant_c_));
  put("Vehicle.Powertrain.CombustionEngine.IsRunning", true);
  put("Vehicle.Powertrain.Transmission.CurrentGear", static_cast<std::int64_t>(motion.gear));
  put("Vehicle.Powertrain.FuelSystem.AbsoluteLevel", narrow(fuel_l_));
  put("Vehicle.Powertrain.FuelSystem.RelativeLevel", whole(fuel_l_ / kTankLitres * 100));
  put("Vehicle.Chassis.Accelerator.PedalPosition", whole(motion.throttle * 0.8));
  put("Vehicle.Chassis.Brake.PedalPosition", whole(std::clamp(-motion.acceleration * 18, 0.0, 100.0)));
}

void CycleSource::put_body(const Motion& motion, WallMs at, std::vector<Sample>& out) {
  const auto put = [&](std::string_view path, Value value) {
    out.push_back({std::string(path), at, std::move(value)});
  };
  put("Vehicle.LowVoltageBattery.CurrentVoltage", narrow(13.9 + noise(0.25)));
  put("Vehicle.Exterior.AirTemperature", narrow(ambient_c_));
  put("Vehicle.Cabin.Door.Row1.DriverSide.IsLocked", locked_);
  put("Vehicle.Cabin.HVAC.IsAirConditioningActive", air_conditioning_);
  put("Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature", narrow(cabin_target_c_));
  put("Vehicle.Body.Lights.Brake.IsActive", std::string(motion.acceleration < -0.4 ? "ACTIVE" : "INACTIVE"));
  put("Vehicle.TripMeterReading", static_cast<std::uint64_t>(driven_m_) + static_cast<std::uint64_t>(trips_));
}

bool CycleSource::next(WallMs at, std::vector<Sample>& out) {
  const auto motion = motion_at(second_);
  integrate(motion);
  put_motion(motion, at, out);
  put_engine(motion, at, out);
  put_body(motion, at, out);
  second_ = std::fmod(second_ + static_cast<double>(interval_ms_) / 1000, static_cast<double>(cycle_.speed_kmh.size()));
  return true;
}

void CycleSource::executed(std::string_view group, std::string_view name) {
  if (group == "unlock") locked_ = false;
  if (group == "climate") {
    air_conditioning_ = name != "off";
    cabin_target_c_ = 21.5;
  }
}

}  // namespace wayside::fleet
