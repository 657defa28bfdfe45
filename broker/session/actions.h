// What a session asks of the gate. Data, not calls: the gate carries them out in order.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/ports.h"
#include "broker/session/proxy_port.h"
#include "broker/session/session_store.h"

namespace wayside::broker::session {

struct SendBytes {  // whole packets
  Bytes bytes;
};
struct SendCommand {  // a PUBLISH that is stale at its deadline: rechecked as it enters the TLS record
  Bytes bytes;
  intent::CommandId id{};
  std::uint16_t packet_id = 0;
  WallMs deadline{};
};
// Of an ONLINE: in order with nothing that the peer sends, and no number that a publish is given.
inline constexpr std::uint64_t kOnlineToken = UINT64_MAX;

struct OfferRecord {  // to custody; Committed{token} comes back, at once when it is refused
  Lane lane{};
  Bytes body;
  std::string cohort;
  std::uint64_t token = 0;
  bool first = true;                // nothing that it must not overtake is in flight
  std::uint16_t receipt_id = 0;     // QoS 2 of a durable session: Committed waits for the session store as well
  std::optional<Reason> offline{};  // of an OFFLINE: refused, it is said later
};
// Of one lane, in order, until one is refused: it and the rest come back with the same Committed, so that
// none overtakes another.
struct OfferInOrder {
  std::vector<OfferRecord> records;
};
struct ShedRecord {  // a QoS 0 publish that is dropped before it is offered; counted at the door
  Lane lane{};
  Reason reason{};
};
struct PostCommand {
  CommandEvent event;
  std::uint64_t token = 0;       // not 0: Committed{token, QUEUE_FULL} comes back when the mailbox is full
  std::uint16_t receipt_id = 0;  // of an AckOffered, as above
};
struct Announce {  // status or presence to the services of all threads
  ServiceEvent event;
};
struct ClaimSession {  // end any other connection with this key, then open the session in the store
  std::string key;
  bool durable = false;  // false: a service; nothing is stored
  OpenRequest request;
};
struct SaveSession {
  std::uint64_t token = 0;
  SaveRequest request;
};
struct EndSession {
  EndRequest request;
};
struct ReleaseId {  // released() follows
  ReleaseRequest request;
};
struct ProxyPublish {
  std::uint64_t token = 0;  // 0: QoS 0
  ProxyMessage message;
};
struct ProxySubscribe {
  std::uint64_t token = 0;
  std::vector<ProxyFilter> filters;
};
struct ProxyUnsubscribe {
  std::uint64_t token = 0;
  std::vector<std::string> filters;
};
struct ProxyAck {
  std::uint64_t token = 0;
};
// A refusal or drop that does not end the connection: counted as {stage, reason}.
struct Count {
  const char* stage = "";
  Reason reason{};
};
struct Close {  // the last action: flush, then close (reset: RST, nothing is flushed)
  Reason reason{};
  bool reset = false;
  bool penalty = false;  // reconnects of this id are delayed, doubling
  const char* stage = "";
};
using Action = std::variant<SendBytes, SendCommand, OfferRecord, OfferInOrder, ShedRecord, PostCommand, Announce,
                            ClaimSession, SaveSession, EndSession, ReleaseId, ProxyPublish, ProxySubscribe,
                            ProxyUnsubscribe, ProxyAck, Count, Close>;
using Actions = std::vector<Action>;

}  // namespace wayside::broker::session
