// A request becomes a command, or gets the reason why not.
#include "command/lifecycle.h"

namespace wayside::command {
namespace {

constexpr std::size_t kFindsMax = 1024;

// An answer that got lost is asked for again; by then the command may be past what is judged here.
bool may_follow_acceptance(Reason reason) {
  return reason == Reason::DEADLINE_PASSED || reason == Reason::GRANT_EXPIRED || reason == Reason::GRANT_REVOKED ||
         reason == Reason::ISSUER_REVOKED;
}

Status status_of(const Command& row, State state, std::uint32_t version, Reason const* reason, WallMs at) {
  Status status;
  status.key = {row.name, version};
  status.state = state;
  if (reason != nullptr) status.reason = code(*reason);
  status.group = row.group;
  status.what = row.what;
  status.deadline = row.deadline;
  status.at = at;
  return status;
}

}  // namespace

void Lifecycle::refuse(const Admission& admission, Reason reason) {
  Answer answer{.token = admission.token, .accepted = false, .reason = reason};
  answer.name = CommandName{admission.intent.vehicle, admission.intent.command_id};
  answer.issuer = admission.intent.issuer_key;
  answer.grant_serial = admission.intent.grant_serial;
  actions_.emplace_back(std::move(answer));
}

void Lifecycle::answer_accepted(const Admission& admission, bool repeated) {
  Answer answer{.token = admission.token, .accepted = true, .repeated = repeated};
  answer.name = CommandName{admission.intent.vehicle, admission.intent.command_id};
  answer.issuer = admission.intent.issuer_key;
  answer.grant_serial = admission.intent.grant_serial;
  actions_.emplace_back(std::move(answer));
}

void Lifecycle::on(Requested& event) {
  Admission admission;
  admission.token = event.token;
  admission.request = std::make_shared<const Bytes>(std::move(event.request));
  const auto opened = intent::open_request(*admission.request);
  if (!opened) {
    actions_.emplace_back(Answer{.token = event.token, .accepted = false, .reason = opened.reason()});
    return;
  }
  admission.intent = opened->intent;
  admission.grant_key = opened->grant.grant_key;
  if (phase_ != Phase::running) return refuse(admission, Reason::STORE_FAULT);

  const auto at = vehicles_.find(admission.intent.vehicle);
  if (at != vehicles_.end() && answer_from_open(at->second, admission)) return;
  const auto judged =
      intent::judge(opened.value(), trust_, options_.region, edge_now(), options_.limits.deadline_max_ms);
  if (!judged) {
    if (!may_follow_acceptance(judged.reason()) || in_flight_.size() >= kFindsMax) {
      return refuse(admission, judged.reason());
    }
    const CommandName name{admission.intent.vehicle, admission.intent.command_id};
    submit({.what = InFlight::What::find_request, .admission = std::move(admission), .reason = judged.reason()},
           FindCommand{name});
    return;
  }
  static const Vehicle kNone;
  if (const auto over = over_bounds(at == vehicles_.end() ? kNone : at->second, admission)) {
    return refuse(admission, *over);
  }
  ++admissions_;
  ++open_by_issuer_[admission.intent.issuer_key];
  open_bytes_ += admission.request->size();
  const auto vehicle = vehicles_.try_emplace(admission.intent.vehicle).first;
  vehicle->second.admissions.push_back(std::move(admission));
  advance(vehicle);
}

void Lifecycle::request_found(InFlight& flight, Completion& completion) {
  const bool same = completion.outcome == StoreOutcome::done && !completion.commands.empty() &&
                    *completion.commands.front().request == *flight.admission->request;
  if (same) {
    answer_accepted(*flight.admission, true);
  } else {
    refuse(*flight.admission, flight.reason);
  }
}

std::optional<Reason> Lifecycle::over_bounds(const Vehicle& vehicle, const Admission& admission) const {
  const Limits& limits = options_.limits;
  const auto issuer = open_by_issuer_.find(admission.intent.issuer_key);
  if ((issuer != open_by_issuer_.end() && issuer->second >= limits.open_per_issuer_max) ||
      vehicle.open.size() + vehicle.admissions.size() + (vehicle.admitting ? 1 : 0) >= limits.open_per_vehicle_max ||
      open_total_ + admissions_ >= limits.open_max || open_bytes_ + admission.request->size() > limits.open_bytes_max) {
    return Reason::TOO_MANY_COMMANDS;
  }
  if (outbox_.size() >= limits.outbox_max) return Reason::SPOOL_FULL;
  return std::nullopt;
}

bool Lifecycle::answer_from_open(const Vehicle& vehicle, const Admission& admission) {
  const auto known = vehicle.by_id.find(admission.intent.command_id);
  if (known == vehicle.by_id.end()) return false;
  const Command& row = vehicle.open.at(known->second).row;
  if (row.issuer == admission.intent.issuer_key && *row.request == *admission.request) {
    answer_accepted(admission, true);
  } else {
    refuse(admission, Reason::ID_CONFLICT);
  }
  return true;
}

void Lifecycle::release_admission(const Admission& admission) {
  --admissions_;
  const auto issuer = open_by_issuer_.find(admission.intent.issuer_key);
  if (--issuer->second == 0) open_by_issuer_.erase(issuer);
  open_bytes_ -= admission.request->size();
}

// True: the transaction of one is in flight now.
bool Lifecycle::admit_next(Vehicles::iterator at) {
  Vehicle& vehicle = at->second;
  while (!vehicle.admissions.empty()) {
    Admission admission = std::move(vehicle.admissions.front());
    vehicle.admissions.pop_front();
    const bool answered = answer_from_open(vehicle, admission);
    // It has waited since it was judged: what may have changed meanwhile is asked again.
    std::optional<Reason> over =
        revoked(admission.grant_key, admission.intent.grant_serial, admission.intent.issuer_key);
    if (edge_now() >= admission.intent.deadline) over = Reason::DEADLINE_PASSED;
    if (answered || over) {
      release_admission(admission);
      if (!answered) refuse(admission, *over);
      continue;
    }
    Commit commit;
    plan_accept(vehicle, admission, commit);
    submit_commit(at, std::move(commit), 0, std::move(admission));
    return true;
  }
  return false;
}

// After a fault and the reading that followed: the requester learns what is true. Where even that failed
// it is refused, and the same request again finds out.
void Lifecycle::settle_doubt(Vehicle& vehicle) {
  if (vehicle.admissions.empty() || !vehicle.admissions.front().doubtful) return;
  const Admission admission = std::move(vehicle.admissions.front());
  vehicle.admissions.pop_front();
  release_admission(admission);
  if (!answer_from_open(vehicle, admission)) refuse(admission, Reason::STORE_FAULT);
}

// ACCEPTED and where the command stands at once, in one transaction: a command for a ready vehicle costs
// one sync until its first byte.
void Lifecycle::plan_accept(Vehicle& vehicle, const Admission& admission, Commit& commit) const {
  const intent::Intent& intent = admission.intent;
  Command row;
  row.name = {intent.vehicle, intent.command_id};
  row.issuer = intent.issuer_key;
  row.grant_key = admission.grant_key;
  row.grant_serial = intent.grant_serial;
  row.group = intent.group;
  row.what = intent.name;
  row.supersede_key = intent.supersede_key;
  row.counter = intent.counter;
  row.deadline = intent.deadline;
  row.accepted_at = edge_now();
  row.request = admission.request;
  row.state = vehicle.at ? State::sent : State::queued;
  row.version = 2;

  const Reason superseded = Reason::SUPERSEDED_BY;
  for (const auto& [sequence, open] : vehicle.open) {
    if (row.supersede_key.empty() || !is_unsent(open.row.state) || open.row.issuer != row.issuer ||
        open.row.supersede_key != row.supersede_key) {
      continue;
    }
    commit.transitions.push_back(
        {status_of(open.row, State::superseded, open.row.version + 1, &superseded, edge_now()), 0, 0});
  }
  Accept accept;
  accept.statuses = {status_of(row, State::accepted, 1, nullptr, edge_now()),
                     status_of(row, row.state, 2, nullptr, edge_now())};
  accept.command = std::move(row);
  commit.accept = std::move(accept);
}

void Lifecycle::accepted(InFlight& flight, Vehicle& vehicle, const Completion& completion) {
  release_admission(*flight.admission);
  Command row = std::move(flight.commit.accept->command);
  row.sequence = completion.sequence;
  insert_open(vehicle, std::move(row)).accepted_mono = now_.mono;
  answer_accepted(*flight.admission, false);
  for (Status& status : flight.commit.accept->statuses) {
    status.age_ms = 0;
    outbox_.add(std::move(status));
  }
}

// The store's own refusals. False: none of them, the admission waits for another try.
bool Lifecycle::accept_refused(InFlight& flight, Vehicle& vehicle, Completion& completion) {
  const Admission& admission = *flight.admission;
  std::optional<Reason> reason;
  switch (completion.outcome) {
    case StoreOutcome::known: break;
    case StoreOutcome::id_conflict: reason = Reason::ID_CONFLICT; break;
    case StoreOutcome::counter_low: reason = Reason::COUNTER_LOW; break;
    case StoreOutcome::counters_full:
    case StoreOutcome::closed_full: reason = Reason::TOO_MANY_COMMANDS; break;
    case StoreOutcome::lease_held: reason = Reason::STORE_FAULT; break;
    case StoreOutcome::fault: flight.admission->doubtful = true; return false;
    default: return false;
  }
  release_admission(admission);
  if (reason) {
    refuse(admission, *reason);
    return true;
  }
  answer_accepted(admission, true);
  for (Command& row : completion.commands) {
    // Accepted by a transaction whose completion said fault: it lives, take it up.
    if (is_closed(row.state) || vehicle.by_id.contains(row.name.id)) continue;
    const bool written = !is_unsent(row.state);
    insert_open(vehicle, std::move(row)).written = written;
  }
  return true;
}

}  // namespace wayside::command
