#include "bridge/run/edge_connections.h"

#include <algorithm>
#include <utility>

#include "bridge/run/config.h"
#include "common/log/log.h"

namespace wayside::bridge::run {
namespace {

constexpr std::int64_t kStopMs = 1'000;

std::size_t index(link::Channel channel) { return static_cast<std::size_t>(channel); }

}  // namespace

EdgeConnections::EdgeConnections(const config::Config& config, const LinkPaths& files, const Clock& clock, Rng& rng,
                                 const std::function<void()>& wake)
    : edge_(config.text("edge.name")), clock_(clock) {
  for (const link::Channel channel : {link::Channel::urgent, link::Channel::bulk}) {
    connections_[index(channel)] = MqttConnection::create(edge_connection(config, files, channel), rng, wake);
  }
}

void EdgeConnections::poll(const Step& step) {
  for (auto& connection : connections_) {
    for (MqttHappened& happened : connection->poll(clock_.mono())) tell(happened, step);
  }
  const bool up =
      std::all_of(connections_.begin(), connections_.end(), [](const auto& connection) { return connection->up(); });
  if (up == std::exchange(up_, up)) return;
  if (!up) return step(edge::LinkDown{});
  session_ = std::max(session_ + 1, static_cast<std::uint64_t>(clock_.wall().value));
  log::info("link_up", {{"session", std::to_string(session_)}});
  step(edge::LinkUp{session_});
}

void EdgeConnections::tell(MqttHappened& happened, const Step& step) {
  if (happened.kind == MqttHappened::Kind::down) {
    log::warning("link_down", {{"why", log::clean(happened.why)}});
    up_ = false;
    return step(edge::LinkDown{});
  }
  if (happened.kind != MqttHappened::Kind::message) return;
  const auto topic = link::parse_topic(happened.message.topic);
  if (!topic || topic->up || topic->edge != edge_) return;
  step(edge::Message{topic->address, std::move(happened.message.payload)});
}

void EdgeConnections::publish(edge::Publish& publish) {
  MqttMessage message;
  message.topic = link::up_topic(edge_, publish.address);
  message.payload = std::move(publish.bytes);
  (void)connections_[index(publish.address.channel)]->publish(std::move(message));
}

void EdgeConnections::drop() {
  for (auto& connection : connections_) connection->drop(clock_.mono());
}

void EdgeConnections::stop() {
  for (auto& connection : connections_) connection->stop(kStopMs);
}

MqttCounters EdgeConnections::counters(link::Channel channel) const { return connections_[index(channel)]->counters(); }

}  // namespace wayside::bridge::run
