// Topics of the link: "wayside/<edge>/{up,down}/{urgent,bulk}/<kind>". Lanes command, ack and event are urgent,
// state and bulk are bulk; each has a connection of its own at both ends.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/types.h"

namespace wayside::bridge::link {

enum class Channel : std::uint8_t { urgent = 0, bulk = 1 };
inline constexpr std::size_t kChannels = 2;
inline constexpr Channel channel_of(Lane lane) { return lane <= Lane::event ? Channel::urgent : Channel::bulk; }
inline constexpr std::string_view to_string(Channel channel) { return channel == Channel::urgent ? "urgent" : "bulk"; }

// What travels. batch and downack go up, next ... downbatch down, hello both ways.
enum class Kind : std::uint8_t { hello, batch, downack, next, credit, rejected, downbatch };
std::string_view to_string(Kind kind);

struct Address {
  Channel channel{};
  Kind kind{};
};

std::string up_topic(std::string_view edge, Address address);
std::string down_topic(std::string_view edge, Address address);

struct ParsedTopic {
  std::string edge;
  bool up = false;
  Address address;
};
// nullopt: not a topic of the link.
std::optional<ParsedTopic> parse_topic(std::string_view topic);

}  // namespace wayside::bridge::link
