// One lane of the spool on its way to the core: what is planned, in flight, and settled.
//
// Owns     the encoded batches in flight.
// Thread   one, the edge machine's.
// Durable  the settlement (spool::SettlementLog); everything else is rebuilt from the core's first NEXT.
// Limits   in flight: bounded by the caller through plan(); one batch is at most limits.raw_bytes_max.
//
// A session begins without a position: the lane sends nothing until the core's first NEXT says where.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "bridge/batch/batch.h"
#include "bridge/edge/events.h"
#include "bridge/link/credit.h"
#include "bridge/link/messages.h"
#include "spool/lane.h"
#include "spool/settlement.h"

namespace wayside::bridge::edge {

struct LaneOptions {
  Lane lane{};
  SpoolUuid uuid;
  std::int64_t resend_ms = 5'000;
  std::int64_t linger_ms = 0;
  std::uint64_t credit_ahead_max = 1ULL << 30U;
  batch::Limits limits;
  const std::vector<batch::Rule>* rules = nullptr;
};

struct LaneCounters {
  std::uint64_t batches = 0;
  std::uint64_t resent_batches = 0;
  std::uint64_t replans = 0;
  std::uint64_t raw_bytes = 0;
  std::uint64_t message_bytes = 0;
  std::uint64_t samples = 0;
  std::uint64_t rejected = 0;
  std::uint64_t went_back = 0;
};

class LaneSender {
 public:
  static constexpr std::int64_t kSettlementCheckMs = 10'000;

  LaneSender(LaneOptions options, spool::LaneReader& reader, spool::SettlementLog& settlement);

  void begin_session(std::uint64_t session);
  void end_session();

  // on_next and on_credit return false when the link must drop; the DropLink was added.
  bool on_next(const link::Next& next, const Time& now, EdgeActions& actions);
  bool on_credit(const link::Credit& credit, EdgeActions& actions);
  void on_rejected(const link::Rejected& rejected, EdgeActions& actions);
  void on_synced(Offset synced, const Time& now);

  // Plans one more batch when there is something due, allowed by credit. False: nothing to send now.
  bool plan(const Time& now, EdgeActions& actions);
  // Resends what the core has not acknowledged for resend_ms; retries a settlement the disk refused; each
  // kSettlementCheckMs writes one again that is not on the disk any more, for a lane that is full settles no other.
  void tick(const Time& now, EdgeActions& actions);

  // Where the lane ends, at a core that says where it stands for good. `trusted`: the volume holds what the core holds,
  // and the core was told no more than it holds.
  struct Ending {
    spool::LaneEnd end;
    bool trusted = false;
  };
  Result<Ending> end_at(const link::Next& last);
  // What a closing session needs to know of the lane.
  Result<link::LaneHead> closing_head();
  // It is no fork after all: the next session may begin at this standing.
  void trust(const spool::Standing& core) {
    forked_ = false;
    trusted_ = core;
  }

  // Writes the settlement again as it stands, for a broker that reads it now: it may have rotted since.
  void settle_again(EdgeActions& actions);

  // Whether the lane still holds, up to where the session has come, what was read of it.
  bool still_stands(EdgeActions& actions);

  [[nodiscard]] bool positioned() const { return position_.has_value(); }
  [[nodiscard]] bool forked() const { return forked_; }
  // The core holds more than the volume shows.
  [[nodiscard]] bool behind() const { return ahead_; }
  [[nodiscard]] std::uint64_t in_flight_bytes() const { return in_flight_bytes_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }
  [[nodiscard]] Offset settled() const { return settlement_.standing().next; }
  [[nodiscard]] Offset synced() { return reader_.synced(); }
  [[nodiscard]] const spool::Standing& standing() const { return settlement_.standing(); }
  [[nodiscard]] const LaneCounters& counters() const { return counters_; }

 private:
  // A place in the lane within this session: offset, digest before it, framed bytes since the session began.
  struct Position {
    Offset at{};
    Digest digest{};
    std::uint64_t bytes = 0;
  };
  struct InFlight {
    Position begin;
    Position end;
    Bytes message;
    MonoMs sent_at{};
  };

  void adopt_first(const spool::Standing& core, const Time& now, EdgeActions& actions);
  bool chain_agrees(const spool::Standing& core, EdgeActions& actions);
  bool advance(const spool::Standing& core, EdgeActions& actions);
  void settle(const spool::Standing& standing, EdgeActions& actions);
  void write_settlement(const spool::Standing& standing, EdgeActions& actions);
  void check_settlement(const Time& now, EdgeActions& actions);
  bool plan_less(const link::Rejected& rejected);
  void resend_all(const Time& now, EdgeActions& actions);
  bool due(const Time& now) const;
  Result<std::vector<spool::ReadRecord>> records_from(Offset from, std::uint64_t credit);
  Result<std::vector<spool::ReadRecord>> vanished(Offset from, Offset oldest);
  Result<std::vector<spool::Branch>> branches(Offset from, Offset to);
  void ship(batch::Encoded encoded, const Time& now, EdgeActions& actions);
  void alarm(Reason reason, std::string sentence, EdgeActions& actions) const;
  void stop_forked(std::string sentence, EdgeActions& actions);
  void disk_fault(const Error& error, EdgeActions& actions);

  LaneOptions options_;
  spool::LaneReader& reader_;
  spool::SettlementLog& settlement_;
  std::uint64_t session_ = link::kNoSession;
  std::optional<Position> position_;  // where the next batch begins
  Position acknowledged_;             // the core's NEXT
  Offset begin_;                      // the session's first NEXT: credit is counted from here
  std::map<Offset, Position> sent_;   // batch ends sent in this session and not below acknowledged_
  std::deque<InFlight> in_flight_;    // consecutive up to position_
  std::uint64_t in_flight_bytes_ = 0;
  link::CreditHolder credit_;
  std::optional<Offset> counted_from_;  // where the core that gave it began to count
  std::optional<MonoMs> pending_since_;
  std::uint32_t records_max_ = 0;  // of a batch, in this session
  bool backlog_ = false;           // the last plan left records behind: no lingering
  bool forked_ = false;
  std::optional<spool::Standing> trusted_;
  bool ahead_ = false;                        // the core's NEXT is above our synced page: wait for the page
  bool disk_fault_ = false;                   // alarmed already
  unsigned resends_ = 0;                      // since the last progress: the timeout doubles
  std::optional<spool::Standing> unsettled_;  // a settlement that the disk refused
  MonoMs settlement_checked_{};
  std::uint64_t number_ = 0;
  LaneCounters counters_;
};

}  // namespace wayside::bridge::edge
