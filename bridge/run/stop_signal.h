// SIGTERM and SIGINT as a flag and a wake-up.
//
// Thread: create before any other thread starts (it blocks the signals for all of them).
#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace wayside::bridge::run {

class StopSignal {
 public:
  explicit StopSignal(std::function<void()> wake);
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  [[nodiscard]] bool raised() const { return raised_.load(std::memory_order_acquire); }

 private:
  void wait();
  std::function<void()> wake_;
  std::atomic<bool> raised_{false};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace wayside::bridge::run
