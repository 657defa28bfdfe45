#include "common/topic/topic.h"

#include <catch2/catch_test_macros.hpp>

namespace wayside::topic {
namespace {

constexpr const char* kVin = "WVWZZZ1JZXW000001";

std::string filter_of(const std::string& filter, bool ordinary = false) {
  const auto row = vehicle_filter(filter, kVin, ordinary);
  return row.ok() ? to_string(row.value()) : std::string(code(row.reason()));
}
std::string row_of(std::string_view name) {
  const auto parsed = classify(name);
  return parsed ? to_string(parsed->row) : "none";
}

TEST_CASE("topic: U+0000, controls, non-characters, surrogates and ill-formed bytes are in no topic") {
  using namespace std::string_view_literals;
  for (const std::string_view bad :
       {"a\0b"sv, "a\x01"sv, "a\x1f"sv, "a\x7f"sv, "a\xc2\x80"sv, "a\xc2\x9f"sv, "a\xef\xbf\xbf"sv, "a\xef\xbf\xbe"sv,
        "a\xef\xb7\x90"sv, "a\xf0\x9f\xbf\xbf"sv, "a\xed\xa0\x80"sv, "a\xff"sv, "a\xc0\xaf"sv, "a\xc3"sv}) {
    CAPTURE(bad);
    CHECK_FALSE(valid_name(bad));
    CHECK_FALSE(valid_filter(bad));
  }
  CHECK(valid_name("v1/Grüße/🚗"));
  CHECK(valid_name("a\xef\xbf\xbd"));  // U+FFFD is a character
}

TEST_CASE("topic: 65,535 slashes, and any name above its bounds, are refused") {
  CHECK_FALSE(valid_name(std::string(65535, '/')));
  CHECK_FALSE(valid_filter(std::string(65535, '/')));
  CHECK_FALSE(valid_name(""));
  CHECK(valid_name(std::string(kTopicBytesMax, 'a')));
  CHECK_FALSE(valid_name(std::string(kTopicBytesMax + 1, 'a')));
  CHECK(valid_name(std::string(kTopicLevelsMax - 1, '/')));
  CHECK_FALSE(valid_name(std::string(kTopicLevelsMax, '/')));
}

TEST_CASE("topic: wildcards are in filters only, alone in their level, and # only in the last") {
  for (const char* name : {"a/+", "#", "a+", "a/b#"}) CHECK_FALSE(valid_name(name));
  for (const char* filter : {"#", "+", "a/#", "+/+/#", "/", "a//b", "/a", "+/a", "$SYS/#"}) CHECK(valid_filter(filter));
  for (const char* filter : {"a#", "#/a", "a+", "+a", "a/+b/c", "##", "a/#/b", ""}) CHECK_FALSE(valid_filter(filter));
}

TEST_CASE("topic: filters match as section 4.7 of the specification says") {
  for (const auto& [filter, name] :
       {std::pair{"sport/tennis/player1/#", "sport/tennis/player1"},
        std::pair{"sport/tennis/player1/#", "sport/tennis/player1/ranking"},
        std::pair{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"}, std::pair{"sport/#", "sport"},
        std::pair{"#", "a/b/c"}, std::pair{"sport/tennis/+", "sport/tennis/player1"}, std::pair{"sport/+", "sport/"},
        std::pair{"+/+", "/finance"}, std::pair{"/+", "/finance"}, std::pair{"+", "a"}, std::pair{"a/b", "a/b"},
        std::pair{"$SYS/#", "$SYS/monitor"}, std::pair{"$SYS/monitor/+", "$SYS/monitor/Clients"}, std::pair{"+/#", "a"},
        std::pair{"a/+/#", "a/b"}}) {
    CAPTURE(filter, name);
    CHECK(matches(filter, name));
  }
  for (const auto& [filter, name] :
       {std::pair{"sport/tennis/+", "sport/tennis/player1/ranking"}, std::pair{"sport/+", "sport"},
        std::pair{"+", "/finance"}, std::pair{"#", "$SYS/monitor"},
        std::pair{"+/monitor/Clients", "$SYS/monitor/Clients"}, std::pair{"a/b", "a/b/c"}, std::pair{"a/b/c", "a/b"},
        std::pair{"a/b", "a/B"}, std::pair{"a/+/#", "a"}, std::pair{"a/b/#", "a"}, std::pair{"a", "ab"},
        std::pair{"a/", "a"}, std::pair{"a", "a/"}}) {
    CAPTURE(filter, name);
    CHECK_FALSE(matches(filter, name));
  }
}

TEST_CASE("topic: every row of the table is recognised, with its vehicle and what follows") {
  struct Case {
    const char* name;
    Row row;
    const char* vehicle;
    const char* rest;
  };
  for (const Case& c :
       {Case{"v1/CAR/state", Row::state, "CAR", ""},
        Case{"v1/CAR/state/Vehicle/Speed", Row::state, "CAR", "Vehicle/Speed"},
        Case{"v1/CAR/event/door", Row::event, "CAR", "door"}, Case{"v1/CAR/bulk/can0", Row::bulk, "CAR", "can0"},
        Case{"v1/CAR/cmd/ABC", Row::command, "CAR", "ABC"}, Case{"v1/CAR/cmd/ABC/ack", Row::ack, "CAR", "ABC"},
        Case{"v1/CAR/request", Row::request, "CAR", ""}, Case{"v1/CAR/status/ABC", Row::status, "CAR", "ABC"},
        Case{"v1/CAR/presence", Row::presence, "CAR", ""}, Case{"v1/CAR/control/x", Row::control, "CAR", "x"},
        Case{"b/region/weather", Row::broadcast, "", "region/weather"},
        Case{"x/CAR/app/1", Row::ordinary, "CAR", "app/1"}}) {
    CAPTURE(c.name);
    const auto parsed = classify(c.name);
    REQUIRE(parsed);
    CHECK(parsed->row == c.row);
    CHECK(parsed->vehicle == c.vehicle);
    CHECK(parsed->rest == c.rest);
  }
}

TEST_CASE("topic: what is near a row is no row") {
  for (const char* name : {"v1",
                           "v1/",
                           "v1/CAR",
                           "v1/CAR/",
                           "/v1/CAR/state",
                           "v1//state",
                           "v1/CAR//state",
                           "v1/CAR/state/",
                           "v1/CAR/state//x",
                           "V1/CAR/state",
                           "v2/CAR/state",
                           "v1/CAR/STATE",
                           "v1/CAR/event",
                           "v1/CAR/event/",
                           "v1/CAR/event/a/b",
                           "v1/CAR/bulk",
                           "v1/CAR/cmd",
                           "v1/CAR/cmd/",
                           "v1/CAR/cmd/ABC/",
                           "v1/CAR/cmd/ABC/nack",
                           "v1/CAR/cmd/ABC/ack/",
                           "v1/CAR/cmd/ABC/ack/x",
                           "v1/CAR/cmd//ack",
                           "v1/CAR/request/x",
                           "v1/CAR/status",
                           "v1/CAR/status/a/b",
                           "v1/CAR/presence/x",
                           "v1/CAR/control",
                           "v1/CA R/state",
                           "v1/$CAR/state",
                           "v1/CÄR/state",
                           "v1/+/state",
                           "$CONTROL/dynamic-security/v1",
                           "$SYS/x",
                           "b",
                           "b/",
                           "x/CAR",
                           "x//a",
                           "state",
                           ""}) {
    CAPTURE(name);
    CHECK(row_of(name) == "none");
  }
  CHECK(row_of("v1/" + std::string(64, 'a') + "/state") == "state");
  CHECK(row_of("v1/" + std::string(65, 'a') + "/state") == "none");
}

TEST_CASE("topic: a vehicle may subscribe to its own commands and controls, and to broadcasts") {
  const std::string own = std::string("v1/") + kVin;
  CHECK(filter_of(own + "/cmd/#") == "command");
  CHECK(filter_of(own + "/cmd/+") == "command");
  CHECK(filter_of(own + "/cmd/ABC") == "command");
  CHECK(filter_of(own + "/control/+") == "control");
  CHECK(filter_of("b/region/#") == "broadcast");
  CHECK(filter_of("b/region/+/x") == "broadcast");
}

TEST_CASE("topic: wildcards in the vehicle slot, other vehicles and near misses of the own id are denied") {
  const std::string vin = kVin;
  for (const std::string& filter : {"+/" + vin + "/#",
                                    std::string("v1/+/cmd/#"),
                                    std::string("v1/#"),
                                    "/v1/" + vin + "/x",
                                    std::string("v1//state"),
                                    "v1/" + vin + "x/#",
                                    "v1/" + vin.substr(1) + "/cmd/#",
                                    std::string("v1/WVWZZZ1JZXW000002/cmd/#"),
                                    std::string("#"),
                                    std::string("+"),
                                    std::string("+/+/cmd/#"),
                                    "v1/" + vin,
                                    "v1/" + vin + "/",
                                    "v1/" + vin + "/#",
                                    "v1/" + vin + "/+/x",
                                    "v1/" + vin + "/+",
                                    "v1/" + vin + "/cmd",
                                    "v1/" + vin + "/cmd/",
                                    "v1/" + vin + "/cmd/+/ack",
                                    "v1/" + vin + "/cmd/ABC/#",
                                    "v1/" + vin + "/state/#",
                                    "v1/" + vin + "/request",
                                    "v1/" + vin + "/status/+",
                                    "v1/" + vin + "/presence",
                                    std::string("v1/wvwzzz1jzxw000001/cmd/#"),
                                    std::string("b/#"),
                                    std::string("b/+/x"),
                                    std::string("b"),
                                    std::string("$SYS/#"),
                                    std::string("$CONTROL/#"),
                                    std::string("wayside/#")}) {
    CAPTURE(filter);
    CHECK(filter_of(filter) == "NOT_AUTHORIZED");
    CHECK(filter_of(filter, true) == "NOT_AUTHORIZED");
  }
}

TEST_CASE("topic: ordinary topics are the vehicle's own and off unless enabled") {
  const std::string own = std::string("x/") + kVin + "/#";
  CHECK(filter_of(own) == "NOT_AUTHORIZED");
  CHECK(filter_of(own, true) == "ordinary");
  CHECK(filter_of("x/WVWZZZ1JZXW000002/#", true) == "NOT_AUTHORIZED");
  CHECK(filter_of("x/+/#", true) == "NOT_AUTHORIZED");
  CHECK(filter_of("x/#", true) == "NOT_AUTHORIZED");
}

TEST_CASE("topic: filters that break the grammar, and shared ones, have reasons of their own") {
  CHECK(filter_of(std::string("v1/") + kVin + "/cmd/a#") == "TOPIC_FILTER_INVALID");
  CHECK(filter_of("") == "TOPIC_FILTER_INVALID");
  CHECK(filter_of("b/\x01/#") == "TOPIC_FILTER_INVALID");
  CHECK(filter_of(std::string("$share/g/v1/") + kVin + "/cmd/#") == "SHARED_SUBSCRIPTION");
}

TEST_CASE("topic: each row is served in its class") {
  CHECK(lane_of(Row::state) == Lane::state);
  CHECK(lane_of(Row::event) == Lane::event);
  CHECK(lane_of(Row::presence) == Lane::event);
  CHECK(lane_of(Row::bulk) == Lane::bulk);
  CHECK(lane_of(Row::command) == Lane::command);
  CHECK(lane_of(Row::request) == Lane::command);
  CHECK(lane_of(Row::control) == Lane::command);
  CHECK(lane_of(Row::ack) == Lane::ack);
  CHECK(lane_of(Row::status) == Lane::ack);
}

}  // namespace
}  // namespace wayside::topic
