// The seam behind which sessions are durable: subscriptions, expiry and the presence epoch of each id.
//
// Thread: call from any; `done` runs on the store's own thread and must only post.
// Durable: `done` is called after the group commit that holds the change.
// Limits: sessions_max sessions that outlive their connection; calls in flight are bounded by connections.
#pragma once

#include <cstdint>
#include <functional>
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

inline constexpr std::uint32_t kExpiryNever = 0xFFFFFFFFU;

class SessionStore {
 public:
  virtual ~SessionStore() = default;
  // Refusals: TOO_MANY_SESSIONS, STORE_FAULT.
  virtual void open(OpenRequest request, std::function<void(Outcome<OpenedSession>)> done) = 0;
  virtual void save(SaveRequest request, std::function<void(Outcome<void>)> done) = 0;
  virtual void end(EndRequest request) = 0;
};

}  // namespace wayside::broker::session
