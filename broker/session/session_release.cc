// The second half of QoS 2: repeats of what is in custody, and PUBREL.
#include "broker/session/session.h"

namespace wayside::broker::session {

// True: the publish has been dealt with.
bool Session::repeated(const mqtt::Publish& packet, Actions& out) {
  switch (unreleased_.state(packet.packet_id)) {
    case Qos2State::none: return false;
    case Qos2State::offered: return true;  // its PUBREC follows
    case Qos2State::received:
      // [MQTT-4.3.3-10]: whether DUP is set or not.
      unreleased_.repeated(packet.packet_id);
      send_ack(mqtt::AckKind::pubrec, packet.packet_id, 0, "", out);
      return true;
    case Qos2State::releasing: break;
  }
  // [MQTT-4.3.3-6]: after PUBREL the identifier is not used before PUBCOMP.
  fail(Reason::PROTOCOL_ERROR, "publish", now_, out);
  return true;
}

void Session::release(std::uint16_t packet_id, Actions& out) {
  switch (unreleased_.state(packet_id)) {
    case Qos2State::none:
      // Released already, and the PUBCOMP was lost; or never received.
      out.push_back(Count{"pubrel", Reason::PACKET_ID_NOT_FOUND});
      return send_ack(mqtt::AckKind::pubcomp, packet_id, info(Reason::PACKET_ID_NOT_FOUND).mqtt,
                      code(Reason::PACKET_ID_NOT_FOUND), out);
    case Qos2State::offered: return fail(Reason::PROTOCOL_ERROR, "pubrel", now_, out);  // no PUBREC was sent
    case Qos2State::releasing: return;                                                  // its PUBCOMP follows
    case Qos2State::received: break;
  }
  unreleased_.releasing(packet_id);
  if (durable()) return out.push_back(ReleaseId{{options_.peer.id, epoch_, packet_id}});
  released(packet_id, {}, now_, out);
}

void Session::released(std::uint16_t packet_id, const Outcome<void>& outcome, Now now, Actions& out) {
  if (phase_ != Phase::open) return;
  now_ = now;
  // A release that is not durable must not be acknowledged: the identifier would come back.
  if (!outcome.ok()) return fail(outcome.reason(), "pubrel", now_, out);
  unreleased_.released(packet_id);
  send_ack(mqtt::AckKind::pubcomp, packet_id, 0, "", out);
  end_when_drained(out);
}

}  // namespace wayside::broker::session
