// The way of a record to custody and what becomes of it there: committed, refused, parked, shed.
#include "broker/session/session.h"

namespace wayside::broker::session {
namespace {

// After a refusal for room QoS 0 of the lane is not even offered; a full lane looks at its settlement less often.
constexpr std::int64_t kShutMs = 100;

}  // namespace

void Session::offer(const mqtt::Publish& packet, Lane lane, Bytes body, Actions& out) {
  const std::optional<Reason> waits = park_.waits(lane);
  if (packet.qos == 0) {
    const bool shut = now_.mono < shut_until_.at(index_of(lane));
    if (!waits && !shut) return out.push_back(OfferRecord{lane, std::move(body), options_.peer.cohort, 0});
    const Reason reason = waits ? *waits : shut_reason_.at(index_of(lane));
    out.push_back(ShedRecord{lane, reason});
    return out.push_back(Count{"shed", reason});
  }
  const std::uint64_t token = admit(packet, stream_of(lane));
  if (waits) {
    if (!park_.queue(lane, token, std::move(body))) return fail(Reason::PARK_FULL, "publish", now_, out);
    return out.push_back(Count{"park", *waits});
  }
  // MQTT 5 is told 0x97 and keeps its message itself; 3.1.1 could not be told: we keep a copy.
  const bool first = park_.in_flight(lane) == 0;
  if (version_ == mqtt::Version::v311) park_.offered(lane, token, body);
  out.push_back(OfferRecord{lane, std::move(body), options_.peer.cohort, token, first, receipt_of(token)});
}

std::uint64_t Session::admit(const mqtt::Publish& packet, Stream stream) {
  const std::uint64_t token = inbound_.add(stream, packet.packet_id, packet.qos == 2);
  if (packet.qos == 2) unreleased_.offered(packet.packet_id, token);
  return token;
}

// A session that ends with its connection has no receipts: nobody comes back to it.
std::uint16_t Session::receipt_of(std::uint64_t token) const { return durable() ? unreleased_.id_of(token) : 0; }

void Session::launch(Lane lane, std::vector<ParkedRecord> records, Actions& out) const {
  if (records.empty()) return;
  OfferInOrder group;
  for (ParkedRecord& record : records) {
    const bool first = group.records.empty();
    group.records.push_back(
        {lane, std::move(record.body), options_.peer.cohort, record.token, first, receipt_of(record.token)});
  }
  out.push_back(std::move(group));
}

// True: the record waits for room, or ended the connection because there is no place to wait.
bool Session::parked(const Committed& committed, Actions& out) {
  const std::optional<Lane> lane = Inbound::lane_of(committed.token);
  if (!lane || !park_.holds(*lane, committed.token)) return false;
  if (committed.ok || !is_for_room(committed.reason)) {
    park_.resolved(*lane, committed.token);
    return false;
  }
  switch (park_.refused(*lane, committed.token, committed.reason, now_.mono)) {
    case ParkOutcome::parked: out.push_back(Count{"park", committed.reason}); break;
    case ParkOutcome::again: break;
    case ParkOutcome::full: fail(Reason::PARK_FULL, "publish", now_, out); return true;
  }
  end_when_drained(out);
  return true;
}

void Session::step(const Committed& committed, Now now, Actions& out) {
  if (phase_ != Phase::open) return;
  now_ = now;
  const std::size_t lane = index_of(committed.lane);
  if (committed.ok) shut_until_.at(lane) = {};
  if (!committed.ok && is_for_room(committed.reason)) {
    shut_until_.at(lane) = now.mono + kShutMs;
    shut_reason_.at(lane) = committed.reason;
  }
  if (committed.token == 0) {
    if (!committed.ok) out.push_back(Count{"shed", committed.reason});  // QoS 0: nobody to tell
    return;
  }
  if (committed.token == kOnlineToken) return online_answered(committed, out);
  if (parked(committed, out)) return;
  resolve(committed.token, committed.ok ? Verdict{} : Verdict{committed.reason, 0}, out);
  const std::optional<Lane> of = Inbound::lane_of(committed.token);
  if (of && phase_ == Phase::open && !draining_) launch(*of, park_.flow(*of), out);
}

}  // namespace wayside::broker::session
