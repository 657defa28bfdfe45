// Requests on their way down: judged, logged before they are called FORWARDED, resent until the edge answers
// or the deadline passes (design sections 3 and 8).
//
// Owns     the open requests.
// Thread   one, the core machine's.
// Durable  request and answer are records of the core log's command lane; a restart finds the open ones there.
// Limits   open_max.
#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "bridge/core/core_log.h"
#include "bridge/core/events.h"
#include "bridge/core/vehicle_router.h"
#include "bridge/link/messages.h"

namespace wayside::bridge::core {

struct RequestOptions {
  std::int64_t deadline_max_ms = 24LL * 3'600'000;
  std::int64_t resend_ms = 5'000;
  std::uint32_t open_max = 10'000;
};

struct RequestCounters {
  std::uint64_t forwarded = 0;
  std::uint64_t refused = 0;   // by the core
  std::uint64_t accepted = 0;  // by the edge
  std::uint64_t edge_refused = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t resent = 0;
};

class Requests {
 public:
  Requests(RequestOptions options, CoreLog& log, VehicleRouter& router);

  void set_trust(intent::Trust trust) { trust_ = std::move(trust); }
  // Judges and stages; the FORWARDED answer waits for flushed(). A refusal is answered at once.
  void on_request(const Request& request, const Time& now, CoreActions& actions);
  void on_answer(const std::string& edge, const link::DownAnswer& answer, const Time& now);
  void tick(const Time& now);
  // The command lane is durable (or was refused by the disk): says so to the requesters.
  void flushed(bool ok, CoreActions& actions);
  // Items for `edge` that are due, at most kDownItemsMax.
  std::vector<link::DownItem> due(const std::string& edge, const Time& now);
  // A new link session: everything open for that edge is due at once.
  void session_began(const std::string& edge);

  [[nodiscard]] std::size_t open() const { return open_.size(); }
  [[nodiscard]] const RequestCounters& counters() const { return counters_; }

 private:
  using Key = std::tuple<intent::PublicKey, std::string, intent::CommandId>;
  enum class State : std::uint8_t { logging, open, closing };  // logging, closing: the record is staged
  struct Entry {
    Offset at{};
    RequestLogged request;
    Key key;
    State state = State::open;
    bool sent = false;        // due() waits for resend_ms
    bool maybe_told = false;  // the edge may know it: silence until the deadline proves nothing
    MonoMs sent_at{};
    RequestAnswered answer;  // of closing
    bool late = false;       // closing without an answer of the edge
  };

  Outcome<Entry> judge(const Request& request, const Time& now) const;
  void log_request(Entry entry, const Time& now, CoreActions& actions);
  void close(Entry& entry, RequestAnswered answer, const Time& now);
  void closed(const Entry& entry, CoreActions& actions);
  void refuse(const Request& request, Reason reason, CoreActions& actions);
  void hold_lane();

  RequestOptions options_;
  CoreLog& log_;
  VehicleRouter& router_;
  intent::Trust trust_;
  std::map<std::uint64_t, Entry> open_;  // by sequence
  std::map<Key, std::uint64_t> by_key_;
  bool staged_ = false;  // an entry is logging or closing
  RequestCounters counters_;
};

}  // namespace wayside::bridge::core
