#include "command/sqlite/rows.h"

#include <algorithm>

#include "command/sqlite/schema.h"
#include "command/sqlite/statements.h"

namespace wayside::command::sqlite {
namespace {

ByteView view(const intent::CommandId& id) { return {id.data(), id.size()}; }
ByteView view(const intent::PublicKey& key) { return {key.data(), key.size()}; }

template <std::size_t Size>
std::array<std::uint8_t, Size> fixed(ByteView bytes) {
  std::array<std::uint8_t, Size> out{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), Size), out.begin());
  return out;
}

WallMs wall(std::uint64_t value) { return {static_cast<std::int64_t>(value)}; }

Command command_of(const Statement& row) {  // columns in the order of kCommandColumns
  Command out;
  out.sequence = row.integer(0);
  out.name = {row.text(1), fixed<16>(row.blob(2))};
  out.issuer = fixed<32>(row.blob(3));
  out.grant_key = fixed<32>(row.blob(4));
  out.grant_serial = row.integer(5);
  out.group = row.text(6);
  out.what = row.text(7);
  out.supersede_key = row.text(8);
  out.counter = row.integer(9);
  out.deadline = wall(row.integer(10));
  out.accepted_at = wall(row.integer(11));
  const ByteView request = row.blob(12);
  out.request = std::make_shared<const Bytes>(request.begin(), request.end());
  out.state = static_cast<State>(row.integer(13));
  out.version = static_cast<std::uint32_t>(row.integer(14));
  out.reason = row.text(15);
  out.ack_next = row.integer(16);
  out.acks = static_cast<std::uint32_t>(row.integer(17));
  return out;
}

Status status_of(const Statement& row) {  // columns of `status`, in order
  Status out;
  out.outbox_sequence = row.integer(0);
  out.key = {{row.text(1), fixed<16>(row.blob(2))}, static_cast<std::uint32_t>(row.integer(3))};
  out.state = static_cast<State>(row.integer(4));
  out.reason = row.text(5);
  out.group = row.text(6);
  out.what = row.text(7);
  out.deadline = wall(row.integer(8));
  out.at = wall(row.integer(9));
  return out;
}

// A row that our constraints cannot have written.
bool plausible(State state) {
  const auto value = static_cast<std::uint8_t>(state);
  return value >= 1 && value <= kStateMax;
}

}  // namespace

Rows::Rows(Database database, std::string holder, StoreLimits limits)
    : database_(std::move(database)), holder_(std::move(holder)), limits_(limits) {}

Result<std::unique_ptr<Rows>> Rows::open(const std::string& path, std::string holder, StoreLimits limits,
                                         const std::optional<SpoolUuid>& spool,
                                         const std::optional<SpoolShift>& moved) {
  auto database = Database::open(path);
  if (!database) return std::move(database).error();
  if (auto ready = prepare_schema(*database, path); !ready) return std::move(ready).error();
  Result<bool> forgotten = false;
  if (spool) forgotten = bind_to_spool(*database, *spool, moved);
  if (!forgotten) return std::move(forgotten).error().with(path);
  std::unique_ptr<Rows> out(new Rows(std::move(database).value(), std::move(holder), limits));
  out->offsets_forgotten_ = *forgotten;
  if (auto counted = out->count_closed(); !counted) return std::move(counted).error().with(path);
  if (auto prepared = out->prepare(); !prepared) return std::move(prepared).error().with(path);
  return out;
}

// Anew at each open: a release that does not know the mark leaves it as it was.
Result<void> Rows::count_closed() {
  return database_.run("INSERT OR REPLACE INTO mark SELECT 'closed_bytes', coalesce(sum(length(request) + " +
                       std::to_string(closed_bytes_of(0)) + "), 0) FROM command WHERE state >= 5");
}

Result<void> Rows::prepare() {
  auto statements = Statements::prepare(database_);
  if (!statements) return std::move(statements).error();
  statements_ = std::move(statements).value();
  return {};
}

Result<void> Rows::begin() { return database_.run("BEGIN"); }
Result<void> Rows::commit() { return database_.run("COMMIT"); }
void Rows::rollback() {
  if (database_.in_transaction()) static_cast<void>(database_.run("ROLLBACK"));
}

Completion Rows::execute(Operation& operation) {
  Completion out;
  if (!database_.run("SAVEPOINT operation")) {
    fail(out, "savepoint");
    return out;
  }
  std::visit([&](auto& value) { on(value, out); }, operation);
  if (out.outcome != StoreOutcome::done) static_cast<void>(database_.run("ROLLBACK TO operation"));
  if (!database_.run("RELEASE operation")) fail(out, "release");
  return out;
}

void Rows::fail(Completion& out, const char* doing) {
  out.outcome = StoreOutcome::fault;
  out.sentence = database_.error(doing).what;
}

bool Rows::wrote(Statement& statement, Completion& out) {
  const bool ok = statement.step() == StepOutcome::done;
  if (!ok) fail(out, "write");
  return ok;
}

void Rows::on(Commit& commit, Completion& out) {
  if (!hold_lease(commit, out)) return;
  for (const Transition& transition : commit.transitions) {
    if (!move(transition, out)) return;
  }
  if (commit.accept && !(may_accept(commit.accept->command, commit.time_mark, out) && accept(*commit.accept, out))) {
    return;
  }
  out.closed_bytes = mark("closed_bytes", out);
  if (!raise("applied_ack", commit.applied_ack, out)) return;
  raise("time_ms", static_cast<std::uint64_t>(commit.time_mark.value), out);
}

bool Rows::hold_lease(const Commit& commit, Completion& out) {
  if (commit.epoch == 0) return acquire_lease(commit.vehicle, out);
  Use lease(statements_->lease);
  lease->bind(1, commit.vehicle);
  const StepOutcome stepped = lease->step();
  if (stepped == StepOutcome::failed) {
    fail(out, "read the lease");
    return false;
  }
  if (stepped == StepOutcome::done || lease->integer(1) != commit.epoch) {
    out.outcome = StoreOutcome::lease_lost;
    return false;
  }
  out.epoch = commit.epoch;
  return true;
}

bool Rows::acquire_lease(const std::string& vehicle, Completion& out) {
  {
    Use lease(statements_->lease);
    lease->bind(1, vehicle);
    if (lease->step() == StepOutcome::row && lease->text(0) != holder_) {
      out.outcome = StoreOutcome::lease_held;
      return false;
    }
  }
  out.epoch = mark("lease_epoch", out) + 1;
  if (out.outcome != StoreOutcome::done || !raise("lease_epoch", out.epoch, out)) return false;
  Use put(statements_->put_lease);
  put->bind(1, vehicle).bind(2, std::string_view(holder_)).bind(3, out.epoch);
  return wrote(statements_->put_lease, out);
}

bool Rows::close(const CommandName& name, Completion& out) {
  Use use(statements_->close);
  use->bind(1, closed_bytes_of(0)).bind(2, name.vehicle).bind_blob(3, view(name.id));
  return wrote(statements_->close, out);
}

bool Rows::move(const Transition& transition, Completion& out) {
  const Status& status = transition.status;
  if (is_closed(status.state) && !close(status.key.name, out)) return false;
  {
    Use use(statements_->move);
    use->bind(1, static_cast<std::uint64_t>(status.state)).bind(2, std::uint64_t{status.key.version});
    use->bind(3, status.reason).bind(4, transition.ack_next).bind(5, std::uint64_t{transition.acks});
    use->bind(6, status.key.name.vehicle).bind_blob(7, view(status.key.name.id));
    use->bind(8, std::uint64_t{status.key.version} - 1);
    if (!wrote(statements_->move, out)) return false;
  }
  if (database_.changes() != 1) {
    out.outcome = StoreOutcome::version_conflict;
    return false;
  }
  return put_status(status, out);
}

bool Rows::find(const CommandName& name, Completion& out) {
  Use find(statements_->find);
  find->bind(1, name.vehicle).bind_blob(2, view(name.id));
  const StepOutcome stepped = find->step();
  if (stepped == StepOutcome::failed) fail(out, "find");
  if (stepped != StepOutcome::row) return false;
  out.commands.push_back(command_of(*find.operator->()));
  return true;
}

bool Rows::may_accept(const Command& command, WallMs now, Completion& out) {
  if (find(command.name, out)) {
    const Command& row = out.commands.front();
    const bool same = row.issuer == command.issuer && *row.request == *command.request;
    out.outcome = same ? StoreOutcome::known : StoreOutcome::id_conflict;
    if (!same) out.commands.clear();
    return false;
  }
  return out.outcome == StoreOutcome::done && make_room(now, out) && raise_counter(command, out);
}

// A bound that was lowered is reached step by step: refused is only what finds nothing that may be forgotten.
bool Rows::make_room(WallMs now, Completion& out) {
  const std::uint64_t closed = mark("closed_bytes", out);
  if (out.outcome != StoreOutcome::done) return false;
  if (closed <= limits_.closed_bytes_max) return true;
  if (!forget(now, kForgottenForOneMax, out)) return false;
  if (out.forgotten == 0) out.outcome = StoreOutcome::closed_full;
  return out.outcome == StoreOutcome::done;
}

bool Rows::forget(WallMs deadline_before, std::size_t limit, Completion& out) {
  std::uint64_t bytes = 0;
  {
    Use use(statements_->purge);
    use->bind(1, deadline_before.value).bind(2, static_cast<std::uint64_t>(limit));
    StepOutcome stepped = use->step();
    for (; stepped == StepOutcome::row; stepped = use->step()) {
      bytes += closed_bytes_of(use->integer(0));
      ++out.forgotten;
    }
    if (stepped == StepOutcome::failed) {
      fail(out, "forget closed commands");
      return false;
    }
  }
  Use use(statements_->shrink);
  use->bind(1, bytes);
  return wrote(statements_->shrink, out);
}

bool Rows::raise_counter(const Command& command, Completion& out) {
  if (command.supersede_key.empty()) return true;
  bool fresh = true;
  {
    Use read(statements_->counter);
    read->bind_blob(1, view(command.issuer)).bind(2, command.name.vehicle).bind(3, command.supersede_key);
    if (read->step() == StepOutcome::row) {
      fresh = false;
      if (command.counter <= read->integer(0)) {
        out.outcome = StoreOutcome::counter_low;
        return false;
      }
    }
  }
  if (fresh) {
    const std::uint64_t counters = mark("counters", out);
    if (counters >= limits_.counters_max) out.outcome = StoreOutcome::counters_full;
    if (out.outcome != StoreOutcome::done || !raise("counters", counters + 1, out)) return false;
  }
  Use put(statements_->put_counter);
  put->bind_blob(1, view(command.issuer)).bind(2, command.name.vehicle).bind(3, command.supersede_key);
  put->bind(4, command.counter);
  return wrote(statements_->put_counter, out);
}

bool Rows::accept(const Accept& accept, Completion& out) {
  const Command& row = accept.command;
  {
    Use put(statements_->put_command);
    put->bind(1, row.name.vehicle).bind_blob(2, view(row.name.id)).bind_blob(3, view(row.issuer));
    put->bind_blob(4, view(row.grant_key)).bind(5, row.grant_serial).bind(6, row.group).bind(7, row.what);
    put->bind(8, row.supersede_key).bind(9, row.counter).bind(10, row.deadline.value);
    put->bind(11, row.accepted_at.value).bind_blob(12, *row.request).bind(13, static_cast<std::uint64_t>(row.state));
    put->bind(14, std::uint64_t{row.version}).bind(15, row.reason).bind(16, row.ack_next);
    put->bind(17, std::uint64_t{row.acks});
    if (!wrote(statements_->put_command, out)) return false;
  }
  out.sequence = database_.last_row();
  return std::ranges::all_of(accept.statuses, [&](const Status& status) { return put_status(status, out); });
}

bool Rows::put_status(const Status& status, Completion& out) {
  Use put(statements_->put_status);
  put->bind(1, status.key.name.vehicle).bind_blob(2, view(status.key.name.id));
  put->bind(3, std::uint64_t{status.key.version}).bind(4, static_cast<std::uint64_t>(status.state));
  put->bind(5, status.reason).bind(6, status.group).bind(7, status.what);
  put->bind(8, status.deadline.value).bind(9, status.at.value);
  return wrote(statements_->put_status, out);
}

bool Rows::raise(std::string_view name, std::uint64_t value, Completion& out) {
  Use use(statements_->raise);
  use->bind(1, value).bind(2, name);
  return wrote(statements_->raise, out);
}

std::uint64_t Rows::mark(std::string_view name, Completion& out) {
  Use use(statements_->mark);
  use->bind(1, name);
  if (use->step() == StepOutcome::row) return use->integer(0);
  fail(out, "read a mark");
  return 0;
}

void Rows::on(ReleaseLease& release, Completion& out) {
  Use use(statements_->drop_lease);
  use->bind(1, release.vehicle).bind(2, release.epoch);
  if (wrote(statements_->drop_lease, out) && database_.changes() != 1) out.outcome = StoreOutcome::lease_lost;
}

void Rows::on(ConfirmOutbox& confirm, Completion& out) {
  for (const StatusKey& key : confirm.keys) {
    Use use(statements_->drop_status);
    use->bind(1, key.name.vehicle).bind_blob(2, view(key.name.id)).bind(3, std::uint64_t{key.version});
    if (!wrote(statements_->drop_status, out)) return;
  }
  if (raise("outbox_next_offset", confirm.next_offset, out)) raise("applied_ack", confirm.applied_ack, out);
}

void Rows::on(PutList& put, Completion& out) {
  {
    Use read(statements_->list_number);
    read->bind(1, static_cast<std::uint64_t>(put.kind)).bind_blob(2, view(put.key));
    if (read->step() == StepOutcome::row && put.number <= read->integer(0)) {
      out.outcome = StoreOutcome::number_low;
      return;
    }
  }
  if (put.number == 0) {  // not above the zero of a list that never was
    out.outcome = StoreOutcome::number_low;
    return;
  }
  Use write(statements_->put_list);
  write->bind(1, static_cast<std::uint64_t>(put.kind)).bind_blob(2, view(put.key)).bind(3, put.number);
  write->bind_blob(4, put.framed);
  if (wrote(statements_->put_list, out)) raise("time_ms", static_cast<std::uint64_t>(put.time_mark.value), out);
}

void Rows::on(FindCommand& name, Completion& out) {
  if (!find(name.name, out) && out.outcome == StoreOutcome::done) out.outcome = StoreOutcome::not_found;
}

void Rows::on(ReadMarks& /*read*/, Completion& out) {
  out.marks.time_mark = wall(mark("time_ms", out));
  out.marks.applied_ack = mark("applied_ack", out);
  out.marks.outbox_next_offset = mark("outbox_next_offset", out);
  out.closed_bytes = mark("closed_bytes", out);
}

void Rows::on(ReadLists& /*read*/, Completion& out) {
  Use use(statements_->lists);
  StepOutcome stepped = use->step();
  for (; stepped == StepOutcome::row; stepped = use->step()) {
    const ByteView framed = use->blob(3);
    out.lists.push_back({static_cast<ListKind>(use->integer(0)), fixed<32>(use->blob(1)), use->integer(2),
                         Bytes(framed.begin(), framed.end())});
  }
  if (stepped == StepOutcome::failed) fail(out, "read lists");
}

void Rows::on(ReadPending& read, Completion& out) {
  Statement& statement = read.vehicle ? statements_->pending_of
                         : read.due   ? statements_->pending_due
                                      : statements_->pending;
  Use use(statement);
  use->bind(1, read.after).bind(2, static_cast<std::uint64_t>(read.limit));
  use->bind(3, read.due ? read.due->value : INT64_MAX);
  if (read.vehicle) use->bind(4, *read.vehicle);
  StepOutcome stepped = use->step();
  for (; stepped == StepOutcome::row; stepped = use->step()) {
    out.commands.push_back(command_of(statement));
    if (!plausible(out.commands.back().state)) {
      out.outcome = StoreOutcome::fault;
      out.sentence = "a command in a state that does not exist";
      return;
    }
  }
  if (stepped == StepOutcome::failed) fail(out, "read open commands");
}

void Rows::on(ReadOutbox& read, Completion& out) {
  Use use(statements_->outbox);
  use->bind(1, read.after).bind(2, static_cast<std::uint64_t>(read.limit));
  StepOutcome stepped = use->step();
  for (; stepped == StepOutcome::row; stepped = use->step()) out.statuses.push_back(status_of(statements_->outbox));
  if (stepped == StepOutcome::failed) fail(out, "read the outbox");
}

void Rows::on(PurgeClosed& purge, Completion& out) {
  if (forget(purge.deadline_before, purge.limit, out)) out.closed_bytes = mark("closed_bytes", out);
}

}  // namespace wayside::command::sqlite
