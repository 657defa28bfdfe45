// The core's end of the link for all edges: accepts what follows, answers NEXT after the core log's sync, hands
// out credit, sends requests down.
//
// Owns     a session per edge, the open requests, the vehicle router. The core log is lent.
// Thread   one. No clock, file or socket: time comes with the event, disks through the Disk seam.
// Durable  the core log. Sessions and credits die with the process: an unknown session is asked to say hello.
// Limits   edges as configured; window_bytes of credit a lane and session; requests open_max.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>

#include "bridge/core/core_log.h"
#include "bridge/core/dead_letters.h"
#include "bridge/core/events.h"
#include "bridge/core/requests.h"
#include "bridge/core/vehicle_router.h"
#include "bridge/link/claim.h"
#include "bridge/link/credit.h"
#include "bridge/link/messages.h"

namespace wayside::bridge::core {

struct CoreOptions {
  std::string product;
  std::vector<EdgeName> edges;
  std::uint64_t window_bytes = 4U << 20U;  // at least the largest record
  std::uint64_t floor_bytes = 1U << 20U;   // of command and ack, whatever the log's room
  std::int64_t credit_interval_ms = 500;
  std::uint64_t flush_bytes = 16U << 20U;  // staged in a lane before it is committed without waiting
  batch::Limits limits;
  RequestOptions requests;
};

struct CoreCounters {
  std::uint64_t batches = 0;
  std::uint64_t duplicates = 0;  // first offset other than next
  std::uint64_t forked = 0;
  std::uint64_t rejected = 0;
  std::uint64_t undecodable = 0;  // not even the range could be read
  std::uint64_t stale = 0;        // of another session
  std::uint64_t malformed = 0;
  std::uint64_t edge_mismatch = 0;
  std::uint64_t adopted = 0;  // spools bound to another edge
  std::uint64_t overrun = 0;  // beyond credit
  std::uint64_t log_full = 0;
  std::uint64_t log_faults = 0;
  std::uint64_t message_bytes = 0;  // of batches, as they came
};

class CoreLink {
 public:
  CoreLink(CoreOptions options, CoreLog& log, DeadLetters& dead_letters);
  CoreActions step(const CoreEvent& event);

  [[nodiscard]] const CoreCounters& counters() const { return counters_; }
  [[nodiscard]] const Requests& requests() const { return requests_; }
  [[nodiscard]] CoreLog& log() { return log_; }
  // The uuid an edge is bound to in this session, if it has one.
  [[nodiscard]] std::optional<SpoolUuid> spool_of(const std::string& edge) const;

 private:
  struct LaneState {
    link::CreditIssuer credit;
    Offset begin;            // where the session began: credit is counted from here
    std::uint64_t told = 0;  // the limit that was published last
    bool answer = false;     // NEXT with the next flush
    bool forked = false;
  };
  struct EdgeState {
    std::string name;
    std::string region;
    std::vector<std::string> adopts;
    std::uint64_t session = link::kNoSession;
    SpoolUuid uuid;
    std::array<LaneState, kLanes> lanes;
    std::optional<MonoMs> asked_at;  // for a hello
    bool closing = false;            // the session: nothing is accepted in it
  };

  void on(const LinkUp& up, const Time& now, CoreActions& actions);
  void on(const LinkDown& down, const Time& now, CoreActions& actions);
  void on(const Message& message, const Time& now, CoreActions& actions);
  void on(const Request& request, const Time& now, CoreActions& actions);
  void on(const TrustChanged& changed, const Time& now, CoreActions& actions);
  void on(const SinkMoved& moved, const Time& now, CoreActions& actions);
  void on(const Flush& flush, const Time& now, CoreActions& actions);
  void on(const Tick& tick, const Time& now, CoreActions& actions);

  void on_hello(EdgeState& edge, ByteView bytes, const Time& now, CoreActions& actions);
  Result<bool> bind(EdgeState& edge, const link::Hello& hello, CoreActions& actions);
  [[nodiscard]] bool may_adopt(const EdgeState& edge, const std::string& owner) const;
  void on_batch(EdgeState& edge, const Message& message, const Time& now, CoreActions& actions);
  void on_undecodable(EdgeState& edge, const Message& message, Reason why, const Time& now, CoreActions& actions);
  void refuse(EdgeState& edge, const Message& message, const link::BatchClaim& claim, Reason why, const Time& now,
              CoreActions& actions);
  void ask_for_less(EdgeState& edge, const link::BatchClaim& claim, CoreActions& actions);
  void on_down_ack(EdgeState& edge, ByteView bytes, const Time& now, CoreActions& actions);
  bool follows(EdgeState& edge, const link::BatchClaim& claim, const Time& now, CoreActions& actions);
  spool::AppendOutcome accept(EdgeState& edge, const link::BatchClaim& claim, const std::vector<CoreRecord>& records,
                              const Time& now, CoreActions& actions);
  void ask_for_hello(EdgeState& edge, const Time& now, CoreActions& actions);
  void flush(const Time& now, CoreActions& actions);
  Result<void> answer_closing(EdgeState& edge, const link::Hello& hello, CoreActions& actions);
  void publish_next(EdgeState& edge, Lane lane, CoreActions& actions, const Common* common = nullptr);
  bool note_branches(const EdgeState& edge, const batch::Decoded& batch, CoreActions& actions);
  void publish_credit(EdgeState& edge, Lane lane, bool restate, CoreActions& actions);
  void publish_requests(const Time& now, CoreActions& actions);
  void refuse_hello(EdgeState& edge, const link::Hello& hello, Reason reason, CoreActions& actions);
  EdgeState* find(const std::string& edge);

  CoreOptions options_;
  CoreLog& log_;
  DeadLetters& dead_letters_;
  VehicleRouter router_;
  Requests requests_;
  std::map<std::string, EdgeState> edges_;
  bool linked_ = false;
  MonoMs credit_at_{};
  CoreCounters counters_;
};

}  // namespace wayside::bridge::core
