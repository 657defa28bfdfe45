// The command lifecycle of one edge as a single-threaded state machine (design section 8).
//
//   ACCEPTED -> QUEUED -> SENT -> RECEIVED -> SUCCEEDED | FAILED | REJECTED
//                                 ... -> EXPIRED | SUPERSEDED | CANCELLED | UNKNOWN_OUTCOME
//
// Every arrow is a transaction of the store first and an effect afterwards. For each vehicle at most one
// transaction is in flight; what comes meanwhile waits and is planned from the state that it left behind.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "command/edge_time.h"
#include "command/events.h"
#include "command/outbox.h"
#include "command/store.h"
#include "intent/intent.h"

namespace wayside::command {

struct Limits {
  std::int64_t deadline_max_ms = 24LL * 3600 * 1000;
  std::uint32_t open_per_issuer_max = 1'000;
  std::uint32_t open_per_vehicle_max = 16;
  std::uint32_t open_max = 10'000;
  std::uint64_t open_bytes_max = 64ULL << 20U;  // requests of open commands together
  std::uint32_t acks_per_command_max = 8;
  std::uint32_t ack_bytes_max = 4096;
  std::uint32_t stray_acks_max = 32;  // of one vehicle and interval: acks of no open command
  std::int64_t stray_acks_interval_ms = 60'000;
  std::uint32_t outbox_max = 65'536;      // statuses that wait for the ack lane
  std::int64_t outcome_wait_ms = 10'000;  // after the deadline, for the vehicle's word on what was written
  std::int64_t clock_step_max_ms = 3600LL * 1000;
  std::int64_t store_retry_ms = 1'000;
  std::int64_t closed_keep_ms = 24LL * 3600 * 1000;  // past the deadline
  std::int64_t purge_interval_ms = 60'000;
};

struct Options {
  std::string region;
  intent::PublicKey root_key{};
  std::map<std::string, bool> groups;  // name -> idempotent; a group that is not named is
  Limits limits;
};

// Owns     the open commands, who is ready, the trust, the outbox, the edge's time.
// Thread   one.   Durable  nothing of its own: the store is.
// Limits   Limits; per ready vehicle one entry.
class Lifecycle {
 public:
  explicit Lifecycle(Options options);

  std::vector<Action> step(const Now& now, Event event);
  // When the next Tick is due, on the monotonic clock; wall steps are met by a Tick a second at the latest.
  [[nodiscard]] std::optional<MonoMs> wake(const Now& now) const;

  [[nodiscard]] bool running() const { return phase_ == Phase::running; }
  [[nodiscard]] std::size_t open_commands() const { return open_total_; }
  [[nodiscard]] std::size_t outbox_size() const { return outbox_.size(); }
  // Closed commands that the store keeps, and how many it has forgotten since the start.
  struct Closed {
    std::uint64_t bytes = 0;
    std::uint64_t forgotten_by_age = 0;
    std::uint64_t forgotten_for_room = 0;
  };
  [[nodiscard]] const Closed& closed() const { return closed_; }
  // The open commands of a vehicle in the order of delivery; until the next step.
  struct OpenCommand {
    const Command* row = nullptr;
    bool written = false;  // some of its bytes may have reached the vehicle
  };
  [[nodiscard]] std::vector<OpenCommand> open_of(const std::string& vehicle) const;
  // Below this offset nothing in the ack lane will be asked for by a scan: it may be released.
  [[nodiscard]] Offset lane_needed_from() const { return {lane_needed_from_}; }
  [[nodiscard]] const intent::Trust& trust() const { return trust_; }
  [[nodiscard]] WallMs time(const Now& now) const { return time_.now(now); }

 private:
  enum class Phase : std::uint8_t { created, loading, scanning, running };

  struct Open {
    Command row;
    bool written = false;                     // some of its bytes may have reached the vehicle
    std::optional<Connection> delivering_on;  // Deliver is out, Written is not back
    std::optional<Connection> delivered_on;   // the newest connection that it was delivered on
    bool pubacked = false;
    bool reset_asked = false;
    std::uint32_t acks_admitted = 0;
    std::uint32_t acks_on_way = 0;  // offered to the lane
    std::optional<MonoMs> accepted_mono;
  };
  struct WaitingAck {
    intent::CommandId id{};
    Word word;
    std::uint64_t offset = 0;
  };
  struct Admission {
    std::uint64_t token = 0;
    std::shared_ptr<const Bytes> request;
    intent::Intent intent;
    intent::PublicKey grant_key{};
    bool doubtful = false;  // its transaction said fault: whether it stands is about to be read
  };
  struct Vehicle {
    std::optional<Connection> at;
    std::uint64_t presence = 0;
    std::uint64_t lease = 0;
    bool busy = false;       // a transaction is in flight
    bool admitting = false;  // and it accepts a command
    bool reload = false;     // what the store holds is unknown: read before anything else
    bool faulted = false;    // that was a fault of the store: pause after the reading
    std::optional<MonoMs> retry_at;
    std::deque<WaitingAck> acks;
    std::deque<Admission> admissions;
    std::map<std::uint64_t, Open> open;                // by sequence: the order of delivery
    std::map<intent::CommandId, std::uint64_t> by_id;  // -> open
  };
  using Vehicles = std::map<std::string, Vehicle>;

  // What an operation in flight was for.
  struct InFlight {
    enum class What : std::uint8_t {
      commit,
      reload,
      release,
      confirm,
      put_list,
      find_request,
      find_ack,
      marks,
      lists,
      pending,
      outbox,
      purge
    };
    What what{};
    std::string vehicle{};
    Commit commit{};
    std::size_t acks_taken = 0;
    std::uint64_t lane_mark = 0;           // confirm: what is not needed once it is durable
    std::optional<Admission> admission{};  // of commit, find_request
    Reason reason{};                       // find_request: the answer if it is not known
    std::uint64_t token = 0;               // put_list, find_ack: the caller's
    std::size_t bytes = 0;                 // find_ack
    std::optional<intent::TrustList> trust_list{};
    std::optional<intent::RevocationList> revocation_list{};
  };

  // lifecycle.cc: events of connections and acks
  void on(Start&);
  void on(Completed& event);
  void on(ScannedStatus& event);
  void on(ScanDone& event);
  void on(Requested& event);
  void on(Ready& event);
  void on(Gone& event);
  void on(Written& event);
  void on(Pubacked& event);
  void on(AckOffered& event);
  bool stray_ack_allowed(const std::string& vehicle);
  void on(AckInLane& event);
  void on(StatusInLane& event);
  void on(ListOffered& event);
  void on(Tick&);

  // loading.cc
  void loaded(InFlight& flight, Completion& completion);
  void load_lists(const std::vector<StoredList>& lists);
  void load_pending(std::vector<Command>& rows);
  void load_outbox(std::vector<Status>& rows);
  void reload_vehicle(Vehicles::iterator at);
  void vehicle_reloaded(const std::string& name, Completion& completion);

  // admission.cc
  void refuse(const Admission& admission, Reason reason);
  void answer_accepted(const Admission& admission, bool repeated);
  [[nodiscard]] std::optional<Reason> over_bounds(const Vehicle& vehicle, const Admission& admission) const;
  bool answer_from_open(const Vehicle& vehicle, const Admission& admission);
  bool admit_next(Vehicles::iterator at);
  void plan_accept(Vehicle& vehicle, const Admission& admission, Commit& commit) const;
  void accepted(InFlight& flight, Vehicle& vehicle, const Completion& completion);
  bool accept_refused(InFlight& flight, Vehicle& vehicle, Completion& completion);
  void settle_doubt(Vehicle& vehicle);
  void release_admission(const Admission& admission);
  void request_found(InFlight& flight, Completion& completion);

  // transitions.cc
  struct Draft;
  void advance(Vehicles::iterator at);
  std::size_t plan_transitions(Vehicle& vehicle, Commit& commit);
  void plan_one(const Vehicle& vehicle, const Open& open, Commit& commit) const;
  static void apply_word(Draft& draft, const Word& word);
  [[nodiscard]] std::optional<Reason> revoked(const intent::PublicKey& grant_key, std::uint64_t grant_serial,
                                              const intent::PublicKey& issuer) const;
  [[nodiscard]] std::optional<Reason> revoked(const Command& row) const {
    return revoked(row.grant_key, row.grant_serial, row.issuer);
  }
  [[nodiscard]] bool may_send_again(const Open& open) const;
  void deliver_due(Vehicle& vehicle);
  void submit_commit(Vehicles::iterator at, Commit commit, std::size_t acks_taken, std::optional<Admission> admission);
  void commit_completed(InFlight& flight, Completion& completion);
  void apply(Vehicle& vehicle, const std::vector<Transition>& transitions);
  [[nodiscard]] std::uint64_t applied_below(const Vehicle* vehicle, std::size_t acks_taken) const;
  void heard(Offset offset);
  void acks_done(Vehicle& vehicle, std::size_t count);
  void due(const std::string& name, std::uint64_t sequence);

  // the open table
  Open& insert_open(Vehicle& vehicle, Command row);
  void erase_open(Vehicle& vehicle, std::map<std::uint64_t, Open>::iterator at);
  static Open* find_open(Vehicle& vehicle, const intent::CommandId& id);
  void forget_if_idle(Vehicles::iterator at);

  // lists.cc
  void list_stored(InFlight& flight, const Completion& completion);

  std::uint64_t submit(InFlight flight, Operation operation);
  void flush();  // outbox, confirmations, purge
  void housekeeping();
  void purged(const Completion& completion);
  void pause(const std::string& name, Vehicle& vehicle);
  void lost_track(const std::string& name, Vehicle& vehicle, const Completion& completion);
  void alarm(AlarmKind kind, std::string sentence);
  [[nodiscard]] WallMs edge_now() const { return time_.now(now_); }

  Options options_;
  Phase phase_ = Phase::created;
  EdgeTime time_;
  Now now_{};                    // of the step in hand
  std::vector<Action> actions_;  // of the step in hand
  intent::Trust trust_;
  Outbox outbox_;
  Vehicles vehicles_;
  std::map<std::uint64_t, InFlight> in_flight_;
  std::uint64_t next_token_ = 1;
  std::map<intent::PublicKey, std::uint32_t> open_by_issuer_;  // open and waiting for admission
  std::size_t open_total_ = 0;
  std::size_t admissions_ = 0;
  std::uint64_t open_bytes_ = 0;
  std::set<std::tuple<std::int64_t, std::string, std::uint64_t>> deadlines_;  // edge time, vehicle, sequence
  std::set<std::pair<MonoMs, std::string>> retries_;
  struct StrayAcks {
    MonoMs since{};
    std::uint32_t count = 0;
  };
  std::map<std::string, StrayAcks> stray_acks_;  // by vehicle; forgotten with their interval
  std::set<std::uint64_t> acks_outstanding_;     // offsets in the lane whose word is not durable here
  std::uint64_t lane_next_ = 0;                  // above every record of ours heard of in the ack lane
  std::uint64_t lane_needed_from_ = 0;           // min of the durable marks
  MonoMs purge_at_{};
  Closed closed_;
  Marks marks_;           // as loaded
  bool stepped_ = false;  // the alarm was given
};

}  // namespace wayside::command
