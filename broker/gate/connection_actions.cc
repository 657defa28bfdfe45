// Carries out what the session asks, and hands it what comes back.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "broker/gate/connection.h"
#include "broker/gate/receipt.h"

namespace wayside::broker::gate {
namespace {

constexpr std::size_t kBurstBytesMax = 256U << 10U;

}  // namespace

void Connection::apply(session::Actions& actions) {
  for (session::Action& action : actions) {
    std::visit([this](auto& one) { act(one); }, action);
  }
}

void Connection::act(session::SendBytes& action) { queue({std::move(action.bytes), {}}); }
void Connection::act(session::SendCommand& action) { queue({{}, std::move(action)}); }

// What follows others goes through the door that they went through, or is refused as they may be. 0: it may overtake.
std::uint64_t Connection::opening_of(const session::OfferRecord& record) {
  if (record.token == 0 || record.token == session::kOnlineToken) return 0;
  std::uint64_t& opening = openings_.at(index_of(record.lane));
  if (record.first) opening = context_.shared.custody->opening(record.lane);
  return opening;
}

void ThreadContext::hand_over() {
  for (const Lane lane : kAllLanes) {
    OfferBurst& burst = bursts.at(index_of(lane));
    if (!burst.entries.empty()) shared.custody->offer_all(lane, burst, refused, no_room.at(index_of(lane)));
  }
}

// By itself, behind what was handed over.
Outcome<void> Connection::offer(session::OfferRecord& record) {
  Offer offer{record.lane, std::move(record.body), std::move(record.cohort), self_, record.token,
              {},          opening_of(record)};
  if (record.receipt_id != 0) offer.done = await_receipt(record.lane, record.token, record.receipt_id);
  const Outcome<void> taken = context_.shared.custody->offer(std::move(offer));
  if (!taken.ok() && record.receipt_id != 0) context_.shared.sessions.not_received(session_->peer().id, record.lane);
  return taken;
}

// The record is on its way from now on; what comes of it is told when it is said.
std::function<void(const Committed&)> Connection::await_receipt(Lane lane, std::uint64_t token,
                                                                std::uint16_t packet_id) {
  session::SessionStore& sessions = context_.shared.sessions;
  sessions.expect(session_->peer().id, lane);
  return told_after_receipt(sessions, {session_->peer().id, session_->epoch(), packet_id, lane, {}},
                            [mailbox = context_.mailbox, to = self_, token](Committed committed) {
                              committed.to = to;
                              committed.token = token;
                              mailbox->post(committed);
                            });
}

// Nobody is told who could say it again: what is refused is the session store's to keep.
void Connection::offer_offline(session::OfferRecord& action) {
  context_.hand_over();
  session::SessionStore& sessions = context_.shared.sessions;
  const session::LeftOnline one{session_->peer().id, session_->epoch(), *action.offline};
  Offer offer{action.lane, std::move(action.body), std::move(action.cohort), self_, 0, {}, 0};
  offer.done = [&sessions, one](const Committed& committed) {
    if (!committed.ok) sessions.untold(one);
  };
  if (!context_.shared.custody->offer(std::move(offer)).ok()) sessions.untold(one);
}

void Connection::act(session::OfferRecord& action) {
  if (action.offline) return offer_offline(action);
  if (action.receipt_id != 0) {
    context_.hand_over();
    const Outcome<void> taken = offer(action);
    if (!taken.ok()) deliver(Committed{self_, action.token, false, taken.reason(), action.lane, {}});
    return;
  }
  OfferBurst& burst = context_.bursts.at(index_of(action.lane));
  burst.add({self_, action.token, opening_of(action)}, action.cohort, action.body);
  if (burst.arena.size() >= kBurstBytesMax) context_.hand_over();
}

void Connection::act(session::OfferInOrder& action) {
  context_.hand_over();
  std::optional<Reason> refused;
  for (session::OfferRecord& record : action.records) {
    if (!refused) {
      const Outcome<void> taken = offer(record);
      if (!taken.ok()) refused = taken.reason();
    }
    if (refused) deliver(Committed{self_, record.token, false, *refused, record.lane, {}});
  }
}

void Connection::act(session::ShedRecord& action) { context_.shared.custody->shed(action.lane, action.reason); }

void Connection::act(session::PostCommand& action) {
  auto* ack = std::get_if<AckOffered>(&action.event);
  const bool receipt = ack != nullptr && action.receipt_id != 0;
  if (receipt) ack->done = await_receipt(Lane::ack, action.token, action.receipt_id);
  const bool taken = context_.shared.commands->post(std::move(action.event));
  if (!taken && receipt) context_.shared.sessions.not_received(session_->peer().id, Lane::ack);
  if (!taken) deliver(Committed{self_, action.token, false, Reason::QUEUE_FULL, Lane::command, {}});
}

void Connection::act(session::Announce& action) { context_.shared.announce(action.event); }

// Who may come in at all is asked once more here: the answer may have changed since the handshake.
std::optional<Reason> Connection::may_open() const {
  const PeerProof& proof = tls_.proof();
  const bool vehicle = role_ == session::Role::vehicle;
  const std::shared_ptr<const Trust> trust = vehicle ? context_.shared.vehicles.get() : context_.shared.services.get();
  if (vehicle && context_.shared.denied.get()->contains(proof.id)) return Reason::BLOCKED;
  if (trust->revoked(proof.chain)) return Reason::REVOKED;
  const std::string key = registry_key_of(session_->key());
  if (context_.shared.registry.must_wait(key, context_.shared.clock.mono())) return Reason::BACKOFF;
  return std::nullopt;
}

// Vehicles and services are two name spaces.
std::string Connection::registry_key_of(const std::string& key) const {
  return (role_ == session::Role::vehicle ? "vehicle/" : "service/") + key;
}

void Connection::act(session::ClaimSession& action) {
  claim_ = action;
  if (const std::optional<Reason> refused = may_open()) {
    return run([&](session::Actions& out) {
      session_->step(Outcome<session::OpenedSession>(*refused), context_.shared.now(), out);
    });
  }
  registry_key_ = registry_key_of(action.key);
  const std::optional<ConnectionRef> before = context_.shared.registry.claim(registry_key_, self_);
  if (!before) return open_session();
  context_.counters.takeovers.add();
  context_.takeovers.emplace(self_.number, PendingTakeover{registry_key_, {}});
  context_.shared.mailboxes.at(before->thread)->post(TakeOver{*before, self_});
}

void Connection::open_session() {
  if (!claim_->durable) {
    deliver(Opened{self_, claim_->request, session::OpenedSession{}});
    return;
  }
  claim_->request.now = context_.shared.clock.wall();
  context_.shared.sessions.open(claim_->request, [to = self_, request = claim_->request,
                                                  mailbox = context_.mailbox](Outcome<session::OpenedSession> outcome) {
    mailbox->post(Opened{to, request, std::move(outcome)});
  });
}

void Connection::act(session::SaveSession& action) {
  context_.shared.sessions.save(std::move(action.request),
                                [to = self_, token = action.token, mailbox = context_.mailbox](Outcome<void> outcome) {
                                  mailbox->post(Saved{to, token, outcome});
                                });
}

void Connection::act(session::ReleaseId& action) {
  const std::uint16_t packet_id = action.request.packet_id;
  context_.shared.sessions.release(std::move(action.request),
                                   [to = self_, packet_id, mailbox = context_.mailbox](Outcome<void> outcome) {
                                     mailbox->post(Released{to, packet_id, outcome});
                                   });
}

// What the session offered is with custody before the next one of this vehicle can begin.
void Connection::act(session::EndSession& action) {
  context_.hand_over();
  context_.shared.sessions.end(std::move(action.request));
}

void Connection::act(session::Count& action) {
  if (std::string_view(action.stage) == "park") return context_.counters.parked(action.reason);
  refused(action.stage, action.reason);
}

// Gauges of the process are sums of what each connection says of itself; a park that died is 0.
void Connection::report_park() {
  const session::Park& park = session_->park();
  if (park.packets() == parked_packets_ && park.bytes() == parked_bytes_) return;
  context_.shared.parked_packets.fetch_add(park.packets() - parked_packets_, std::memory_order_relaxed);
  context_.shared.parked_bytes.fetch_add(park.bytes() - parked_bytes_, std::memory_order_relaxed);
  parked_packets_ = park.packets();
  parked_bytes_ = park.bytes();
}

void Connection::act(session::Close& action) {
  if (online_) {
    context_.counters.ended(action.reason);
  } else if (action.reason != Reason::CONNECTION_LOST && action.reason != Reason::CLIENT_DISCONNECTED) {
    refused(action.stage, action.reason);
  }
  if (online_ && std::string_view(action.stage) != "end") refused(action.stage, action.reason);
  if (action.penalty) context_.shared.registry.penalise(registry_key_, context_.shared.clock.mono());
  logged_out();
  upstream_.reset();
  if (action.reset) {
    const linger now{1, 0};  // RST: what the kernel still holds is thrown away
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    return die();
  }
  if (stage_ != Stage::serving) return;
  stage_ = Stage::closing;
  stage_since_ = context_.shared.clock.mono();
}

void Connection::logged_in() {
  online_ = true;
  if (role_ == session::Role::vehicle) {
    context_.shared.vehicles_online.fetch_add(1, std::memory_order_relaxed);
  } else {
    context_.mailbox->services.fetch_add(1, std::memory_order_relaxed);
  }
}

void Connection::logged_out() {
  // While the older one still speaks, the key stays taken: nobody may come in past it.
  if (!registry_key_.empty() && !context_.takeovers.contains(self_.number)) {
    context_.shared.registry.release(registry_key_, self_);
  }
  registry_key_.clear();
  if (!online_) return;
  online_ = false;
  if (role_ == session::Role::vehicle) {
    context_.shared.vehicles_online.fetch_sub(1, std::memory_order_relaxed);
  } else {
    context_.mailbox->services.fetch_sub(1, std::memory_order_relaxed);
  }
}

// ---- what comes back -------------------------------------------------------------------------------

void Connection::deliver(const Committed& message) {
  if (stage_ != Stage::serving) return;
  run([&](session::Actions& out) { session_->step(message, context_.now, out); });
}
void Connection::deliver(std::span<const Committed> answers) {
  if (stage_ != Stage::serving) return;
  run([&](session::Actions& out) {
    const session::Now now = context_.now;
    for (const Committed& answer : answers) session_->step(answer, now, out);
  });
}
void Connection::deliver(Deliver message) {
  if (stage_ != Stage::serving) return;
  run([&](session::Actions& out) { session_->step(std::move(message), context_.shared.now(), out); });
}
void Connection::deliver(const CommandAnswer& message) {
  if (stage_ != Stage::serving) return;
  run([&](session::Actions& out) { session_->step(message, context_.shared.now(), out); });
}
void Connection::deliver(const ServiceEvent& message) {
  if (stage_ != Stage::serving) return;
  run([&](session::Actions& out) { session_->step(message, context_.shared.now(), out); });
}
void Connection::deliver(const Saved& message) {
  if (stage_ != Stage::serving) return;
  run([&](session::Actions& out) { session_->saved(message.token, message.outcome, context_.shared.now(), out); });
}
void Connection::deliver(const Released& message) {
  if (stage_ != Stage::serving) return;
  run([&](session::Actions& out) {
    session_->released(message.packet_id, message.outcome, context_.shared.now(), out);
  });
}
void Connection::deliver(const TakenOver& /*message*/) {
  if (awaits_session()) open_session();
}
void Connection::taken_over() {
  if (stage_ != Stage::serving) return;
  run([&](session::Actions& out) { session_->end(Reason::SESSION_TAKEN_OVER, context_.shared.now(), out); });
}

void Connection::deliver(const CloseConnection& message) {
  if (stage_ != Stage::serving) return;
  run([&](session::Actions& out) { session_->end(message.reason, context_.shared.now(), out); });
  if (!message.reset) return;
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  die();
}

void Connection::deliver(const Opened& message) {
  if (!awaits_session()) return;
  if (message.outcome.ok()) logged_in();
  run([&](session::Actions& out) { session_->step(message.outcome, context_.shared.now(), out); });
}

// ---- the local broker ------------------------------------------------------------------------------

bool Connection::upstream() {
  if (upstream_) return true;
  if (context_.shared.local_broker != nullptr && stage_ == Stage::serving) {
    const std::string id = "gate-" + std::to_string(self_.thread) + "-" + std::to_string(self_.number);
    upstream_ = context_.shared.local_broker->open(id, context_.shared.clock.mono());
  }
  if (!upstream_) upstream_down();
  return upstream_ != nullptr;
}

void Connection::upstream_down() {
  upstream_.reset();
  if (stage_ != Stage::serving) return;
  run([&](session::Actions& out) {
    session_->step(session::ProxyEvent(session::ProxyDown{}), context_.shared.now(), out);
  });
}

void Connection::act(session::ProxyPublish& action) {
  if (!upstream()) return;
  if (!upstream_->publish(action.token, std::move(action.message))) return upstream_down();
  watch_upstream();
}
void Connection::act(session::ProxySubscribe& action) {
  if (!upstream()) return;
  if (!upstream_->subscribe(action.token, std::move(action.filters))) return upstream_down();
  watch_upstream();
}
void Connection::act(session::ProxyUnsubscribe& action) {
  if (!upstream()) return;
  if (!upstream_->unsubscribe(action.token, std::move(action.filters))) return upstream_down();
  watch_upstream();
}
void Connection::act(session::ProxyAck& action) {
  if (!upstream_) return;
  upstream_->ack(action.token);
  watch_upstream();
}

void Connection::on_upstream(bool readable, bool writable) {
  if (!upstream_ || stage_ != Stage::serving) return;
  std::vector<session::ProxyEvent> events;
  upstream_->turn(readable, writable, context_.shared.clock.mono(), events);
  for (session::ProxyEvent& event : events) {
    if (stage_ != Stage::serving) return;
    if (std::holds_alternative<session::ProxyDown>(event)) return upstream_down();
    run([&](session::Actions& out) { session_->step(std::move(event), context_.shared.now(), out); });
  }
  watch_upstream();
}

// The upstream may have closed its socket and opened another with the same number: the kernel tells.
void Connection::watch_upstream() {
  if (!upstream_) return;
  const int fd = upstream_->fd();
  if (fd < 0) return;
  epoll_event event{};
  event.events = EPOLLIN | (upstream_->wants_write() ? EPOLLOUT : 0U);
  event.data.u64 = (self_.number << 1U) | 1U;
  if (::epoll_ctl(context_.epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0) return;
  WAYSIDE_ASSERT(errno == ENOENT && ::epoll_ctl(context_.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

}  // namespace wayside::broker::gate
