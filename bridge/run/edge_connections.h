// The two connections of an edge to the core broker, as one link that is up or down.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bridge/edge/events.h"
#include "bridge/run/config.h"
#include "bridge/run/link_watch.h"
#include "bridge/run/mqtt_connection.h"
#include "common/clock.h"
#include "common/config/config.h"

namespace wayside::bridge::run {

// Owns     the urgent and the bulk connection, the number of the link session.
// Thread   one: the machine's. `wake` is called from Paho's threads and must only notify.
// Durable  -
// Limits   those of its connections.
//
// The link is up while both are; each time it comes up is a session of its own, numbered by the wall clock so that it
// rises across restarts too.
class EdgeConnections {
 public:
  using Step = std::function<void(decltype(edge::EdgeEvent::what))>;
  // `files`: what each connection is made with.
  EdgeConnections(const config::Config& config, const LinkPaths& files, const Clock& clock, Rng& rng,
                  const std::function<void()>& wake);

  // Tells the machine what happened since the last poll, in order.
  void poll(const Step& step);
  void publish(edge::Publish& publish);
  void drop();
  void stop();
  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] bool ever_up() const { return session_ > 0; }
  [[nodiscard]] MqttCounters counters(link::Channel channel) const;

 private:
  void tell(link::Channel channel, MqttHappened& happened, const Step& step);
  void lost(const std::string& why);
  void say_up(const std::optional<LinkWatch::Made>& made) const;

  const std::string edge_;
  const Clock& clock_;
  std::array<std::unique_ptr<MqttConnection>, link::kChannels> connections_;
  LinkWatch watch_;
  std::uint64_t session_ = 0;
  bool up_ = false;
};

}  // namespace wayside::bridge::run
