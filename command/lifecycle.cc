// Events of connections, acks and time. Admission, transitions, loading and lists have files of their own.
#include "command/lifecycle.h"

#include <algorithm>

#include "common/result.h"

namespace wayside::command {
namespace {

constexpr std::size_t kPurgeRows = 1'000;

}  // namespace

const char* to_string(AlarmKind kind) {
  switch (kind) {
    case AlarmKind::clock_step: return "clock_step";
    case AlarmKind::store_fault: return "store_fault";
    case AlarmKind::lease_lost: return "lease_lost";
    case AlarmKind::stored_list_invalid: return "stored_list_invalid";
  }
  return "store_fault";
}

Lifecycle::Lifecycle(Options options)
    : options_(std::move(options)), time_(WallMs{0}, MonoMs{0}, options_.limits.clock_step_max_ms) {
  trust_.root_key = options_.root_key;
}

std::vector<Action> Lifecycle::step(const Now& now, Event event) {
  now_ = now;
  actions_.clear();
  std::visit([this](auto& value) { on(value); }, event);
  if (phase_ == Phase::running) housekeeping();
  return std::move(actions_);
}

void Lifecycle::housekeeping() {
  while (!deadlines_.empty() && std::get<0>(*deadlines_.begin()) <= edge_now().value) {
    const auto [at, name, sequence] = *deadlines_.begin();
    deadlines_.erase(deadlines_.begin());
    due(name, sequence);
  }
  while (!retries_.empty() && retries_.begin()->first <= now_.mono) {
    const std::string name = retries_.begin()->second;
    retries_.erase(retries_.begin());
    if (const auto at = vehicles_.find(name); at != vehicles_.end()) advance(at);
  }
  const bool stepped = time_.stepped(now_);
  if (stepped && !stepped_)
    alarm(AlarmKind::clock_step, "the wall clock is further ahead than clock_step_max_s allows");
  stepped_ = stepped;
  flush();
}

void Lifecycle::flush() {
  for (Outbox::Offered& offered : outbox_.take(now_.mono)) {
    actions_.emplace_back(Publish{std::move(offered.status), offered.first});
  }
  if (auto confirm = outbox_.confirm(now_.mono)) {
    confirm->applied_ack = applied_below(nullptr, 0);
    const std::uint64_t mark = std::min(confirm->applied_ack, confirm->next_offset);
    submit({.what = InFlight::What::confirm, .lane_mark = mark}, std::move(*confirm));
  }
  if (now_.mono >= purge_at_) {
    purge_at_ = now_.mono + options_.limits.purge_interval_ms;
    std::erase_if(stray_acks_, [&](const auto& entry) {
      return now_.mono - entry.second.since >= options_.limits.stray_acks_interval_ms;
    });
    submit({.what = InFlight::What::purge},
           PurgeClosed{{edge_now().value - options_.limits.closed_keep_ms}, kPurgeRows});
  }
}

// Where there was more to forget than one transaction should hold up, the next follows at once.
void Lifecycle::purged(const Completion& completion) {
  if (completion.outcome != StoreOutcome::done) return;  // rows more are no harm; the next one tries again
  closed_.bytes = completion.closed_bytes;
  closed_.forgotten_by_age += completion.forgotten;
  if (completion.forgotten >= kPurgeRows) purge_at_ = now_.mono;
}

std::optional<MonoMs> Lifecycle::wake(const Now& now) const {
  if (phase_ != Phase::running) return std::nullopt;
  MonoMs at = purge_at_;
  if (!deadlines_.empty()) {
    const std::int64_t left = std::get<0>(*deadlines_.begin()) - time_.now(now).value;
    at = std::min(at, now.mono + std::max<std::int64_t>(left, 0));
  }
  if (!retries_.empty()) at = std::min(at, retries_.begin()->first);
  if (const auto outbox = outbox_.wake()) at = std::min(at, *outbox);
  return at;
}

std::uint64_t Lifecycle::submit(InFlight flight, Operation operation) {
  const std::uint64_t token = next_token_++;
  in_flight_.emplace(token, std::move(flight));
  actions_.emplace_back(Submit{token, std::move(operation)});
  return token;
}

void Lifecycle::alarm(AlarmKind kind, std::string sentence) { actions_.emplace_back(Alarm{kind, std::move(sentence)}); }

void Lifecycle::on(Completed& event) {
  const auto found = in_flight_.find(event.completion.token);
  WAYSIDE_ASSERT(found != in_flight_.end());
  InFlight flight = std::move(found->second);
  in_flight_.erase(found);
  Completion& completion = event.completion;
  using What = InFlight::What;
  switch (flight.what) {
    case What::commit: return commit_completed(flight, completion);
    case What::reload: return vehicle_reloaded(flight.vehicle, completion);
    case What::confirm:
      if (completion.outcome == StoreOutcome::done) lane_needed_from_ = std::max(lane_needed_from_, flight.lane_mark);
      return outbox_.confirmed(completion.outcome == StoreOutcome::done, now_.mono);
    case What::put_list: return list_stored(flight, completion);
    case What::find_request: return request_found(flight, completion);
    case What::find_ack: {
      const bool late = completion.outcome == StoreOutcome::done;
      const Reason why = completion.outcome == StoreOutcome::fault ? Reason::STORE_FAULT : Reason::COMMAND_UNKNOWN;
      actions_.emplace_back(AckVerdict{flight.token, late, why, late});
      return;
    }
    case What::purge: return purged(completion);
    case What::release: return;  // a lease more is no harm; the next one tries again
    case What::marks:
    case What::lists:
    case What::pending:
    case What::outbox: return loaded(flight, completion);
  }
}

void Lifecycle::on(Ready& event) {
  Vehicle& vehicle = vehicles_[event.vehicle];
  if (event.presence < vehicle.presence || vehicle.at == event.at) return;
  for (auto& [sequence, open] : vehicle.open) {
    // Taken over before the old connection told what it wrote: assume that it did.
    if (open.delivering_on) open.written = true;
    open.delivering_on.reset();
    open.reset_asked = false;
  }
  vehicle.at = event.at;
  vehicle.presence = event.presence;
  advance(vehicles_.find(event.vehicle));
}

void Lifecycle::on(Gone& event) {
  const auto at = vehicles_.find(event.vehicle);
  if (at == vehicles_.end() || at->second.at != event.at) return;
  at->second.at.reset();
  for (auto& [sequence, open] : at->second.open) {
    // Written would have come before Gone: what the connection still held was never written.
    if (open.delivering_on != event.at) continue;
    open.delivering_on.reset();
    open.delivered_on.reset();
  }
  advance(at);
}

void Lifecycle::on(Written& event) {
  const auto at = vehicles_.find(event.name.vehicle);
  if (at == vehicles_.end()) return;
  Open* open = find_open(at->second, event.name.id);
  if (open == nullptr) return;
  if (event.written) open->written = true;
  if (open->delivering_on == event.at) open->delivering_on.reset();
  if (!event.written) advance(at);
}

void Lifecycle::on(Pubacked& event) {
  const auto at = vehicles_.find(event.name.vehicle);
  if (at == vehicles_.end()) return;
  Open* open = find_open(at->second, event.name.id);
  if (open == nullptr) return;
  open->pubacked = true;
  open->written = true;
  open->delivering_on.reset();
  advance(at);
}

void Lifecycle::on(AckOffered& event) {
  if (phase_ != Phase::running) {
    actions_.emplace_back(AckVerdict{event.token, false, Reason::STORE_FAULT, false});
    return;
  }
  if (event.bytes > options_.limits.ack_bytes_max) {
    actions_.emplace_back(AckVerdict{event.token, false, Reason::PAYLOAD_TOO_LARGE, false});
    return;
  }
  const auto at = vehicles_.find(event.name.vehicle);
  Open* open = at == vehicles_.end() ? nullptr : find_open(at->second, event.name.id);
  if (open == nullptr && !stray_ack_allowed(event.name.vehicle)) {
    actions_.emplace_back(AckVerdict{event.token, false, Reason::BUDGET, false});
    return;
  }
  if (open == nullptr) {
    submit({.what = InFlight::What::find_ack, .token = event.token}, FindCommand{event.name});
    return;
  }
  if (open->acks_admitted >= options_.limits.acks_per_command_max) {
    actions_.emplace_back(AckVerdict{event.token, false, Reason::BUDGET, false});
    return;
  }
  ++open->acks_admitted;
  ++open->acks_on_way;
  actions_.emplace_back(AckVerdict{event.token, true, {}, false});
}

// An ack of no open command costs a reading of the store and, when it is only late, room in the ack lane:
// neither may be had without end by one vehicle, for the commands of all the others need both.
bool Lifecycle::stray_ack_allowed(const std::string& vehicle) {
  StrayAcks& strays = stray_acks_.try_emplace(vehicle, StrayAcks{now_.mono, 0}).first->second;
  if (now_.mono - strays.since >= options_.limits.stray_acks_interval_ms) strays = {now_.mono, 0};
  if (strays.count >= options_.limits.stray_acks_max) return false;
  ++strays.count;
  return true;
}

void Lifecycle::on(AckInLane& event) {
  if (event.offset) heard(*event.offset);
  const auto at = vehicles_.find(event.name.vehicle);
  Open* open = at == vehicles_.end() ? nullptr : find_open(at->second, event.name.id);
  if (open == nullptr) return;  // closed meanwhile: late, changes nothing
  if (open->acks_on_way > 0) --open->acks_on_way;
  if (event.offset && event.offset->value >= open->row.ack_next) {
    open->written = true;
    acks_outstanding_.insert(event.offset->value);
    at->second.acks.push_back({event.name.id, std::move(event.word), event.offset->value});
  }
  advance(at);
}

void Lifecycle::on(StatusInLane& event) {
  if (event.offset) {
    heard(*event.offset);
    outbox_.in_lane(event.key, *event.offset, now_.mono);
  } else {
    outbox_.refused(event.key, now_.mono);
  }
}

void Lifecycle::heard(Offset offset) {
  lane_next_ = std::max(lane_next_, offset.value + 1);
  outbox_.heard(lane_next_, now_.mono);
}

void Lifecycle::on(Tick&) {}

std::vector<Lifecycle::OpenCommand> Lifecycle::open_of(const std::string& vehicle) const {
  std::vector<OpenCommand> out;
  const auto at = vehicles_.find(vehicle);
  if (at == vehicles_.end()) return out;
  for (const auto& [sequence, open] : at->second.open) out.push_back({&open.row, open.written});
  return out;
}

Lifecycle::Open* Lifecycle::find_open(Vehicle& vehicle, const intent::CommandId& id) {
  const auto known = vehicle.by_id.find(id);
  return known == vehicle.by_id.end() ? nullptr : &vehicle.open.at(known->second);
}

Lifecycle::Open& Lifecycle::insert_open(Vehicle& vehicle, Command row) {
  const std::uint64_t sequence = row.sequence;
  ++open_by_issuer_[row.issuer];
  ++open_total_;
  open_bytes_ += row.request->size();
  vehicle.by_id[row.name.id] = sequence;
  deadlines_.emplace(row.deadline.value, row.name.vehicle, sequence);
  Open& open = vehicle.open[sequence];
  open.acks_admitted = row.acks;
  open.row = std::move(row);
  return open;
}

void Lifecycle::erase_open(Vehicle& vehicle, std::map<std::uint64_t, Open>::iterator at) {
  const Command& row = at->second.row;
  const auto issuer = open_by_issuer_.find(row.issuer);
  if (--issuer->second == 0) open_by_issuer_.erase(issuer);
  --open_total_;
  open_bytes_ -= row.request->size();
  for (const std::int64_t when : {row.deadline.value, row.deadline.value + options_.limits.outcome_wait_ms}) {
    deadlines_.erase({when, row.name.vehicle, row.sequence});
  }
  vehicle.by_id.erase(row.name.id);
  vehicle.open.erase(at);
}

void Lifecycle::forget_if_idle(Vehicles::iterator at) {
  Vehicle& vehicle = at->second;
  if (vehicle.at || vehicle.busy || vehicle.reload || !vehicle.open.empty() || !vehicle.admissions.empty() ||
      !vehicle.acks.empty()) {
    return;
  }
  if (vehicle.lease != 0) submit({.what = InFlight::What::release}, ReleaseLease{at->first, vehicle.lease});
  vehicles_.erase(at);
}

}  // namespace wayside::command
