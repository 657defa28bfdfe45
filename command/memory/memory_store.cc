#include "command/memory/memory_store.h"

#include <algorithm>

namespace wayside::command {

MemoryStore::MemoryStore(std::string holder, StoreLimits limits) : holder_(std::move(holder)), limits_(limits) {}

void MemoryStore::submit(std::uint64_t token, Operation operation) {
  submitted_.emplace_back(token, std::move(operation));
}

std::size_t MemoryStore::run(std::size_t count) {
  std::size_t done = 0;
  for (; done < count && !submitted_.empty(); ++done) {
    auto [token, operation] = std::move(submitted_.front());
    submitted_.pop_front();
    const Fail fail = std::exchange(fail_, Fail::no);
    Completion completion;
    if (fail != Fail::lost) completion = execute(operation);
    if (fail != Fail::no) {
      completion = {};
      completion.outcome = StoreOutcome::fault;
      completion.sentence = "a fault was asked for";
    }
    completion.token = token;
    sink_(std::move(completion));
  }
  return done;
}

void MemoryStore::fail_next(bool stands) { fail_ = stands ? Fail::stands : Fail::lost; }

void MemoryStore::steal_lease(const std::string& vehicle, const std::string& holder) {
  leases_[vehicle] = {holder, ++last_epoch_};
}

Completion MemoryStore::execute(Operation& operation) {
  Completion out;
  std::visit([&](auto& value) { on(value, out); }, operation);
  return out;
}

// Every check before the first effect: all or nothing.
void MemoryStore::on(Commit& commit, Completion& out) {
  const auto lease = leases_.find(commit.vehicle);
  if (commit.epoch == 0) {
    if (lease != leases_.end() && lease->second.holder != holder_) {
      out.outcome = StoreOutcome::lease_held;
      return;
    }
  } else if (lease == leases_.end() || lease->second.epoch != commit.epoch) {
    out.outcome = StoreOutcome::lease_lost;
    return;
  }
  std::map<CommandName, std::uint32_t> versions;
  for (const Transition& transition : commit.transitions) {
    const CommandName& name = transition.status.key.name;
    const auto known = by_name_.find(name);
    const auto planned = versions.find(name);
    const std::uint32_t at = planned != versions.end() ? planned->second
                             : known != by_name_.end() ? commands_.at(known->second).version
                                                       : 0;
    if (at == 0 || at + 1 != transition.status.key.version) {
      out.outcome = StoreOutcome::version_conflict;
      return;
    }
    versions[name] = transition.status.key.version;
  }
  if (commit.accept) out.outcome = may_accept(commit.accept->command, commit.time_mark, out);
  if (out.outcome != StoreOutcome::done) return;

  if (commit.epoch == 0) leases_[commit.vehicle] = {holder_, ++last_epoch_};
  out.epoch = leases_.at(commit.vehicle).epoch;
  for (const Transition& transition : commit.transitions) {
    Command& row = commands_.at(by_name_.at(transition.status.key.name));
    if (is_closed(transition.status.state) && closed_.emplace(row.deadline, row.sequence).second) {
      closed_bytes_ += closed_bytes_of(row.request->size());
    }
    row.state = transition.status.state;
    row.version = transition.status.key.version;
    row.reason = transition.status.reason;
    row.ack_next = std::max(row.ack_next, transition.ack_next);
    row.acks = std::max(row.acks, transition.acks);
    put_status(transition.status);
  }
  if (commit.accept && closed_bytes_ > limits_.closed_bytes_max) forget(commit.time_mark, kForgottenForOneMax, out);
  if (commit.accept) accept(*commit.accept, out);
  out.closed_bytes = closed_bytes_;
  marks_.applied_ack = std::max(marks_.applied_ack, commit.applied_ack);
  marks_.time_mark = std::max(marks_.time_mark, commit.time_mark);
}

StoreOutcome MemoryStore::may_accept(const Command& command, WallMs now, Completion& out) const {
  if (const auto known = by_name_.find(command.name); known != by_name_.end()) {
    const Command& row = commands_.at(known->second);
    if (row.issuer != command.issuer || *row.request != *command.request) return StoreOutcome::id_conflict;
    out.commands.push_back(row);
    return StoreOutcome::known;
  }
  if (closed_bytes_ > limits_.closed_bytes_max && !has_closed_before(now)) return StoreOutcome::closed_full;
  if (command.supersede_key.empty()) return StoreOutcome::done;
  const auto counter = counters_.find({command.issuer, command.name.vehicle, command.supersede_key});
  if (counter != counters_.end()) {
    return command.counter > counter->second ? StoreOutcome::done : StoreOutcome::counter_low;
  }
  return counters_.size() < limits_.counters_max ? StoreOutcome::done : StoreOutcome::counters_full;
}

void MemoryStore::accept(Accept& accept, Completion& out) {
  Command row = accept.command;
  row.sequence = out.sequence = next_sequence_++;
  if (!row.supersede_key.empty()) counters_[{row.issuer, row.name.vehicle, row.supersede_key}] = row.counter;
  for (const Status& status : accept.statuses) put_status(status);
  by_name_[row.name] = row.sequence;
  commands_[row.sequence] = std::move(row);
}

void MemoryStore::put_status(const Status& status) {
  Status row = status;
  row.outbox_sequence = next_outbox_++;
  row.age_ms = -1;
  outbox_by_key_[row.key] = row.outbox_sequence;
  outbox_[row.outbox_sequence] = std::move(row);
}

void MemoryStore::on(ReleaseLease& release, Completion& out) {
  const auto lease = leases_.find(release.vehicle);
  if (lease == leases_.end() || lease->second.epoch != release.epoch) {
    out.outcome = StoreOutcome::lease_lost;
    return;
  }
  leases_.erase(lease);
}

void MemoryStore::on(ConfirmOutbox& confirm, Completion& /*out*/) {
  for (const StatusKey& key : confirm.keys) {
    const auto row = outbox_by_key_.find(key);
    if (row == outbox_by_key_.end()) continue;
    outbox_.erase(row->second);
    outbox_by_key_.erase(row);
  }
  marks_.outbox_next_offset = std::max(marks_.outbox_next_offset, confirm.next_offset);
  marks_.applied_ack = std::max(marks_.applied_ack, confirm.applied_ack);
}

void MemoryStore::on(PutList& put, Completion& out) {
  StoredList& held = lists_[{put.kind, put.key}];
  if (put.number <= held.number) {
    out.outcome = StoreOutcome::number_low;
    return;
  }
  held = {put.kind, put.key, put.number, put.framed};
  marks_.time_mark = std::max(marks_.time_mark, put.time_mark);
}

void MemoryStore::on(FindCommand& find, Completion& out) {
  const auto known = by_name_.find(find.name);
  if (known == by_name_.end()) {
    out.outcome = StoreOutcome::not_found;
  } else {
    out.commands.push_back(commands_.at(known->second));
  }
}

void MemoryStore::on(ReadMarks& /*read*/, Completion& out) {
  out.marks = marks_;
  out.closed_bytes = closed_bytes_;
}

void MemoryStore::on(ReadLists& /*read*/, Completion& out) {
  for (const auto& [key, list] : lists_) {
    if (list.number > 0) out.lists.push_back(list);
  }
}

void MemoryStore::on(ReadPending& read, Completion& out) {
  for (auto row = commands_.upper_bound(read.after); row != commands_.end(); ++row) {
    if (out.commands.size() >= read.limit) return;
    const Command& command = row->second;
    if (is_closed(command.state)) continue;
    if (read.vehicle && command.name.vehicle != *read.vehicle) continue;
    if (read.due && command.deadline > *read.due) continue;
    out.commands.push_back(command);
  }
}

void MemoryStore::on(ReadOutbox& read, Completion& out) {
  for (auto row = outbox_.upper_bound(read.after); row != outbox_.end() && out.statuses.size() < read.limit; ++row) {
    out.statuses.push_back(row->second);
  }
}

bool MemoryStore::has_closed_before(WallMs deadline) const {
  return !closed_.empty() && closed_.begin()->first < deadline;
}

void MemoryStore::forget(WallMs deadline_before, std::size_t limit, Completion& out) {
  for (; limit > 0 && has_closed_before(deadline_before); --limit, ++out.forgotten) {
    const auto row = commands_.find(closed_.begin()->second);
    closed_bytes_ -= closed_bytes_of(row->second.request->size());
    by_name_.erase(row->second.name);
    commands_.erase(row);
    closed_.erase(closed_.begin());
  }
}

void MemoryStore::on(PurgeClosed& purge, Completion& out) {
  forget(purge.deadline_before, purge.limit, out);
  out.closed_bytes = closed_bytes_;
}

}  // namespace wayside::command
