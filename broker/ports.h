// How the parts of the broker meet. Roles are threads: N I/O threads (gate), one thread a lane (custody),
// one command thread, one control thread (admin, supervision, bridge socket). They share nothing but these
// ports: bounded mailboxes, each with a counter and a named behaviour when full.
//
//   I/O thread --offer--> lane thread --Committed--> I/O thread (PUBACK)
//   I/O thread --CommandEvent--> command thread --Deliver / Answer / Refused--> I/O thread
//   command thread --offer(status)--> ack lane thread --Committed--> command thread
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/reasons.h"
#include "common/types.h"
#include "intent/intent.h"

namespace wayside::broker {

// A connection, for ever: the I/O thread it lives on and a number that is never reused on that thread.
struct ConnectionRef {
  std::uint32_t thread = 0;
  std::uint64_t number = 0;
  auto operator<=>(const ConnectionRef&) const = default;
};

// ---- what comes back to an I/O thread -------------------------------------------------------------
struct Committed {  // answer to an offer; exactly one for each offer that was taken
  ConnectionRef to;
  std::uint64_t token = 0;  // the offerer's own
  bool ok = false;
  Reason reason{};  // when not ok
  Lane lane{};
  Offset offset{};
};
struct Deliver {  // write this command to the vehicle (SENT is committed already)
  ConnectionRef to;
  std::string vehicle;
  intent::CommandId id{};
  Bytes request;      // payload: intent and grant as signed
  WallMs deadline{};  // rechecked as the bytes enter the TLS record
};
struct CommandAnswer {  // to a service that published a request
  ConnectionRef to;
  std::uint64_t token = 0;
  bool accepted = false;
  Reason reason{};
};
struct CloseConnection {
  ConnectionRef to;
  Reason reason{};
  bool reset = false;  // RST: an unacknowledged command is at its deadline
};
struct ServiceEvent {  // status or presence for the services subscribed on that thread
  std::string vehicle;
  std::string topic;
  std::shared_ptr<const Bytes> payload;
};
using IoMessage = std::variant<Committed, Deliver, CommandAnswer, CloseConnection, ServiceEvent>;

// The mailboxes of the I/O threads. Thread: post from any. Committed and Deliver are never dropped (their
// number is bounded by what was offered); ServiceEvent is dropped and counted when the mailbox is full.
class IoPort {
 public:
  virtual ~IoPort() = default;
  virtual void post(IoMessage message) = 0;  // to message.to.thread; ServiceEvent: to all threads
  // Answers of one group to the connections of one thread, in order, as one message.
  virtual void post_all(std::uint32_t /*thread*/, std::vector<Committed> answers) {
    for (const Committed& answer : answers) post(answer);
  }
  [[nodiscard]] virtual std::uint32_t threads() const = 0;
};

// ---- custody ---------------------------------------------------------------------------------------
struct Offer {
  Lane lane{};
  Bytes body;  // schemas::encode_record
  std::string cohort;
  ConnectionRef to;  // whom to tell; ignored when `done` is set
  std::uint64_t token = 0;
  std::function<void(const Committed&)> done;  // on the lane thread; must only post. For non-gate offerers
  // The opening of the door that those ahead of it went through (CustodyPort::opening); 0: it may overtake.
  std::uint64_t opening = 0;
};
// Offers of connections to one lane that travel together, in order; what two threads say to each other is then
// paid for once a burst and not once a record.
struct OfferBurst {
  struct Entry {
    ConnectionRef to;
    std::uint64_t token = 0;
    std::uint64_t opening = 0;  // as in Offer
    std::uint32_t cohort_bytes = 0;
    std::uint32_t body_bytes = 0;
  };
  // cohort_bytes and body_bytes of the entry are set here.
  void add(Entry entry, std::string_view cohort, ByteView body) {
    entry.cohort_bytes = static_cast<std::uint32_t>(cohort.size());
    entry.body_bytes = static_cast<std::uint32_t>(body.size());
    entries.push_back(entry);
    const ByteView name = as_bytes(cohort);
    arena.insert(arena.end(), name.begin(), name.end());
    arena.insert(arena.end(), body.begin(), body.end());
  }
  void clear() {
    arena.clear();
    entries.clear();
  }
  Bytes arena;  // cohort and body of each entry in turn
  std::vector<Entry> entries;
};

// Who may need records after a death: commands, of the ack lane; sessions, what QoS 2 identifiers it holds.
enum class Keeper : std::uint8_t { commands, sessions };
inline constexpr std::size_t kKeepers = 2;

class CustodyPort {
 public:
  virtual ~CustodyPort() = default;
  // Thread: any. Taken: exactly one Committed follows, after fdatasync. Else the reason: SPOOL_FULL,
  // SPOOL_FAULT, QUEUE_FULL, PAYLOAD_TOO_LARGE. Order is kept per caller thread and lane.
  virtual Outcome<void> offer(Offer offer) = 0;
  // Openings of the lane's door are counted: each refusal for room of what was taken already ends one. Who would be
  // refused together with those ahead of it rather than overtake them asks before the first and offers all with the
  // answer. Thread: any.
  [[nodiscard]] virtual std::uint64_t opening(Lane /*lane*/) const { return 0; }
  // The same for each record of the burst, which comes back empty; what is refused is appended to `refused`. A refusal
  // for want of room sets `no_room`; while it is set all else is refused too, so that no record overtakes another.
  virtual void offer_all(Lane lane, OfferBurst& burst, std::vector<Committed>& refused, std::optional<Reason>& no_room);
  // Records of the lane from this offset on are still needed for recovery by who offers there: they are not
  // released though they are settled. Until a keeper that is waited for has spoken, all of the lane is. Thread: any.
  virtual void keep_from(Lane /*lane*/, Offset /*offset*/, Keeper /*keeper*/ = Keeper::commands) {}
  // Counts a QoS 0 publish that was dropped before it was offered. Thread: any.
  virtual void shed(Lane /*lane*/, Reason /*reason*/) {}
};

inline void CustodyPort::offer_all(Lane lane, OfferBurst& burst, std::vector<Committed>& refused,
                                   std::optional<Reason>& no_room) {
  std::size_t at = 0;
  for (const OfferBurst::Entry& entry : burst.entries) {
    const ByteView cohort = ByteView(burst.arena).subspan(at, entry.cohort_bytes);
    const ByteView body = ByteView(burst.arena).subspan(at + entry.cohort_bytes, entry.body_bytes);
    at += entry.cohort_bytes + entry.body_bytes;
    Outcome<void> taken = no_room ? Outcome<void>(*no_room)
                                  : offer({lane,
                                           Bytes(body.begin(), body.end()),
                                           std::string(as_text(cohort)),
                                           entry.to,
                                           entry.token,
                                           {},
                                           entry.opening});
    if (taken.ok()) continue;
    if (taken.reason() != Reason::PAYLOAD_TOO_LARGE) no_room = taken.reason();
    refused.push_back({entry.to, entry.token, false, taken.reason(), lane, {}});
  }
  burst.clear();
}

// ---- commands --------------------------------------------------------------------------------------
struct CommandRequested {  // from the services listener (`to`) or the bridge socket (`done`)
  Bytes request;
  ConnectionRef to;
  std::uint64_t token = 0;
  std::function<void(bool accepted, Reason reason)> done;  // on the command thread; must only post
};
struct VehicleReady {  // connected and subscribed to its cmd filter
  std::string vehicle;
  std::uint64_t epoch = 0;
  ConnectionRef at;
};
struct VehicleGone {
  std::string vehicle;
  ConnectionRef at;
};
struct CommandWritten {  // the bytes entered the TLS record; false: the deadline had passed, nothing written
  std::string vehicle;
  intent::CommandId id{};
  ConnectionRef at;
  bool written = false;
};
struct CommandPuback {  // the vehicle's PUBACK of the command
  std::string vehicle;
  intent::CommandId id{};
  ConnectionRef at;
};
struct AckOffered {     // v1/<id>/cmd/<command id>/ack: judged by the store, then committed to the ack lane.
  std::string vehicle;  // Committed goes to `to`/`token`; an unknown id comes back as Committed{ok=false}
  intent::CommandId id{};
  Bytes payload;  // CommandAck
  Bytes body;     // the encoded record
  std::string cohort;
  ConnectionRef to;
  std::uint64_t token = 0;
  std::function<void(const Committed&)> done{};  // set: told in place of `to`, on any thread; must only post
};
// An open command of a vehicle, for an operator.
struct WaitingCommand {
  intent::CommandId id{};
  std::string state;   // "ACCEPTED" ... as statuses have it
  std::string reason;  // of its newest status
  std::string group;
  std::string what;
  WallMs accepted_at{};
  WallMs deadline{};
  bool written = false;  // some of its bytes may have reached the vehicle
};
struct CommandsAsked {
  std::string vehicle;
  std::function<void(std::vector<WaitingCommand>)> done;  // on the command thread; must only post
};
using CommandEvent =
    std::variant<CommandRequested, VehicleReady, VehicleGone, CommandWritten, CommandPuback, AckOffered, CommandsAsked>;

class CommandPort {
 public:
  virtual ~CommandPort() = default;
  // Thread: any. False: the mailbox is full (QUEUE_FULL); nothing was taken. VehicleReady, VehicleGone,
  // CommandWritten and CommandPuback are always taken (bounded by connections), CommandsAsked too (by its asker).
  [[nodiscard]] virtual bool post(CommandEvent event) = 0;
};

}  // namespace wayside::broker
