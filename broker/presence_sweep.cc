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
      state_(std::make_shared<State>(
          parts, std::move(edge),
          parts.metrics.counter("wayside_presence_after_restart_total",
                                "OFFLINE records for vehicles that an earlier process left ONLINE."))) {
  if (grace_ms == 0) state_->over = true;
}

void PresenceSweep::tick() {
  if (over() || state_->parts.clock.mono() < due_ || state_->waiting.load(std::memory_order_acquire) > 0) return;
  state_->waiting = 1;
  state_->parts.sessions.left(kAtOnceMax, [state = state_](Outcome<std::vector<session::LeftOnline>> left) {
    if (left.ok()) {
      if (left.value().empty()) state->over.store(true, std::memory_order_release);
      state->waiting += left.value().size();
      for (const session::LeftOnline& one : left.value()) tell(state, one);
    }
    --state->waiting;
  });
}

// What is refused is still left: the next round asks again.
void PresenceSweep::tell(const std::shared_ptr<State>& state, const session::LeftOnline& one) {
  const WallMs now = state->parts.clock.wall();
  const std::string topic = "v1/" + one.id + "/presence";
  const auto payload =
      std::make_shared<const Bytes>(schemas::build_presence({.vehicle = one.id,
                                                             .online = false,
                                                             .epoch = one.epoch,
                                                             .at = now,
                                                             .edge = state->edge,
                                                             .reason = std::string(code(Reason::EDGE_RESTARTED))}));
  Offer offer;
  offer.lane = Lane::event;
  offer.body = record_of(one, topic, *payload, now);
  offer.cohort = kCohort;
  offer.done = [state, one, topic, payload](const Committed& committed) {
    if (committed.ok) {
      state->parts.sessions.told(one);
      state->told.add();
      state->parts.io.post(ServiceEvent{one.id, topic, payload});
    }
    --state->waiting;
  };
  if (!state->parts.custody.offer(std::move(offer)).ok()) --state->waiting;
}

}  // namespace wayside::broker
