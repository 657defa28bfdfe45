#include "bridge/run/edge_connections.h"

#include <algorithm>
#include <utility>

#include "bridge/run/config.h"
#include "common/log/log.h"

namespace wayside::bridge::run {
namespace {

constexpr std::int64_t kStopMs = 1'000;
constexpr std::array<link::Channel, link::kChannels> kChannels = {link::Channel::urgent, link::Channel::bulk};

std::size_t index(link::Channel channel) { return static_cast<std::size_t>(channel); }

}  // namespace

EdgeConnections::EdgeConnections(const config::Config& config, const LinkPaths& files, const Clock& clock, Rng& rng,
                                 const std::function<void()>& wake)
    : edge_(config.text("edge.name")), clock_(clock), watch_(config.text("core.address"), clock) {
  for (const link::Channel channel : kChannels) {
    connections_[index(channel)] = MqttConnection::create(edge_connection(config, files, channel), rng, wake);
  }
}

void EdgeConnections::poll(const Step& step) {
  for (const link::Channel channel : kChannels) {
    for (MqttHappened& happened : connections_[index(channel)]->poll(clock_.mono())) tell(channel, happened, step);
  }
  const bool up =
      std::all_of(connections_.begin(), connections_.end(), [](const auto& connection) { return connection->up(); });
  if (up == std::exchange(up_, up)) return say_up(watch_.stood());
  if (!up) {
    lost("a connection is gone");
    return step(edge::LinkDown{});
  }
  session_ = std::max(session_ + 1, static_cast<std::uint64_t>(clock_.wall().value));
  say_up(watch_.up());
  step(edge::LinkUp{session_});
}

void EdgeConnections::lost(const std::string& why) {
  if (const auto lost = watch_.down(why)) say("link_down", *lost);
}

void EdgeConnections::say_up(const std::optional<LinkWatch::Made>& made) const {
  if (!made) return;
  log::info("link_up", {{"session", std::to_string(session_)},
                        {"broker", log::clean(made->broker)},
                        {"after_ms", std::to_string(made->after_ms)},
                        {"failures", std::to_string(made->failures)},
                        {"losses", std::to_string(made->losses)}});
}

void EdgeConnections::tell(link::Channel channel, MqttHappened& happened, const Step& step) {
  const char* name = channel == link::Channel::urgent ? "urgent" : "bulk";
  if (happened.kind == MqttHappened::Kind::up) watch_.made(name);
  if (happened.kind == MqttHappened::Kind::failed) {
    if (const auto trouble = watch_.failed(name, happened.why)) say("link_cannot_connect", *trouble);
  }
  if (happened.kind == MqttHappened::Kind::down) {
    lost(std::string(name) + ": " + happened.why);
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
