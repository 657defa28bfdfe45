#include "bridge/run/mqtt_sink_lane.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "bridge/sink/followed_log.h"
#include "common/os/system.h"

namespace wayside::bridge::run {
namespace {

constexpr std::size_t kTurnRecords = 1'000;
constexpr std::uint64_t kTurnBytes = 4U << 20U;

Result<Offset> load(const std::string& path) {
  std::error_code none;
  if (!std::filesystem::exists(path, none)) return Offset{};
  const Result<std::string> text = os::read_file(path, 64);
  if (!text) return text.error();
  Offset offset;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, offset.value);
  if (parsed.ec != std::errc() || std::string_view(parsed.ptr, end) != "\n") {
    return Error{Fault::corrupt, path + ": not an offset"};
  }
  return offset;
}

Result<void> keep(const std::string& path, Offset offset) {
  return os::write_file_atomic(path, std::to_string(offset.value) + "\n", 0600);
}

}  // namespace

std::string mqtt_offset_path(const std::string& state_dir, std::size_t number, Lane lane) {
  return state_dir + "/sink-" + std::to_string(number) + "-mqtt-" + to_string(lane) + ".offset";
}

std::string mqtt_followed_log_file(std::size_t number) {
  return "sink-" + std::to_string(number) + "-mqtt-core-log.uuid";
}

Result<std::optional<core::SinkHolds>> mqtt_sink_holds(Disk& disk, const std::string& state_dir, std::size_t number) {
  const Result<std::optional<SpoolUuid>> log = sink::followed_log(disk, state_dir, mqtt_followed_log_file(number));
  if (!log) return log.error();
  if (!*log) return std::optional<core::SinkHolds>();
  core::SinkHolds out{**log, {}};
  for (const Lane lane : kAllLanes) {
    const Result<Offset> stored = load(mqtt_offset_path(state_dir, number, lane));
    if (!stored && stored.error().fault != Fault::corrupt) return stored.error();
    if (stored) out.below[index_of(lane)] = *stored;
  }
  return std::optional<core::SinkHolds>(out);
}

Result<void> MqttSinkLane::rewind(Disk& disk, const spool::Volume& log, Lane lane) {
  const Result<Offset> stored = load(path_);
  if (!stored) return stored.error();
  // What was found may be gone after a loss of power: segments go by what done() says from here on.
  if (!follower_) {
    if (Result<void> kept = keep(path_, *stored); !kept) return kept;
  }
  auto follower = sink::LaneFollower::open(disk, log.lane_dir(lane), log.uuid, lane, *stored);
  if (!follower) return follower.error();
  follower_ = std::move(*follower);
  in_flight_.clear();
  unacknowledged_ = 0;
  done_ = stored_ = *stored;
  return {};
}

Result<std::vector<sink::FollowedBatch>> MqttSinkLane::next() {
  if (unacknowledged_ >= objects_max_) return std::vector<sink::FollowedBatch>();
  return follower_->next(kTurnRecords, kTurnBytes);
}

void MqttSinkLane::sent(Offset end, std::set<std::uint64_t> tokens) {
  unacknowledged_ += tokens.size();
  in_flight_.push_back({end, std::move(tokens)});
}

void MqttSinkLane::acked(std::uint64_t token) {
  for (InFlight& batch : in_flight_) {
    if (batch.tokens.erase(token) == 0) continue;
    --unacknowledged_;
    return;
  }
}

bool MqttSinkLane::waits_for(std::uint64_t token) const {
  return std::any_of(in_flight_.begin(), in_flight_.end(),
                     [token](const InFlight& batch) { return batch.tokens.contains(token); });
}

Result<bool> MqttSinkLane::store() {
  while (!in_flight_.empty() && in_flight_.front().tokens.empty()) {
    done_ = in_flight_.front().end;
    in_flight_.pop_front();
  }
  if (done_ == stored_) return false;
  if (Result<void> kept = keep(path_, done_); !kept) return kept.error();
  stored_ = done_;
  return true;
}

}  // namespace wayside::bridge::run
