// A queue in one piece of memory: std::deque costs half a kilobyte while it is empty, and idle connections are many.
//
// Owns: its elements, and room for as many as there once were at a time, until shrink(). Thread: one. Limits: its
// owner's.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "common/result.h"

namespace wayside {

template <typename T>
class Ring {
 public:
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] T& operator[](std::size_t index) { return places_[(first_ + index) & (places_.size() - 1)]; }
  [[nodiscard]] const T& operator[](std::size_t index) const {
    return places_[(first_ + index) & (places_.size() - 1)];
  }
  [[nodiscard]] T& front() { return (*this)[0]; }
  [[nodiscard]] const T& front() const { return (*this)[0]; }

  void push_back(T value) {
    if (size_ == places_.size()) grow();
    ++size_;
    (*this)[size_ - 1] = std::move(value);
  }
  void pop_front() {
    WAYSIDE_ASSERT(size_ > 0);
    front() = T{};  // what it owns is given back now
    first_ = (first_ + 1) & (places_.size() - 1);
    --size_;
  }
  void clear() { *this = Ring(); }
  // Gives the room back, if nothing is in there and it is for more than `kept`.
  void shrink(std::size_t kept) {
    if (empty() && places_.size() > kept) clear();
  }

 private:
  static constexpr std::size_t kFirstPlaces = 4;

  void grow() {
    std::vector<T> larger(places_.empty() ? kFirstPlaces : 2 * places_.size());  // a power of two
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    places_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> places_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace wayside
