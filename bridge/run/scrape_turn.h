// A scrape gets the counts of its moment: it waits until the machine has shown them. Without it rates over a short time
// would be of what the machine showed last, nothing at one look and all at the next.
//
// Thread   wait: the metrics server's; wanted and shown: the machine's.
// Limits   kWaitMs: a machine that is busy, or has nothing to show, is shown as it last was.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace wayside::bridge::run {

class ScrapeTurn {
 public:
  static constexpr std::chrono::milliseconds kWaitMs{250};

  // `wake` makes the machine look soon. False: it has not within kWaitMs.
  bool wait(const std::function<void()>& wake) {
    std::unique_lock lock(mutex_);
    const std::uint64_t mine = ++asked_;
    lock.unlock();
    wake();
    lock.lock();
    return changed_.wait_for(lock, kWaitMs, [&] { return shown_ >= mine; });
  }

  // Asks up to this number wait; 0: none does. The machine shows what it has, and says which number it had seen.
  [[nodiscard]] std::uint64_t wanted() const {
    const std::lock_guard lock(mutex_);
    return asked_ > shown_ ? asked_ : 0;
  }
  void shown(std::uint64_t wanted) {
    {
      const std::lock_guard lock(mutex_);
      if (wanted > shown_) shown_ = wanted;
    }
    changed_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t asked_ = 0;
  std::uint64_t shown_ = 0;
};

}  // namespace wayside::bridge::run
