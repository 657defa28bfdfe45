#include "broker/presence_sweep.h"

#include <utility>
#include <vector>

#include "schemas/messages.h"
#include "schemas/record.h"

namespace wayside::broker {
namespace {

// The certificate that named the cohort is not kept: the record is counted as `other`.
constexpr const char* kCohort = "other";

Bytes record_of(const session::LeftOnline& one, const std::string& topic, const Bytes& payload, WallMs now) {
  schemas::RecordView record;
  record.vehicle = one.id;
  record.topic = topic;
  record.payload = payload;
  record.cohort = kCohort;
  record.epoch = one.epoch;
  record.source_time = now;
  Bytes body;
  schemas::encode_record(record, body);
  return body;
}

}  // namespace

PresenceSweep::PresenceSweep(Parts parts, std::string edge, std::int64_t grace_ms)
    : due_(parts.clock.mono() + grace_ms),
      ever_(grace_ms != 0),
      state_(std::make_shared<State>(
          parts, std::move(edge),
          parts.metrics.counter("wayside_presence_after_restart_total",
                                "OFFLINE records for vehicles that an earlier process left ONLINE."),
          parts.metrics.counter("wayside_presence_late_total",
                                "OFFLINE records that were refused when the vehicle went, and said later."))) {}

void PresenceSweep::tick() {
  if (state_->waiting.load(std::memory_order_acquire) > 0) return;
  state_->waiting = 1;
  const bool also_by_death = ever_ && state_->parts.clock.mono() >= due_;
  state_->parts.sessions.left(kAtOnceMax, also_by_death,
                              [state = state_](const Outcome<std::vector<session::LeftOnline>>& left) {
                                for (std::size_t i = 0; left.ok() && i < left.value().size(); ++i) {
                                  if (!tell(state, left.value()[i])) break;
                                }
                                --state->waiting;
                              });
}

// What is refused is still left: the next round asks again.
bool PresenceSweep::tell(const std::shared_ptr<State>& state, const session::LeftOnline& one) {
  const WallMs now = state->parts.clock.wall();
  const std::string topic = "v1/" + one.id + "/presence";
  const auto payload =
      std::make_shared<const Bytes>(schemas::build_presence({.vehicle = one.id,
                                                             .online = false,
                                                             .epoch = one.epoch,
                                                             .at = now,
                                                             .edge = state->edge,
                                                             .reason = std::string(code(one.reason))}));
  Offer offer;
  offer.lane = Lane::event;
  offer.body = record_of(one, topic, *payload, now);
  offer.cohort = kCohort;
  offer.done = [state, one, topic, payload](const Committed& committed) {
    if (committed.ok) {
      state->parts.sessions.told(one);
      (one.reason == Reason::EDGE_RESTARTED ? state->after_restart : state->late).add();
      state->parts.io.post(ServiceEvent{one.id, topic, payload});
    }
    --state->waiting;
  };
  ++state->waiting;
  const bool taken = state->parts.custody.offer(std::move(offer)).ok();
  if (!taken) --state->waiting;
  return taken;
}

}  // namespace wayside::broker
