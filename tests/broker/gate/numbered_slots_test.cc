#include "broker/gate/numbered_slots.h"

#include <catch2/catch_test_macros.hpp>

namespace wayside::broker::gate {
namespace {

TEST_CASE("a number is found until it is erased, and never means another") {
  NumberedSlots<int> slots;
  const std::uint64_t first = slots.next_number();
  slots.add(std::make_unique<int>(1));
  const std::uint64_t second = slots.next_number();
  slots.add(std::make_unique<int>(2));
  CHECK(first >= NumberedSlots<int>::kFirstNumber);
  CHECK(second > first);
  REQUIRE(slots.find(first) != nullptr);
  CHECK(*slots.find(first) == 1);
  CHECK(*slots.find(second) == 2);

  slots.erase(first);
  slots.erase(first);
  CHECK(slots.size() == 1);
  CHECK(slots.find(first) == nullptr);

  const std::uint64_t third = slots.next_number();  // in the place of the first
  slots.add(std::make_unique<int>(3));
  CHECK(third > second);
  CHECK(slots.find(first) == nullptr);
  CHECK(*slots.find(third) == 3);
  slots.prefetch(first);
  slots.prefetch(third);
  int sum = 0;
  slots.for_each([&](int value) { sum += value; });
  CHECK(sum == 5);
}

TEST_CASE("numbers that were never given are nobody's") {
  NumberedSlots<int> slots;
  CHECK(slots.find(0) == nullptr);
  slots.add(std::make_unique<int>(1));
  CHECK(slots.find(0) == nullptr);
  CHECK(slots.find(UINT64_MAX) == nullptr);
}

}  // namespace
}  // namespace wayside::broker::gate
