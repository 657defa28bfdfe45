// From an empty machine to a running one: marks, lists, open commands, outbox, then the scan of the lane.
#include <algorithm>
#include <utility>

#include "command/lifecycle.h"

namespace wayside::command {

void Lifecycle::on(Start&) {
  WAYSIDE_ASSERT(phase_ == Phase::created);
  phase_ = Phase::loading;
  submit({.what = InFlight::What::marks}, ReadMarks{});
}

void Lifecycle::loaded(InFlight& flight, Completion& completion) {
  using What = InFlight::What;
  if (completion.outcome != StoreOutcome::done) {
    alarm(AlarmKind::store_fault, completion.sentence);
    return;  // while loading: stays unready; while running: the next reload reads the outbox again
  }
  if (flight.what == What::marks) {
    marks_ = completion.marks;
    closed_.bytes = completion.closed_bytes;
    lane_needed_from_ = std::min(marks_.applied_ack, marks_.outbox_next_offset);
    lane_next_ = lane_needed_from_;
    time_ = EdgeTime(marks_.time_mark, now_.mono, options_.limits.clock_step_max_ms);
    submit({.what = What::lists}, ReadLists{});
  } else if (flight.what == What::lists) {
    load_lists(completion.lists);
    submit({.what = What::pending}, ReadPending{});
  } else if (flight.what == What::pending) {
    if (completion.commands.empty()) {
      submit({.what = What::outbox}, ReadOutbox{});
      return;
    }
    const std::uint64_t last = completion.commands.back().sequence;
    load_pending(completion.commands);
    submit({.what = What::pending}, ReadPending{.after = last});
  } else if (!completion.statuses.empty()) {
    const std::uint64_t last = completion.statuses.back().outbox_sequence;
    load_outbox(completion.statuses);
    submit({.what = What::outbox}, ReadOutbox{.after = last});
  } else if (phase_ == Phase::loading) {
    phase_ = Phase::scanning;
    actions_.emplace_back(Scan{{lane_needed_from_}});
  }
}

void Lifecycle::load_lists(const std::vector<StoredList>& lists) {
  for (const ListKind kind : {ListKind::trust, ListKind::revocation}) {
    for (const StoredList& stored : lists) {
      if (stored.kind != kind) continue;
      bool good = false;
      if (kind == ListKind::trust) {
        const auto list = intent::open_trust_list(stored.framed);
        good = list.ok() && trust_.accept(list.value()).ok();
      } else {
        const auto list = intent::open_revocation_list(stored.framed);
        good = list.ok();
        // Held as accepted once, also while no trust list names its key: a later one may name it again.
        if (good) trust_.revocations.insert_or_assign(list->grant_key, list.value());
      }
      if (!good) alarm(AlarmKind::stored_list_invalid, "a kept list does not verify under the provisioned root");
    }
  }
}

void Lifecycle::load_pending(std::vector<Command>& rows) {
  for (Command& row : rows) {
    Vehicle& vehicle = vehicles_[row.name.vehicle];
    // Whether its bytes went out before the end of the process before is not known.
    const bool written = !is_unsent(row.state);
    insert_open(vehicle, std::move(row)).written = written;
  }
}

void Lifecycle::load_outbox(std::vector<Status>& rows) {
  for (Status& row : rows) outbox_.add(std::move(row));
}

void Lifecycle::on(ScannedStatus& event) {
  heard(event.offset);
  outbox_.found(event.key, event.offset, now_.mono);
}

void Lifecycle::on(ScanDone& event) {
  WAYSIDE_ASSERT(phase_ == Phase::scanning);
  if (event.to.value > 0) heard({event.to.value - 1});
  phase_ = Phase::running;
  purge_at_ = now_.mono + options_.limits.purge_interval_ms;
  actions_.emplace_back(Running{});
  for (auto at = vehicles_.begin(); at != vehicles_.end();) advance(at++);
}

void Lifecycle::reload_vehicle(Vehicles::iterator at) {
  at->second.busy = true;
  submit({.what = InFlight::What::reload, .vehicle = at->first},
         ReadPending{.limit = options_.limits.open_max, .vehicle = at->first});
}

void Lifecycle::vehicle_reloaded(const std::string& name, Completion& completion) {
  const auto at = vehicles_.find(name);
  WAYSIDE_ASSERT(at != vehicles_.end() && at->second.busy);
  Vehicle& vehicle = at->second;
  vehicle.busy = false;
  if (completion.outcome != StoreOutcome::done) {
    alarm(AlarmKind::store_fault, completion.sentence);
    settle_doubt(vehicle);
    return pause(name, vehicle);
  }
  vehicle.reload = false;
  std::set<std::uint64_t> alive;
  for (Command& row : completion.commands) {
    alive.insert(row.sequence);
    const auto open = vehicle.open.find(row.sequence);
    const bool written = !is_unsent(row.state);
    if (open == vehicle.open.end()) {
      insert_open(vehicle, std::move(row)).written = written;
    } else {
      open->second.row = std::move(row);
    }
  }
  for (auto open = vehicle.open.begin(); open != vehicle.open.end();) {
    const auto next = std::next(open);
    if (!alive.contains(open->first)) erase_open(vehicle, open);
    open = next;
  }
  settle_doubt(vehicle);
  if (std::exchange(vehicle.faulted, false)) pause(name, vehicle);
  submit({.what = InFlight::What::outbox}, ReadOutbox{});  // statuses whose commit said fault and yet stands
  advance(at);
}

}  // namespace wayside::command
