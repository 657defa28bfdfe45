// Custody and command ports that a test drives: commits come from another thread, as in life.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "broker/ports.h"
#include "schemas/record.h"

namespace wayside::test {

// A record that was committed, owned.
struct Kept {
  Lane lane{};
  std::string vehicle;
  std::string topic;
  std::string payload;
  std::string mid;
  std::uint64_t sequence = 0;
  std::uint64_t epoch = 0;
  bool signal_batch = false;
};

// Owns: a thread that commits what was offered, lane by lane in order. Thread: any.
class FakeCustody final : public broker::CustodyPort {
 public:
  FakeCustody();
  ~FakeCustody() override;
  Outcome<void> offer(broker::Offer offer) override;
  void shed(Lane lane, Reason reason) override;

  void attach(broker::IoPort* io);
  // While a lane is held its offers wait; released, they commit.
  void hold(Lane lane, bool held);
  // Offers of the lane are refused at the door; nullopt: taken again.
  void refuse(Lane lane, std::optional<Reason> reason);
  // After `count` more offers of the lane are taken one is refused with QUEUE_FULL, then all are taken again.
  void refuse_one_after(Lane lane, std::size_t count);
  [[nodiscard]] std::vector<Kept> kept(Lane lane);
  [[nodiscard]] std::size_t waiting(Lane lane);
  // Offers of the lane, refused ones too; and what was shed before it was one.
  [[nodiscard]] std::size_t offered(Lane lane);
  [[nodiscard]] std::vector<Reason> shed_of(Lane lane);
  // Waits until `count` records are in the lane.
  [[nodiscard]] bool wait_kept(Lane lane, std::size_t count, int timeout_ms = 5'000);

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable wake_;
  broker::IoPort* io_ = nullptr;
  std::array<std::deque<broker::Offer>, kLanes> queues_;
  std::array<std::vector<Kept>, kLanes> kept_;
  std::array<bool, kLanes> held_{};
  std::array<std::optional<Reason>, kLanes> refused_{};
  std::array<std::optional<std::size_t>, kLanes> until_refusal_{};
  std::array<std::size_t, kLanes> offered_{};
  std::array<std::vector<Reason>, kLanes> shed_;
  bool stopping_ = false;
  std::thread thread_;
};

// Keeps the events in order and answers requests and acks as the test says. Thread: any.
class FakeCommands final : public broker::CommandPort {
 public:
  [[nodiscard]] bool post(broker::CommandEvent event) override;
  void attach(broker::IoPort* io);
  // What a request is answered; nullopt: accepted.
  std::function<std::optional<Reason>(const Bytes& request)> judge = [](const Bytes&) { return std::nullopt; };
  // False: posts of requests and acks find the mailbox full.
  std::atomic<bool> room{true};

  template <typename T>
  std::vector<T> all() {
    const std::scoped_lock lock(mutex_);
    std::vector<T> out;
    for (const broker::CommandEvent& event : events_) {
      if (const auto* one = std::get_if<T>(&event)) out.push_back(*one);
    }
    return out;
  }

 private:
  std::mutex mutex_;
  std::vector<broker::CommandEvent> events_;
  broker::IoPort* io_ = nullptr;
};

}  // namespace wayside::test
