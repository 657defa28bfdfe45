// Topic aliases of one connection, client to server (MQTT 5.0 section 3.3.2.3.4).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace wayside::broker::session {

// Owns: what each alias stands for. Lives as long as the connection: nothing survives a reconnect.
// Limits: `max` aliases, each one topic.
class TopicAliases {
 public:
  explicit TopicAliases(std::uint16_t max) : max_(max) {}

  // The topic a PUBLISH names; nullopt: alias 0, above the maximum, or unknown (TOPIC_ALIAS_INVALID).
  std::optional<std::string_view> resolve(std::string_view topic, std::optional<std::uint16_t> alias) {
    if (!alias) return topic;
    if (*alias == 0 || *alias > max_) return std::nullopt;
    if (!topic.empty()) return known_.insert_or_assign(*alias, std::string(topic)).first->second;
    const auto found = known_.find(*alias);
    if (found == known_.end()) return std::nullopt;
    return found->second;
  }

 private:
  std::uint16_t max_;
  std::map<std::uint16_t, std::string> known_;
};

}  // namespace wayside::broker::session
