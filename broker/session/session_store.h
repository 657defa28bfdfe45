// The seam behind which sessions are durable: subscriptions, expiry, the presence epoch and the unreleased QoS 2
// identifiers of each id.
//
// Thread: call from any; `done` runs on the store's own thread and must only post.
// Durable: `done` is called after the group commit that holds the change.
// Limits: sessions_max sessions that outlive their connection; calls in flight are bounded by connections and by
// what each may have in flight.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/reasons.h"
#include "common/types.h"

namespace wayside::broker::session {

struct StoredSubscription {
  std::string filter;
  std::uint8_t qos = 0;
  bool no_local = false;
  bool retain_as_published = false;
  auto operator<=>(const StoredSubscription&) const = default;
};

struct OpenRequest {
  std::string id;
  bool clean_start = true;
  std::uint32_t expiry_s = 0;  // 0: the session ends with the connection
  WallMs now{};
};
struct OpenedSession {
  bool present = false;
  std::uint64_t epoch = 0;                        // max(last + 1, now in ms), durable
  std::vector<StoredSubscription> subscriptions;  // sorted by filter
  std::vector<std::uint16_t> unreleased{};        // QoS 2 identifiers, rising
};
// The whole set of a session; ignored (STORE_FAULT) when a newer epoch opened it since.
struct SaveRequest {
  std::string id;
  std::uint64_t epoch = 0;
  std::vector<StoredSubscription> subscriptions;
};
struct EndRequest {  // the connection is over; the session lives for expiry_s more
  std::string id;
  std::uint64_t epoch = 0;
  std::uint32_t expiry_s = 0;
  WallMs now{};
};

// A QoS 2 publish whose record is committed: its identifier must be durable with the session before PUBREC.
struct Receipt {
  std::string id;
  std::uint64_t epoch = 0;  // of the connection it came in on; once the session began anew it means nothing
  std::uint16_t packet_id = 0;
  Lane lane{};
  Offset offset{};
};
struct ReleaseRequest {
  std::string id;
  std::uint64_t epoch = 0;
  std::uint16_t packet_id = 0;
};

// What is kept of an id, for an operator.
struct KnownSession {
  std::uint64_t epoch = 0;
  bool durable = false;           // it outlives its connection
  std::uint32_t expiry_s = 0;     // by so much
  std::optional<WallMs> ended{};  // nullopt: connected
  std::size_t subscriptions = 0;
};

// ONLINE in its last presence record, not back since: the process died, or its OFFLINE was refused.
struct LeftOnline {
  std::string id;
  std::uint64_t epoch = 0;  // of the connection that was lost
  Reason reason = Reason::EDGE_RESTARTED;
};

inline constexpr std::uint32_t kExpiryNever = 0xFFFFFFFFU;

class SessionStore {
 public:
  virtual ~SessionStore() = default;
  // Refusals: TOO_MANY_SESSIONS, STORE_FAULT.
  virtual void open(OpenRequest request, std::function<void(Outcome<OpenedSession>)> done) = 0;
  virtual void save(SaveRequest request, std::function<void(Outcome<void>)> done) = 0;
  virtual void end(EndRequest request) = 0;

  // A QoS 2 record of this session is on its way to the lane; one of the next two follows. Until then the
  // session is opened for nobody: who comes back must find what its last connection had in custody.
  virtual void expect(const std::string& id, Lane lane) = 0;
  // In the order of the offsets of a lane. STORE_FAULT: it is tried again before the session is opened.
  virtual void received(Receipt receipt, std::function<void(Outcome<void>)> done) = 0;
  virtual void not_received(const std::string& id, Lane lane) = 0;
  // PUBREL: the identifier is free once `done` is called.
  virtual void release(ReleaseRequest request, std::function<void(Outcome<void>)> done) = 0;
  // The lane was synced up to here a moment ago: a start need not look for receipts below.
  virtual void lane_synced(Lane lane, Offset synced) = 0;

  // nullopt: nothing is kept. Changes nothing.
  virtual void look(std::string id, std::function<void(Outcome<std::optional<KnownSession>>)> done) = 0;

  // At most `max` of those who were left online, by id; empty: nobody is. `also_by_death`: those of a process that died
  // too, not only those whose OFFLINE was refused.
  virtual void left(std::size_t max, bool also_by_death,
                    std::function<void(Outcome<std::vector<LeftOnline>>)> done) = 0;
  // Its OFFLINE was refused, for the reason that is not its own. Tried again until it is durable; nothing if it is
  // back.
  virtual void untold(LeftOnline one) = 0;
  // Its OFFLINE is in custody.
  virtual void told(LeftOnline one) = 0;
};

}  // namespace wayside::broker::session
