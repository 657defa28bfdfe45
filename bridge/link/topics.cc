#include "bridge/link/topics.h"

#include <array>

namespace wayside::bridge::link {
namespace {

constexpr std::array<std::string_view, 7> kKinds = {"hello",  "batch",    "downack",  "next",
                                                    "credit", "rejected", "downbatch"};

std::string topic(std::string_view edge, std::string_view direction, Address address) {
  std::string out = "wayside/";
  out.append(edge).append("/").append(direction).append("/");
  return out.append(to_string(address.channel)).append("/").append(to_string(address.kind));
}

std::string_view take_level(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view level = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return level;
}

bool parse_kind(std::string_view text, Kind& out) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] != text) continue;
    out = static_cast<Kind>(i);
    return true;
  }
  return false;
}

bool travels(bool up, Kind kind) {
  if (kind == Kind::hello) return true;
  return up == (kind == Kind::batch || kind == Kind::downack);
}

}  // namespace

std::string_view to_string(Kind kind) { return kKinds.at(static_cast<std::size_t>(kind)); }
std::string up_topic(std::string_view edge, Address address) { return topic(edge, "up", address); }
std::string down_topic(std::string_view edge, Address address) { return topic(edge, "down", address); }

std::optional<ParsedTopic> parse_topic(std::string_view rest) {
  ParsedTopic out;
  if (take_level(rest) != "wayside") return std::nullopt;
  out.edge = take_level(rest);
  const std::string_view direction = take_level(rest);
  const std::string_view channel = take_level(rest);
  out.up = direction == "up";
  if (out.edge.empty() || (!out.up && direction != "down") || (channel != "urgent" && channel != "bulk")) {
    return std::nullopt;
  }
  out.address.channel = channel == "urgent" ? Channel::urgent : Channel::bulk;
  if (!parse_kind(rest, out.address.kind) || !travels(out.up, out.address.kind)) return std::nullopt;
  return out;
}

}  // namespace wayside::bridge::link
