// The edge's end of the link for one spool: hello, five lanes up, requests down.
//
// Owns     a LaneSender per lane; the numbers of requests handed to the broker and not answered yet.
// Thread   one. No clock, file or socket: time comes with the event, lanes through the Disk seam.
// Durable  settlements only. After a restart the core's NEXT says where every lane stands.
// Limits   in flight per channel: inflight_bytes_max, passed by at most one batch; a lane with nothing in
//          flight may always send one, so that neither command nor ack waits behind a full channel.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <set>

#include "bridge/edge/events.h"
#include "bridge/edge/lane_sender.h"

namespace wayside::bridge::edge {

struct EdgeOptions {
  std::string edge;
  std::string region;
  std::string product;
  SpoolUuid uuid;
  bool adopt = false;  // the spool of another edge: the core is asked to bind it to this one
  // A lane that is FORKED closes the spool (CloseSpool); false: it stops, the others go on.
  bool close_forked = false;
  std::optional<SpoolUuid> previous;  // the spool that this one goes on for
  std::int64_t resend_ms = 5'000;
  std::int64_t batch_linger_ms = 200;  // of state and bulk; urgent lanes do not linger
  std::uint64_t inflight_bytes_max = 16U << 20U;
  std::uint32_t inflight_batches_max = 32;  // of a lane
  std::uint64_t credit_ahead_bytes_max = 1ULL << 30U;
  std::uint32_t down_pending_max = 10'000;
  batch::Limits limits;
  std::vector<batch::Rule> rules;
};

struct LanePorts {
  spool::LaneReader* reader = nullptr;
  spool::SettlementLog* settlement = nullptr;
};

struct EdgeCounters {
  std::uint64_t hellos = 0;
  std::uint64_t stale = 0;  // of another session: changed nothing
  std::uint64_t malformed = 0;
  std::uint64_t dropped_links = 0;
  std::uint64_t down_items = 0;
  std::uint64_t down_answers = 0;
  std::uint64_t down_deferred = 0;  // no broker, or too many unanswered: the core resends
};

class EdgeLink {
 public:
  EdgeLink(EdgeOptions options, const std::array<LanePorts, kLanes>& lanes);
  EdgeActions step(const EdgeEvent& event);

  [[nodiscard]] const EdgeCounters& counters() const { return counters_; }
  [[nodiscard]] LaneSender& lane(Lane lane) { return *lanes_[index_of(lane)]; }
  // Nothing is shipped any more: CloseSpool says where the lanes end.
  [[nodiscard]] bool closed() const { return life_ == Life::closed; }
  [[nodiscard]] bool linked() const { return session_ != link::kNoSession; }
  [[nodiscard]] WallMs last_ack() const { return last_ack_; }
  [[nodiscard]] std::size_t down_pending() const { return down_pending_.size(); }

 private:
  // `closing`: a session of its own asks where the core stands for good. `stopped`: this core does not say.
  enum class Life : std::uint8_t { open, closing, closed, stopped };

  void on(const LinkUp& up, const Time& now, EdgeActions& actions);
  void on(const LinkDown& down, const Time& now, EdgeActions& actions);
  void on(const Message& message, const Time& now, EdgeActions& actions);
  void on(const Tick& tick, const Time& now, EdgeActions& actions);
  void on(const SyncedMoved& moved, const Time& now, EdgeActions& actions);
  void on(const BrokerUp& up, const Time& now, EdgeActions& actions);
  void on(const BrokerDown& down, const Time& now, EdgeActions& actions);
  void on(const BrokerAnswer& answer, const Time& now, EdgeActions& actions);

  void on_hello(ByteView bytes, const Time& now, EdgeActions& actions);
  void on_next(ByteView bytes, const Time& now, EdgeActions& actions);
  void on_credit(ByteView bytes, EdgeActions& actions);
  void on_rejected(ByteView bytes, EdgeActions& actions);
  void on_down_batch(ByteView bytes, EdgeActions& actions);
  void send_hello(const Time& now, EdgeActions& actions);
  void greet(link::Hello hello, const Time& now, EdgeActions& actions);
  void consider_closing(EdgeActions& actions);
  void send_closing_hello(const Time& now, EdgeActions& actions);
  void on_last_next(const link::Next& next, EdgeActions& actions);
  void conclude(EdgeActions& actions);
  void reopen(EdgeActions& actions);
  void stop(std::string why, EdgeActions& actions);
  void plan(link::Channel channel, const Time& now, EdgeActions& actions);
  [[nodiscard]] std::uint64_t in_flight_bytes(link::Channel channel) const;
  [[nodiscard]] bool any_positioned() const;
  [[nodiscard]] bool all_positioned() const;
  bool ours(const SpoolUuid& uuid, std::uint64_t session);
  void malformed(std::string_view what, EdgeActions& actions);
  void end_session();

  EdgeOptions options_;
  std::array<std::unique_ptr<LaneSender>, kLanes> lanes_;
  std::uint64_t session_ = link::kNoSession;
  MonoMs hello_at_{};
  bool broker_up_ = false;
  Life life_ = Life::open;
  std::array<std::optional<link::Next>, kLanes> last_;  // of a closing session
  std::optional<spool::ClosingMark> mark_;
  unsigned reopened_ = 0;
  std::set<std::uint64_t> down_pending_;
  WallMs last_ack_{};
  EdgeCounters counters_;
};

}  // namespace wayside::bridge::edge
