// Whose messages fill which room of the command thread's mailbox.
#include "broker/commands/mailbox.h"

#include <catch2/catch_test_macros.hpp>

namespace wayside::broker {

TEST_CASE("CommandDesk: a full mailbox refuses requests and takes what connections report") {
  Mailbox mailbox(2, 2);
  const auto request = [] { return Posted{CommandEvent{CommandRequested{}}, {}}; };
  CHECK(mailbox.post(request()));
  CHECK(mailbox.post(request()));
  CHECK_FALSE(mailbox.post(request()));
  CHECK(mailbox.post({CommandEvent{VehicleGone{}}, {}}));
  CHECK(mailbox.wait(0).size() == 3);
  CHECK(mailbox.post(request()));
}

TEST_CASE("CommandDesk: acks that fill the mailbox leave requests their room") {
  Mailbox mailbox(2, 2);
  const auto ack = [] { return Posted{CommandEvent{AckOffered{}}, {}}; };
  const auto request = [] { return Posted{CommandEvent{CommandRequested{}}, {}}; };
  CHECK(mailbox.post(ack()));
  CHECK(mailbox.post(ack()));
  CHECK_FALSE(mailbox.post(ack()));
  CHECK(mailbox.post(request()));
  CHECK(mailbox.post(request()));
}

TEST_CASE("CommandDesk: acks of one vehicle fill their own room in the mailbox and nobody else's") {
  Mailbox mailbox(10, 2);
  const auto ack_of = [](const char* vehicle) {
    AckOffered ack;
    ack.vehicle = vehicle;
    return Posted{CommandEvent{std::move(ack)}, {}};
  };
  CHECK(mailbox.post(ack_of("rogue")));
  CHECK(mailbox.post(ack_of("rogue")));
  CHECK_FALSE(mailbox.post(ack_of("rogue")));
  CHECK(mailbox.post(ack_of("good")));
  CHECK(mailbox.wait(0).size() == 3);
  CHECK(mailbox.post(ack_of("rogue")));
}

}  // namespace wayside::broker
