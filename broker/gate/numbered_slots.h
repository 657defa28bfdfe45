// What an I/O thread has of a kind, by number: found without a search, and fetched into the cache ahead of its turn.
//
// Owns: the objects. Thread: one. Limits: kSlotsMax of them; add() is not called beyond.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "common/result.h"

namespace wayside::broker::gate {

// A number is a serial number above the slot: later ones are larger, and none comes back.
template <typename T>
class NumberedSlots {
 public:
  static constexpr unsigned kSlotBits = 24;
  static constexpr std::size_t kSlotsMax = (std::size_t{1} << kSlotBits) - 1;
  static constexpr std::uint64_t kFirstNumber = std::uint64_t{1} << kSlotBits;

  // Of the next that is added.
  [[nodiscard]] std::uint64_t next_number() const {
    return (last_serial_ + 1) << kSlotBits | (free_.empty() ? slots_.size() : free_.back());
  }
  T& add(std::unique_ptr<T> object) {
    WAYSIDE_ASSERT(size_ < kSlotsMax);
    const std::uint64_t number = next_number();
    if (free_.empty()) {
      slots_.emplace_back();
    } else {
      free_.pop_back();
    }
    ++last_serial_;
    ++size_;
    Slot& slot = slots_[slot_of(number)];
    slot = {number, std::move(object)};
    return *slot.object;
  }
  // nullptr: there is none of this number, or no more.
  [[nodiscard]] T* find(std::uint64_t number) const {
    const std::size_t at = slot_of(number);
    return at < slots_.size() && slots_[at].number == number ? slots_[at].object.get() : nullptr;
  }
  void erase(std::uint64_t number) {
    if (find(number) == nullptr) return;
    const std::size_t at = slot_of(number);
    slots_[at] = {};
    free_.push_back(static_cast<std::uint32_t>(at));
    --size_;
  }
  void clear() {
    slots_.clear();
    free_.clear();
    size_ = 0;
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  // None is added or erased meanwhile.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.object != nullptr) visit(*slot.object);
    }
  }
  // A hint that it will be needed soon: of thousands each would be waited for, line by line.
  void prefetch(std::uint64_t number) const {
    const T* object = find(number);
    if (object == nullptr) return;
    const auto* at = reinterpret_cast<const char*>(object);
    for (std::size_t line = 0; line < sizeof(T); line += kLineBytes) __builtin_prefetch(at + line);
  }

 private:
  static constexpr std::size_t kLineBytes = 64;
  static std::size_t slot_of(std::uint64_t number) { return number & kSlotsMax; }

  struct Slot {
    std::uint64_t number = 0;
    std::unique_ptr<T> object;
  };
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::uint64_t last_serial_ = 0;
  std::size_t size_ = 0;
};

}  // namespace wayside::broker::gate
