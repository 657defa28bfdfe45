// A seeded history of one vehicle under deaths, faults and delays, and what must hold at its end: what the edge says
// of a command is never at odds with what the vehicle did.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "common/rng.h"
#include "tests/command/machine.h"

namespace wayside::test {

// The machine, a gate with a queue to its connection and a mailbox back, and a car that executes once.
class CommandHistory {
 public:
  // `rechecks`: the gate looks at the deadline as the bytes go out; without that it is a planted bug.
  explicit CommandHistory(std::uint64_t seed, bool rechecks = true) : rechecks_(rechecks), rng_(seed) {
    machine_.lane_open = false;
  }

  void run(int turns) {
    for (int turn = 0; turn < turns; ++turn) {
      one();
      collect();
    }
    finish();
  }

  Machine machine_;
  std::map<std::uint8_t, WallMs> asked_;  // id -> deadline
  std::set<std::uint8_t> accepted_;
  std::set<std::uint8_t> executed_;
  std::size_t late_deliveries_ = 0;
  std::size_t late_writes_ = 0;

 private:
  [[nodiscard]] bool odds(std::uint64_t percent) { return rng_.below(100) < percent; }

  void one() {
    switch (rng_.below(18)) {
      case 0: return ask();
      case 1:
        if (connection_ == 0 || odds(20)) connect();
        return;
      case 2:
        if (odds(50)) disconnect();
        return;
      case 3:
      case 4: return gate_writes();
      case 5: return hear();
      case 6:
      case 7: machine_.store.run(1 + rng_.below(2)); return machine_.take_completions();
      case 8: return lane_answers();
      case 9: return pass(1 + static_cast<std::int64_t>(rng_.below(1'500)));
      case 10:
        if (odds(20)) machine_.store.fail_next(odds(50));
        return;
      case 11:
        if (odds(15)) die();
        return;
      case 12:
      case 13:
      case 14: return hear();
      case 15: return gate_writes();
      case 16: return say();
      case 17: return lane_answers();
    }
  }

  void ask() {
    if (next_id_ > 200 || odds(30)) return;
    const bool again = odds(20) && !asked_.empty();
    const std::uint8_t id = again ? static_cast<std::uint8_t>(1 + rng_.below(next_id_ - 1U)) : next_id_++;
    Ask what{
        .id = id, .now = machine_.clock.wall(), .deadline_in_ms = 500 + static_cast<std::int64_t>(rng_.below(8'000))};
    if (odds(30)) {
      what.supersede_key = "temperature";
      what.counter = ++counter_;
    }
    if (again) {
      requests_again(id);
      return;
    }
    bytes_[id] = request(machine_.authority, what);
    asked_[id] = {what.now.value + what.deadline_in_ms};
    requests_again(id);
  }
  void requests_again(std::uint8_t id) {
    const std::uint64_t token = next_token_++;
    tokens_[token] = id;
    machine_.step(cmd::Requested{token, bytes_.at(id)});
  }
  void connect() {
    if (connection_ != 0) disconnect();
    connection_ = ++last_connection_;
    mailbox_.push_back(cmd::Ready{kCar, connection_, {0, connection_}});
  }
  void disconnect() {
    if (connection_ == 0) return;
    socket_.clear();
    mailbox_.push_back(cmd::Gone{kCar, {0, connection_}});
    connection_ = 0;
  }
  // The gate looks at the deadline as the bytes go out; some of what goes out is lost with the connection.
  void gate_writes() {
    if (socket_.empty() || connection_ == 0) return;
    const cmd::Deliver deliver = std::move(socket_.front());
    socket_.pop_front();
    const std::uint8_t id = deliver.name.id.front();
    // Time passes for the gate while the machine has not had its tick.
    machine_.clock.advance_ms(static_cast<std::int64_t>(rng_.below(300)));
    const bool written = !rechecks_ || machine_.clock.wall() < deliver.deadline;
    mailbox_.push_back(cmd::Written{deliver.name, deliver.to, written});
    if (written && machine_.clock.wall() >= deliver.deadline) ++late_writes_;
    if (!written || odds(20)) return;
    executed_.insert(id);
    if (odds(70)) mailbox_.push_back(cmd::Pubacked{deliver.name, deliver.to});
    if (odds(70)) words_.push_back(id);
  }
  void hear() {
    std::deque<cmd::Event>& from = odds(50) ? mailbox_ : answers_;
    if (from.empty()) return;
    cmd::Event event = std::move(from.front());
    from.pop_front();
    machine_.step(std::move(event));
  }
  void say() {
    if (words_.empty() || connection_ == 0) return;
    const std::uint8_t id = words_.front();
    words_.pop_front();
    const std::uint64_t token = next_token_++;
    ack_tokens_[token] = id;
    machine_.step(cmd::AckOffered{token, {kCar, id_of(id)}, 50});
  }
  // The lane commits in order what was offered: statuses and acks alike.
  void lane_answers() {
    for (std::uint64_t count = 1 + rng_.below(3); count > 0 && !offered_.empty(); --count) {
      Machine::Entry entry = std::move(offered_.front());
      offered_.pop_front();
      if (odds(5)) {  // the volume refused it
        if (entry.status) answers_.push_back(cmd::StatusInLane{entry.status->key, std::nullopt});
        if (entry.ack) answers_.push_back(*entry.ack);
        continue;
      }
      entry.offset = Offset{machine_.lane_next++};
      if (entry.ack) entry.ack->offset = entry.offset;
      machine_.lane.push_back(entry);
      if (entry.status) answers_.push_back(cmd::StatusInLane{entry.status->key, entry.offset});
      if (entry.ack) answers_.push_back(*entry.ack);
    }
  }
  void pass(std::int64_t ms) {
    machine_.clock.advance_ms(ms);
    machine_.step(cmd::Tick{});
  }
  void die() {
    machine_.store.run(rng_.below(3));
    offered_.clear();
    mailbox_.clear();
    answers_.clear();
    socket_.clear();
    tokens_.clear();
    ack_tokens_.clear();
    connection_ = 0;
    machine_.restart();
  }

  void collect() {
    std::vector<cmd::Action> actions;
    std::swap(actions, machine_.actions);
    for (cmd::Action& action : actions) {
      if (auto* deliver = std::get_if<cmd::Deliver>(&action)) {
        if (machine_.clock.wall() >= deliver->deadline) ++late_deliveries_;
        if (connection_ == deliver->to.number) socket_.push_back(std::move(*deliver));
      } else if (auto* publish = std::get_if<cmd::Publish>(&action)) {
        offered_.push_back({Offset{}, publish->status, std::nullopt});
      } else if (auto* answer = std::get_if<cmd::Answer>(&action)) {
        const auto asked = tokens_.find(answer->token);
        if (asked != tokens_.end() && answer->accepted) accepted_.insert(asked->second);
      } else if (auto* verdict = std::get_if<cmd::AckVerdict>(&action)) {
        const auto asked = ack_tokens_.find(verdict->token);
        if (asked == ack_tokens_.end() || !verdict->admitted) continue;
        offered_.push_back(
            {Offset{}, std::nullopt, cmd::AckInLane{{kCar, id_of(asked->second)}, {cmd::State::succeeded, {}}, {}}});
      } else if (std::get_if<cmd::Reset>(&action) != nullptr) {
        disconnect();
      }
    }
  }
  void finish() {
    die();
    collect();
    for (int i = 0; i < 60; ++i) {
      pass(1'000);
      machine_.store.run();
      machine_.take_completions();
      collect();
      for (; !offered_.empty(); offered_.pop_front()) {
        Machine::Entry& entry = offered_.front();
        entry.offset = Offset{machine_.lane_next++};
        machine_.lane.push_back(entry);
        machine_.step(cmd::StatusInLane{entry.status->key, entry.offset});
      }
    }
  }

  bool rechecks_;
  SeededRng rng_;
  std::deque<cmd::Event> mailbox_;      // from the gate to the machine
  std::deque<cmd::Event> answers_;      // of the lane, in order
  std::deque<cmd::Deliver> socket_;     // with the gate, not written
  std::deque<std::uint8_t> words_;      // of the car, to be offered
  std::deque<Machine::Entry> offered_;  // to the lane
  std::map<std::uint8_t, Bytes> bytes_;
  std::map<std::uint64_t, std::uint8_t> tokens_;
  std::map<std::uint64_t, std::uint8_t> ack_tokens_;
  std::uint64_t next_token_ = 1'000;
  std::uint8_t next_id_ = 1;
  std::uint64_t counter_ = 0;
  std::uint64_t connection_ = 0;
  std::uint64_t last_connection_ = 0;
};

// "" or the broken promise; `outcomes` counts in which state each command ended.
inline std::string judge(const CommandHistory& history, std::map<std::string, int>& outcomes) {
  if (history.late_deliveries_ > 0) return "a command was handed to the gate after its deadline";
  if (history.late_writes_ > 0) return "a command was written after its deadline";
  if (history.machine_.lifecycle->open_commands() > 0) return "a command stays open";
  if (history.machine_.lifecycle->outbox_size() > 0) return "the outbox does not drain";
  std::map<std::uint8_t, std::vector<cmd::Status>> told;
  for (const Machine::Entry& entry : history.machine_.lane) {
    if (entry.status) told[entry.status->key.name.id.front()].push_back(*entry.status);
  }
  for (const std::uint8_t id : history.accepted_) {
    if (!told.contains(id)) return "an accepted command of which nothing was told";
  }
  for (const auto& [id, statuses] : told) {
    const std::string name = "command " + std::to_string(id) + " (" + history.machine_.told(id) + ") ";
    std::set<std::uint32_t> versions;
    int closed = 0;
    cmd::State last{};
    for (const cmd::Status& status : statuses) {
      if (!versions.insert(status.key.version).second) return name + "has a version twice";
      closed += cmd::is_closed(status.state) ? 1 : 0;
      if (cmd::is_closed(status.state)) last = status.state;
    }
    if (versions.size() != *versions.rbegin()) return name + "lacks a version";
    if (closed != 1) return name + "has " + std::to_string(closed) + " ends";
    ++outcomes[cmd::to_string(last)];
    const bool executed = history.executed_.contains(id);
    if (last == cmd::State::succeeded && !executed) return name + "was not executed";
    if ((last == cmd::State::expired || last == cmd::State::superseded) && executed) return name + "was executed";
  }
  return {};
}

inline constexpr int kCommandTurns = 800;

inline std::string run_command_history(std::uint64_t seed, std::map<std::string, int>& outcomes, bool rechecks = true) {
  CommandHistory history(seed, rechecks);
  history.run(kCommandTurns);
  return judge(history, outcomes);
}

}  // namespace wayside::test
