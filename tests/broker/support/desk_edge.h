// An edge's command desk between real custody, a real store and the ports of the gate, which the test reads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/commands/desk.h"
#include "broker/custody/custody.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "schemas/messages.h"
#include "tests/command/signed.h"
#include "tests/support/temp_dir.h"

namespace wayside::test {

inline const std::string kDeskCar = "1M8GDM9AXKP042788";

// What reached the I/O threads. Thread: any.
class Inbox final : public broker::IoPort {
 public:
  void post(broker::IoMessage message) override;
  [[nodiscard]] std::uint32_t threads() const override { return 1; }

  // Waits for the next message of that kind and takes it.
  template <typename Kind>
  std::optional<Kind> take(int timeout_ms = 5'000) {
    std::unique_lock lock(mutex_);
    std::optional<Kind> out;
    arrived_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] {
      for (auto at = messages_.begin(); at != messages_.end(); ++at) {
        if (auto* found = std::get_if<Kind>(&*at)) {
          out = std::move(*found);
          messages_.erase(at);
          return true;
        }
      }
      return false;
    });
    return out;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<broker::IoMessage> messages_;
};

// Custody that can lose its answers, as a death between commit and answer does.
class Door final : public broker::CustodyPort {
 public:
  explicit Door(broker::CustodyPort& custody) : custody_(custody) {}
  Outcome<void> offer(broker::Offer offer) override;
  void keep_from(Lane lane, Offset offset, broker::Keeper keeper) override { custody_.keep_from(lane, offset, keeper); }
  std::atomic<bool> mute{false};

 private:
  broker::CustodyPort& custody_;
};

// What the ack and the command lane hold.
struct DeskLanes {
  std::vector<schemas::CommandStatusMessage> statuses;
  std::vector<std::string> audits;
  std::size_t acks = 0;
};

// Owns: custody, store and desk in `dir`, and an authority whose lists are in force. Thread: one.
class DeskEdge {
 public:
  explicit DeskEdge(const TempDir& dir);
  ~DeskEdge();
  DeskEdge(const DeskEdge&) = delete;
  DeskEdge& operator=(const DeskEdge&) = delete;

  // The next life of the broker, over the same store and lanes.
  void restart_desk();
  void put_list(const std::string& name, const Bytes& framed);

  // The reason of the answer; ACCEPTED if it is none.
  std::string ask(Ask what);
  std::string ask(Bytes request);
  void ready(std::uint64_t number);
  // An ack that is committed and that the desk does not hear of: it dies in between.
  void put_ack(std::uint8_t id, command::State state);
  // Offers the vehicle's ack; the answer that its PUBACK would follow.
  broker::Committed ack(std::uint8_t id, command::State state, const std::string& reason = {});

  std::optional<schemas::CommandStatusMessage> next_status();
  // "ACCEPTED SENT": the next statuses as services get them.
  std::string next_states(int count);
  DeskLanes read_lanes();
  // Waits for so many of each in the lanes.
  bool lanes_become(std::size_t statuses, std::size_t audits);
  // The store knows of every status that it is in the lane.
  [[nodiscard]] bool outbox_is_empty() const;

  const TempDir& dir;
  Authority authority;
  std::unique_ptr<Disk> disk = os::make_posix_disk();
  os::SystemClock clock;
  std::unique_ptr<metrics::Registry> metrics = metrics::Registry::create();
  Inbox io;
  std::unique_ptr<broker::Custody> custody;
  std::unique_ptr<Door> door;
  std::unique_ptr<broker::CommandDesk> desk;
  std::uint64_t token = 0;

 private:
  void open_desk();
  [[nodiscard]] broker::DeskOptions desk_options() const;
};

}  // namespace wayside::test
