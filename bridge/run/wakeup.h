// What a machine thread sleeps on: any thread may wake it, wakes are not lost and do not pile up.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace wayside::bridge::run {

class Wakeup {
 public:
  void notify() {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    changed_.notify_one();
  }
  void wait_ms(long long ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return woken_; });
    woken_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
};

}  // namespace wayside::bridge::run
