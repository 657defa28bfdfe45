// A value that one thread replaces and many read.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace wayside::broker::gate {

// Owns: one reference. Thread: any.
template <typename T>
class Held {
 public:
  [[nodiscard]] std::shared_ptr<const T> get() const {
    const std::scoped_lock lock(mutex_);
    return value_;
  }
  void set(std::shared_ptr<const T> value) {
    const std::scoped_lock lock(mutex_);
    value_ = std::move(value);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
};

}  // namespace wayside::broker::gate
