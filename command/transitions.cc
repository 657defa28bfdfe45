// What a vehicle's commands become next, planned from where they stand: one transaction at a time.
#include <algorithm>

#include "command/lifecycle.h"
#include "common/result.h"

namespace wayside::command {

// A command as it will stand after the transitions planned so far.
struct Lifecycle::Draft {
  const Command& row;
  WallMs at;
  State state;
  std::uint32_t version;
  std::uint64_t ack_next;
  std::uint32_t acks;
  std::vector<Transition>& out;

  void move(State to, std::string reason) {
    Transition transition;
    transition.status.key = {row.name, ++version};
    transition.status.state = state = to;
    transition.status.reason = std::move(reason);
    transition.status.group = row.group;
    transition.status.what = row.what;
    transition.status.deadline = row.deadline;
    transition.status.at = at;
    transition.ack_next = ack_next;
    transition.acks = acks;
    out.push_back(std::move(transition));
  }
  void move(State to, Reason reason) { move(to, std::string(code(reason))); }
};

void Lifecycle::apply_word(Draft& draft, const Word& word) {
  if (is_closed(draft.state)) return;
  if (is_closed(word.state) || draft.state < word.state) draft.move(word.state, word.reason);
}

std::optional<Reason> Lifecycle::revoked(const intent::PublicKey& grant_key, std::uint64_t grant_serial,
                                         const intent::PublicKey& issuer) const {
  if (!trust_.trust_list ||
      std::ranges::find(trust_.trust_list->grant_keys, grant_key) == trust_.trust_list->grant_keys.end()) {
    return Reason::GRANT_KEY_UNKNOWN;
  }
  for (const auto& [key, list] : trust_.revocations) {
    if (list.grants.contains({grant_key, grant_serial})) return Reason::GRANT_REVOKED;
    if (list.issuer_keys.contains(issuer)) return Reason::ISSUER_REVOKED;
  }
  return std::nullopt;
}

// SENT says that its bytes may go out, not that they did: a revocation holds back what is left to send.
bool Lifecycle::may_send_again(const Open& open) const {
  if (revoked(open.row)) return false;
  if (!open.written && !open.delivering_on) return true;
  const auto group = options_.groups.find(open.row.group);
  return group == options_.groups.end() || group->second;
}

void Lifecycle::plan_one(const Vehicle& vehicle, const Open& open, Commit& commit) const {
  const Command& row = open.row;
  const WallMs now = edge_now();
  Draft draft{row, now, row.state, row.version, row.ack_next, row.acks, commit.transitions};
  for (const WaitingAck& ack : vehicle.acks) {
    if (ack.id != row.name.id || ack.offset < draft.ack_next) continue;
    draft.ack_next = ack.offset + 1;
    ++draft.acks;
    apply_word(draft, ack.word);
  }
  if (open.pubacked && draft.state < State::received) draft.move(State::received, std::string());
  if (is_closed(draft.state)) return;

  if (is_unsent(draft.state)) {
    if (now >= row.deadline) {
      draft.move(State::expired, Reason::DEADLINE_PASSED);
    } else if (const auto why = revoked(row)) {
      draft.move(State::cancelled, *why);
    } else if (vehicle.at) {
      draft.move(State::sent, std::string());
    } else if (draft.state == State::accepted) {
      draft.move(State::queued, std::string());
    }
    return;
  }
  const bool nothing_written = draft.state == State::sent && !open.written && !open.delivering_on;
  if (now < row.deadline) {
    const auto why = nothing_written ? revoked(row) : std::nullopt;
    if (why) draft.move(State::cancelled, *why);
  } else if (nothing_written) {
    draft.move(State::expired, Reason::DEADLINE_PASSED);
  } else if (now.value >= row.deadline.value + options_.limits.outcome_wait_ms) {
    draft.move(State::unknown_outcome, Reason::DEADLINE_PASSED);
  }
}

// Returns how many waiting acks the plan has taken into account.
std::size_t Lifecycle::plan_transitions(Vehicle& vehicle, Commit& commit) {
  for (const auto& [sequence, open] : vehicle.open) plan_one(vehicle, open, commit);
  return vehicle.acks.size();
}

void Lifecycle::advance(Vehicles::iterator at) {
  Vehicle& vehicle = at->second;
  if (phase_ != Phase::running || vehicle.busy) return;
  if (vehicle.retry_at && now_.mono < *vehicle.retry_at) return;
  vehicle.retry_at.reset();
  if (vehicle.reload) return reload_vehicle(at);

  Commit commit;
  const std::size_t acks_taken = plan_transitions(vehicle, commit);
  if (!commit.transitions.empty()) {
    submit_commit(at, std::move(commit), acks_taken, std::nullopt);
  } else {
    acks_done(vehicle, acks_taken);
    admit_next(at);
  }
  deliver_due(vehicle);
  forget_if_idle(at);
}

// Acks of other vehicles may still be on their way to the store: the mark stays below the first of them.
std::uint64_t Lifecycle::applied_below(const Vehicle* vehicle, std::size_t acks_taken) const {
  for (const std::uint64_t offset : acks_outstanding_) {
    bool taken = false;
    for (std::size_t i = 0; vehicle != nullptr && i < acks_taken && !taken; ++i) {
      taken = vehicle->acks[i].offset == offset;
    }
    if (!taken) return offset;
  }
  return lane_next_;
}

void Lifecycle::submit_commit(Vehicles::iterator at, Commit commit, std::size_t acks_taken,
                              std::optional<Admission> admission) {
  Vehicle& vehicle = at->second;
  vehicle.busy = true;
  vehicle.admitting = admission.has_value();
  commit.vehicle = at->first;
  commit.epoch = vehicle.lease;
  commit.time_mark = time_.advance(now_);
  commit.applied_ack = applied_below(&vehicle, acks_taken);
  InFlight flight{.what = InFlight::What::commit, .vehicle = at->first, .commit = commit, .acks_taken = acks_taken};
  flight.admission = std::move(admission);
  submit(std::move(flight), std::move(commit));
}

void Lifecycle::commit_completed(InFlight& flight, Completion& completion) {
  const auto at = vehicles_.find(flight.vehicle);
  WAYSIDE_ASSERT(at != vehicles_.end() && at->second.busy);
  Vehicle& vehicle = at->second;
  vehicle.busy = vehicle.admitting = false;
  if (completion.outcome == StoreOutcome::done) {
    vehicle.lease = completion.epoch;
    closed_.bytes = completion.closed_bytes;
    closed_.forgotten_for_room += completion.forgotten;
    apply(vehicle, flight.commit.transitions);
    acks_done(vehicle, flight.acks_taken);
    if (flight.admission) accepted(flight, vehicle, completion);
  } else {
    const bool answered = flight.admission && accept_refused(flight, vehicle, completion);
    if (flight.admission && !answered) vehicle.admissions.push_front(std::move(*flight.admission));
    lost_track(flight.vehicle, vehicle, completion);
  }
  advance(at);
}

// What the store answered says that its rows may not be what is held here.
void Lifecycle::lost_track(const std::string& name, Vehicle& vehicle, const Completion& completion) {
  switch (completion.outcome) {
    case StoreOutcome::version_conflict:
    case StoreOutcome::lease_lost:
      alarm(AlarmKind::lease_lost, "another owner changed commands of a vehicle");
      vehicle.lease = 0;
      vehicle.reload = true;
      return;
    case StoreOutcome::lease_held: return pause(name, vehicle);
    case StoreOutcome::fault:
      alarm(AlarmKind::store_fault, completion.sentence);
      vehicle.reload = vehicle.faulted = true;
      return;
    default: return;
  }
}

void Lifecycle::pause(const std::string& name, Vehicle& vehicle) {
  vehicle.retry_at = now_.mono + options_.limits.store_retry_ms;
  retries_.emplace(*vehicle.retry_at, name);
}

void Lifecycle::apply(Vehicle& vehicle, const std::vector<Transition>& transitions) {
  for (const Transition& transition : transitions) {
    const Status& status = transition.status;
    Open* open = find_open(vehicle, status.key.name.id);
    WAYSIDE_ASSERT(open != nullptr && open->row.version + 1 == status.key.version);
    open->row.state = status.state;
    open->row.version = status.key.version;
    open->row.reason = status.reason;
    open->row.ack_next = std::max(open->row.ack_next, transition.ack_next);
    open->row.acks = std::max(open->row.acks, transition.acks);
    Status told = status;
    if (open->accepted_mono) told.age_ms = now_.mono - *open->accepted_mono;
    outbox_.add(std::move(told));
    if (is_closed(status.state)) erase_open(vehicle, vehicle.open.find(open->row.sequence));
  }
}

void Lifecycle::acks_done(Vehicle& vehicle, std::size_t count) {
  for (; count > 0; --count) {
    acks_outstanding_.erase(vehicle.acks.front().offset);
    vehicle.acks.pop_front();
  }
}

void Lifecycle::deliver_due(Vehicle& vehicle) {
  if (!vehicle.at) return;
  for (auto& [sequence, open] : vehicle.open) {
    if (open.row.state != State::sent || open.pubacked || open.delivered_on == vehicle.at) continue;
    if (edge_now() >= open.row.deadline || !may_send_again(open)) continue;
    // Its ack may say that it is done: first that, and nothing overtakes it meanwhile.
    const bool ack_waits =
        std::ranges::any_of(vehicle.acks, [&](const auto& ack) { return ack.id == open.row.name.id; });
    if (open.acks_on_way > 0 || ack_waits) break;
    const bool again = open.written || open.delivered_on.has_value();
    open.delivered_on = open.delivering_on = vehicle.at;
    actions_.emplace_back(Deliver{open.row.name, *vehicle.at, open.row.request, open.row.deadline, again});
  }
}

void Lifecycle::due(const std::string& name, std::uint64_t sequence) {
  const auto at = vehicles_.find(name);
  if (at == vehicles_.end()) return;
  const auto open = at->second.open.find(sequence);
  if (open == at->second.open.end()) return;
  Open& command = open->second;
  const bool held = command.row.state == State::sent && !command.pubacked && at->second.at &&
                    command.delivered_on == at->second.at && (command.written || command.delivering_on);
  if (held && !command.reset_asked) {
    command.reset_asked = true;
    actions_.emplace_back(Reset{name, *at->second.at});
  }
  const std::int64_t last = command.row.deadline.value + options_.limits.outcome_wait_ms;
  if (edge_now().value < last) deadlines_.emplace(last, name, sequence);
  advance(at);
}

}  // namespace wayside::command
