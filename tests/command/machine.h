// The lifecycle on a manual clock over the memory store: what came out of each step is kept.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "command/lifecycle.h"
#include "command/memory/memory_store.h"
#include "common/clock.h"
#include "tests/command/signed.h"

namespace wayside::test {

namespace cmd = wayside::command;
inline const std::string kCar = "1M8GDM9AXKP042788";

class Machine {
 public:
  explicit Machine(cmd::Options options = {}, cmd::StoreLimits limits = {})
      : store("edge-1", limits), options_(std::move(options)) {
    options_.region = "eu-1";
    options_.root_key = authority.root.public_key();
    store.attach([this](cmd::Completion completion) { completions_.push_back(std::move(completion)); });
    restart();
  }

  // A new process over the same store and lane: what was submitted and not executed is lost.
  void restart() {
    store.drop_submitted();
    completions_.clear();
    actions.clear();
    lifecycle = std::make_unique<cmd::Lifecycle>(options_);
    step(cmd::Start{});
    settle();
    if (scan_by_hand) return;
    scan();
    if (!lifecycle->trust().trust_list) {
      run(cmd::ListOffered{1, authority.trust_list()});
      actions.clear();
    }
  }
  // Reads the lane from where the machine asked for.
  void scan() {
    const auto* asked = last<cmd::Scan>();
    WAYSIDE_ASSERT(asked != nullptr);
    const Offset from = asked->from;
    actions.clear();
    for (const Entry& entry : lane) {
      if (entry.offset < from) continue;
      if (entry.status) step(cmd::ScannedStatus{entry.status->key, entry.offset});
      if (entry.ack) step(*entry.ack);
    }
    run(cmd::ScanDone{Offset{lane_next}});
  }

  void step(cmd::Event event) {
    for (cmd::Action& action : lifecycle->step({clock.wall(), clock.mono()}, std::move(event))) {
      if (auto* submit = std::get_if<cmd::Submit>(&action)) {
        store.submit(submit->token, std::move(submit->operation));
      } else {
        actions.push_back(std::move(action));
      }
    }
  }
  // Lets the store work and the lane take what is published, until nothing moves.
  void settle() {
    do {
      store.run();
      take_completions();
      if (lane_open) take_published();
    } while (store.submitted() > 0);
  }
  void take_completions() {
    std::vector<cmd::Completion> taken;
    std::swap(taken, completions_);
    for (cmd::Completion& completion : taken) step(cmd::Completed{std::move(completion)});
  }
  void run(cmd::Event event) {
    step(std::move(event));
    settle();
  }
  void pass_ms(std::int64_t ms) {
    clock.advance_ms(ms);
    run(cmd::Tick{});
  }

  void ask(const Ask& what) { run(cmd::Requested{++token, request(authority, what)}); }
  void ready(std::uint64_t number, std::uint64_t presence = 0) {
    run(cmd::Ready{kCar, presence == 0 ? number : presence, {0, number}});
  }
  void ack(std::uint8_t id, cmd::State state, std::string reason = {}) {
    run(cmd::AckOffered{++token, {kCar, id_of(id)}, 100});
    const auto* verdict = last<cmd::AckVerdict>();
    if (verdict != nullptr && verdict->admitted) {
      run(append_ack({kCar, id_of(id)}, state, std::move(reason)));
    }
  }
  // Committed to the lane; whether the machine hears of it is the caller's.
  cmd::AckInLane append_ack(cmd::CommandName name, cmd::State state, std::string reason = {}) {
    cmd::AckInLane ack{std::move(name), {state, std::move(reason)}, Offset{lane_next++}};
    lane.push_back({*ack.offset, std::nullopt, ack});
    return ack;
  }
  void written(std::uint8_t id, std::uint64_t connection, bool really = true) {
    run(cmd::Written{{kCar, id_of(id)}, {0, connection}, really});
  }
  void puback(std::uint8_t id, std::uint64_t connection) { run(cmd::Pubacked{{kCar, id_of(id)}, {0, connection}}); }

  template <typename Kind>
  [[nodiscard]] const Kind* last() const {
    for (auto at = actions.rbegin(); at != actions.rend(); ++at) {
      if (const auto* found = std::get_if<Kind>(&*at)) return found;
    }
    return nullptr;
  }
  template <typename Kind>
  [[nodiscard]] std::size_t count() const {
    std::size_t out = 0;
    for (const cmd::Action& action : actions) out += std::holds_alternative<Kind>(action) ? 1 : 0;
    return out;
  }
  // "ACCEPTED SENT RECEIVED": what was told of a command, in order.
  [[nodiscard]] std::string told(std::uint8_t id) const {
    std::string out;
    std::uint32_t version = 0;
    for (const Entry& entry : lane) {
      if (!entry.status || entry.status->key.name.id != id_of(id)) continue;
      const cmd::Status& status = *entry.status;
      if (status.key.version != ++version) out += "(version " + std::to_string(status.key.version) + ")";
      out += (out.empty() ? "" : " ") + std::string(cmd::to_string(status.state));
    }
    return out;
  }
  [[nodiscard]] std::string last_reason() const { return lane.back().status->reason; }
  [[nodiscard]] std::string refusal() const {
    const auto* answer = last<cmd::Answer>();
    if (answer == nullptr) return "(no answer)";
    return answer->accepted ? "ACCEPTED" : std::string(code(answer->reason));
  }
  [[nodiscard]] std::vector<std::uint8_t> delivered() const {
    std::vector<std::uint8_t> out;
    for (const cmd::Action& action : actions) {
      if (const auto* deliver = std::get_if<cmd::Deliver>(&action)) out.push_back(deliver->name.id.front());
    }
    return out;
  }

  Authority authority;
  ManualClock clock;
  cmd::MemoryStore store;
  std::unique_ptr<cmd::Lifecycle> lifecycle;
  std::vector<cmd::Action> actions;  // all but Submit
  struct Entry {
    Offset offset;
    std::optional<cmd::Status> status;
    std::optional<cmd::AckInLane> ack;
  };
  std::vector<Entry> lane;      // the ack lane
  std::uint64_t lane_next = 0;  // next offset of the ack lane
  bool lane_open = true;        // false: published statuses get no answer
  bool scan_by_hand = false;
  std::uint64_t token = 100;

 private:
  void take_published() {
    for (std::size_t i = 0; i < actions.size(); ++i) {
      if (auto* publish = std::get_if<cmd::Publish>(&actions[i])) {
        lane.push_back({Offset{lane_next}, publish->status, std::nullopt});
        const cmd::StatusKey key = publish->status.key;
        actions.erase(actions.begin() + static_cast<std::ptrdiff_t>(i--));
        step(cmd::StatusInLane{key, Offset{lane_next++}});
      }
    }
  }

  cmd::Options options_;
  std::vector<cmd::Completion> completions_;
};

}  // namespace wayside::test
