// SUBSCRIBE and UNSUBSCRIBE: durable before they are answered; none waits for another, so that what the
// local broker has to answer holds up nothing of ours.
#include <algorithm>

#include "broker/session/refusals.h"
#include "broker/session/session.h"

namespace wayside::broker::session {
namespace {

constexpr std::uint8_t kNoSubscriptionExisted = 0x11;
constexpr std::uint8_t kUnspecified = 0x80;
constexpr std::size_t kPendingMax = 64;

bool is_proxied(topic::Row row) { return row == topic::Row::broadcast || row == topic::Row::ordinary; }

// A filter that takes every command of the vehicle: only then it is worth sending one.
bool takes_commands(const std::string& filter, const std::string& vehicle) {
  return topic::matches(filter, "v1/" + vehicle + "/cmd/" + intent::to_base32({})) &&
         topic::matches(filter, "v1/" + vehicle + "/cmd/" + intent::to_base32({255}));
}

}  // namespace

void Session::subscribe(const mqtt::Subscribe& packet, Actions& out) {
  if (!packet.properties.subscription_identifiers.empty()) {
    return fail(Reason::SUBSCRIPTION_IDENTIFIER, "subscribe", now_, out);
  }
  PendingSuback pending;
  pending.packet_id = packet.packet_id;
  std::vector<ProxyFilter> proxied;
  bool changed = false;
  for (const mqtt::Subscription& wanted : packet.subscriptions) {
    const std::size_t before = proxied.size();
    pending.codes.push_back(grant(wanted, proxied, changed, out));
    if (proxied.size() == before) continue;
    pending.proxied.push_back(pending.codes.size() - 1);
    pending.filters.emplace_back(wanted.filter);
  }
  if (!proxied.empty()) {
    pending.proxy_token = ++last_token_;
    out.push_back(ProxySubscribe{pending.proxy_token, std::move(proxied)});
  }
  start_pending(std::move(pending), changed, out);
}

std::uint8_t Session::grant(const mqtt::Subscription& wanted, std::vector<ProxyFilter>& proxied, bool& changed,
                            Actions& out) {
  Outcome<topic::Row> row = may_subscribe(options_, wanted.filter);
  const bool known = subscriptions_.contains(wanted.filter);
  if (row.ok() && !known && subscriptions_.size() >= options_.limits.subscriptions_max)
    row = Reason::TOO_MANY_SUBSCRIPTIONS;
  if (!row.ok()) {
    out.push_back(Count{"subscribe", row.reason()});
    return suback_code(row.reason(), version_);
  }
  const std::uint8_t qos = std::min<std::uint8_t>(wanted.qos, 1);
  StoredSubscription stored{std::string(wanted.filter), qos, wanted.no_local, wanted.retain_as_published};
  if (is_proxied(row.value())) {
    proxied.push_back({stored.filter, qos, wanted.no_local, wanted.retain_as_published, wanted.retain_handling});
  }
  const auto found = subscriptions_.find(stored.filter);
  changed = changed || found == subscriptions_.end() || found->second.stored != stored;
  std::string filter = stored.filter;
  subscriptions_.insert_or_assign(std::move(filter), Subscribed{std::move(stored), row.value()});
  return qos;
}

void Session::unsubscribe(const mqtt::Unsubscribe& packet, Actions& out) {
  PendingSuback pending;
  pending.packet_id = packet.packet_id;
  pending.unsubscribe = true;
  std::vector<std::string> proxied;
  bool changed = false;
  for (const std::string_view filter : packet.filters) {
    const auto found = subscriptions_.find(filter);
    pending.codes.push_back(found == subscriptions_.end() ? kNoSubscriptionExisted : 0);
    if (found == subscriptions_.end()) continue;
    if (is_proxied(found->second.row)) {
      proxied.push_back(found->first);
      pending.filters.push_back(found->first);
      pending.proxied.push_back(pending.codes.size() - 1);
    }
    subscriptions_.erase(found);
    changed = true;
  }
  if (!proxied.empty()) {
    pending.proxy_token = ++last_token_;
    out.push_back(ProxyUnsubscribe{pending.proxy_token, std::move(proxied)});
  }
  start_pending(std::move(pending), changed, out);
}

void Session::start_pending(PendingSuback pending, bool changed, Actions& out) {
  if (pending_.size() >= kPendingMax) return fail(Reason::QUEUE_FULL, "subscribe", now_, out);
  if (changed && durable()) pending.save_token = save(out);
  pending_.push_back(std::move(pending));
  finish_pending(out);
}

std::uint64_t Session::save(Actions& out) {
  SaveRequest request{options_.peer.id, epoch_, {}};
  for (const auto& [filter, subscribed] : subscriptions_) request.subscriptions.push_back(subscribed.stored);
  out.push_back(SaveSession{++last_token_, std::move(request)});
  return last_token_;
}

std::size_t Session::saves_waiting() const {
  return static_cast<std::size_t>(std::count_if(pending_.begin(), pending_.end(),
                                                [](const PendingSuback& pending) { return pending.save_token != 0; }));
}

void Session::saved(std::uint64_t token, const Outcome<void>& outcome, Now now, Actions& out) {
  if (phase_ != Phase::open) return;
  now_ = now;
  // What is not durable must not be acknowledged, and 3.1.1 cannot be told: the connection starts over.
  if (!outcome.ok()) return fail(outcome.reason(), "subscribe", now, out);
  for (PendingSuback& pending : pending_) {
    if (pending.save_token == token) pending.save_token = 0;
  }
  finish_pending(out);
}

void Session::proxy_answered(std::uint64_t token, const std::vector<std::uint8_t>& reasons, Actions& out) {
  bool dropped = false;
  for (PendingSuback& pending : pending_) {
    if (pending.proxy_token != token) continue;
    pending.proxy_token = 0;
    for (std::size_t i = 0; i < pending.proxied.size(); ++i) {
      const std::uint8_t answer = i < reasons.size() ? reasons[i] : kUnspecified;
      if (answer < kUnspecified) continue;
      pending.codes.at(pending.proxied[i]) = version_ == mqtt::Version::v5 ? answer : kUnspecified;
      // What the peer is told it does not have must not come back with a replay.
      if (!pending.unsubscribe) dropped = subscriptions_.erase(pending.filters[i]) > 0 || dropped;
    }
  }
  if (dropped && durable()) save(out);
  finish_pending(out);
}

void Session::finish_pending(Actions& out) {
  const auto done = [](const PendingSuback& pending) { return pending.save_token == 0 && pending.proxy_token == 0; };
  for (const PendingSuback& pending : pending_) {
    if (!done(pending)) continue;
    if (pending.unsubscribe) {
      send(mqtt::Unsuback{pending.packet_id, pending.codes, {}}, out);
    } else {
      send(mqtt::Suback{pending.packet_id, pending.codes, {}}, out);
    }
  }
  std::erase_if(pending_, done);
  if (saves_waiting() == 0) announce_ready(out);
  end_when_drained(out);
}

// Commands of a vehicle that has not subscribed stay QUEUED: the command thread is told both ways.
void Session::announce_ready(Actions& out) {
  if (options_.peer.role != Role::vehicle || phase_ != Phase::open) return;
  const bool ready = std::any_of(subscriptions_.begin(), subscriptions_.end(), [this](const auto& entry) {
    return entry.second.row == topic::Row::command && takes_commands(entry.first, options_.peer.id);
  });
  if (ready == ready_) return;
  ready_ = ready;
  if (ready) {
    out.push_back(PostCommand{VehicleReady{options_.peer.id, epoch_, options_.self}, 0});
  } else {
    // Gone says that what is still held was never written: it must not be written later, when it subscribes again.
    for (const intent::CommandId& id : outbound_.drop_waiting_commands()) {
      out.push_back(PostCommand{CommandWritten{options_.peer.id, id, options_.self, false}, 0});
    }
    out.push_back(PostCommand{VehicleGone{options_.peer.id, options_.self}, 0});
  }
}

}  // namespace wayside::broker::session
