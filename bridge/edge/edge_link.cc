#include "bridge/edge/edge_link.h"

#include <algorithm>
#include <utility>

namespace wayside::bridge::edge {
namespace {

constexpr unsigned kPlansPerStepMax = 8;  // of a channel: a step stays short, the next event goes on

LaneOptions lane_options(const EdgeOptions& options, Lane lane) {
  LaneOptions out;
  out.lane = lane;
  out.uuid = options.uuid;
  out.resend_ms = options.resend_ms;
  out.linger_ms = link::channel_of(lane) == link::Channel::bulk ? options.batch_linger_ms : 0;
  out.credit_ahead_max = options.credit_ahead_bytes_max;
  out.limits = options.limits;
  out.rules = &options.rules;
  return out;
}

}  // namespace

EdgeLink::EdgeLink(EdgeOptions options, const std::array<LanePorts, kLanes>& lanes) : options_(std::move(options)) {
  for (const Lane lane : kAllLanes) {
    const LanePorts& ports = lanes[index_of(lane)];
    lanes_[index_of(lane)] =
        std::make_unique<LaneSender>(lane_options(options_, lane), *ports.reader, *ports.settlement);
  }
}

EdgeActions EdgeLink::step(const EdgeEvent& event) {
  EdgeActions actions;
  std::visit([&](const auto& what) { on(what, event.now, actions); }, event.what);
  if (linked() && (life_ == Life::open || life_ == Life::stopped)) {
    plan(link::Channel::urgent, event.now, actions);
    plan(link::Channel::bulk, event.now, actions);
  }
  consider_closing(actions);
  for (const EdgeAction& action : actions) {
    if (!std::holds_alternative<DropLink>(action)) continue;
    ++counters_.dropped_links;
    end_session();
  }
  return actions;
}

void EdgeLink::end_session() {
  session_ = link::kNoSession;
  for (auto& lane : lanes_) lane->end_session();
}

void EdgeLink::on(const LinkUp& up, const Time& now, EdgeActions& actions) {
  WAYSIDE_ASSERT(up.session != link::kNoSession);
  session_ = up.session;
  for (auto& lane : lanes_) lane->begin_session(session_);
  send_hello(now, actions);
}

void EdgeLink::on(const LinkDown& /*down*/, const Time& /*now*/, EdgeActions& /*actions*/) { end_session(); }

void EdgeLink::send_hello(const Time& now, EdgeActions& actions) {
  if (life_ == Life::closed) return;
  if (life_ == Life::closing) return send_closing_hello(now, actions);
  link::Hello hello;
  for (const Lane lane : kAllLanes) {
    LaneSender& sender = *lanes_[index_of(lane)];
    const Offset settled = sender.settled();
    hello.lanes.push_back({lane, settled, std::max(settled, sender.synced())});
  }
  greet(std::move(hello), now, actions);
}

void EdgeLink::greet(link::Hello hello, const Time& now, EdgeActions& actions) {
  hello.edge = options_.edge;
  hello.region = options_.region;
  hello.product = options_.product;
  hello.spool = options_.uuid;
  hello.session = session_;
  hello.adopt = options_.adopt;
  hello.previous = options_.previous;
  ++counters_.hellos;
  hello_at_ = now.mono;
  actions.emplace_back(Publish{{link::Channel::urgent, link::Kind::hello}, link::encode(hello)});
}

void EdgeLink::on(const Tick& /*tick*/, const Time& now, EdgeActions& actions) {
  if (life_ == Life::closed && now.mono - hello_at_ >= options_.resend_ms) {
    hello_at_ = now.mono;  // until it is durable
    actions.emplace_back(CloseSpool{*mark_});
  }
  if (!linked()) return;
  const bool asks = life_ == Life::closing || !all_positioned();
  if (asks && now.mono - hello_at_ >= options_.resend_ms) send_hello(now, actions);
  for (auto& lane : lanes_) lane->tick(now, actions);
}

void EdgeLink::on(const SyncedMoved& moved, const Time& now, EdgeActions& /*actions*/) {
  lanes_[index_of(moved.lane)]->on_synced(moved.offset, now);
}

void EdgeLink::on(const Message& message, const Time& now, EdgeActions& actions) {
  if (!linked()) {
    ++counters_.stale;
    return;
  }
  switch (message.address.kind) {
    case link::Kind::hello: return on_hello(message.bytes, now, actions);
    case link::Kind::next: return on_next(message.bytes, now, actions);
    case link::Kind::credit: return on_credit(message.bytes, actions);
    case link::Kind::rejected: return on_rejected(message.bytes, actions);
    case link::Kind::downbatch: return on_down_batch(message.bytes, actions);
    case link::Kind::batch:
    case link::Kind::downack: return malformed("a message that only travels up", actions);
  }
}

void EdgeLink::malformed(std::string_view what, EdgeActions& actions) {
  ++counters_.malformed;
  actions.emplace_back(Alarm{Reason::LINK_MALFORMED, Lane::command, std::string(what)});
}

bool EdgeLink::ours(const SpoolUuid& uuid, std::uint64_t session) {
  if (uuid == options_.uuid && session == session_) return true;
  ++counters_.stale;
  return false;
}

void EdgeLink::on_hello(ByteView bytes, const Time& now, EdgeActions& actions) {
  const Outcome<link::Hello> hello = link::decode_hello(bytes);
  if (!hello) return malformed("hello", actions);
  if (hello.value().session == link::kNoSession) {
    // The core has restarted. Where nothing was sent yet, saying hello again is enough.
    last_ = {};
    if (!any_positioned()) return send_hello(now, actions);
    actions.emplace_back(DropLink{Reason::LINK_SESSION_STALE});
    return;
  }
  if (!ours(hello.value().spool, hello.value().session)) return;
  if (hello.value().version_min > link::kVersion || hello.value().version_max < link::kVersion) {
    actions.emplace_back(Alarm{Reason::LINK_VERSION, Lane::command, "the core speaks another version of the link"});
    actions.emplace_back(DropLink{Reason::LINK_VERSION});
  }
}

void EdgeLink::on_next(ByteView bytes, const Time& now, EdgeActions& actions) {
  const Outcome<link::Next> next = link::decode_next(bytes);
  if (!next) return malformed("next", actions);
  if (!ours(next.value().spool, next.value().session)) return;
  if (life_ == Life::closed) return;
  if (life_ == Life::closing) return on_last_next(next.value(), actions);
  if (lanes_[index_of(next.value().lane)]->on_next(next.value(), now, actions)) last_ack_ = now.wall;
}

void EdgeLink::on_credit(ByteView bytes, EdgeActions& actions) {
  const Outcome<link::Credit> credit = link::decode_credit(bytes);
  if (!credit) return malformed("credit", actions);
  if (!ours(credit.value().spool, credit.value().session)) return;
  (void)lanes_[index_of(credit.value().lane)]->on_credit(credit.value(), actions);
}

void EdgeLink::on_rejected(ByteView bytes, EdgeActions& actions) {
  const Outcome<link::Rejected> rejected = link::decode_rejected(bytes);
  if (!rejected) return malformed("rejected", actions);
  if (!ours(rejected.value().spool, rejected.value().session)) return;
  if (rejected.value().count > 0) {
    return lanes_[index_of(rejected.value().lane)]->on_rejected(rejected.value(), actions);
  }
  const Reason reason = parse_reason(rejected.value().reason).value_or(Reason::LINK_MALFORMED);
  actions.emplace_back(Alarm{reason, Lane::command, "the core refuses this edge's hello"});
  if (reason == Reason::LINK_VERSION) actions.emplace_back(DropLink{reason});
}

void EdgeLink::on_down_batch(ByteView bytes, EdgeActions& actions) {
  Outcome<link::DownBatch> batch = link::decode_down_batch(bytes);
  if (!batch) return malformed("downbatch", actions);
  if (batch.value().session != session_) {
    ++counters_.stale;
    return;
  }
  for (link::DownItem& item : batch.value().items) {
    ++counters_.down_items;
    if (down_pending_.contains(item.sequence)) continue;  // the broker is at it
    if (!broker_up_ || down_pending_.size() >= options_.down_pending_max) {
      ++counters_.down_deferred;
      continue;
    }
    down_pending_.insert(item.sequence);
    actions.emplace_back(ToBroker{item.sequence, std::move(item.request)});
  }
}

// A broker that has just started has read every settlement, whatever became of the file since it was written; and it
// has recovered every lane, which may have cut what was shipped already. A session that begins finds out which it is.
void EdgeLink::on(const BrokerUp& /*up*/, const Time& now, EdgeActions& actions) {
  broker_up_ = true;
  if (life_ == Life::closed) return;
  if (life_ == Life::closing && linked()) send_closing_hello(now, actions);
  for (auto& lane : lanes_) lane->settle_again(actions);
  const bool stand = std::all_of(lanes_.begin(), lanes_.end(), [&](auto& lane) { return lane->still_stands(actions); });
  if (linked() && !stand) actions.emplace_back(DropLink{Reason::LINK_SESSION_STALE});
}

// What the broker did not answer is forgotten here; the core resends it and the broker knows it by its id.
void EdgeLink::on(const BrokerDown& /*down*/, const Time& /*now*/, EdgeActions& /*actions*/) {
  broker_up_ = false;
  down_pending_.clear();
}

void EdgeLink::on(const BrokerAnswer& answer, const Time& /*now*/, EdgeActions& actions) {
  if (down_pending_.erase(answer.sequence) == 0) return;  // never asked in this life
  ++counters_.down_answers;
  if (!linked()) return;
  const link::DownAck ack{session_, {{answer.sequence, answer.accepted, answer.reason}}};
  actions.emplace_back(Publish{{link::Channel::urgent, link::Kind::downack}, link::encode(ack)});
}

std::uint64_t EdgeLink::in_flight_bytes(link::Channel channel) const {
  std::uint64_t bytes = 0;
  for (const Lane lane : kAllLanes) {
    if (link::channel_of(lane) == channel) bytes += lanes_[index_of(lane)]->in_flight_bytes();
  }
  return bytes;
}

void EdgeLink::plan(link::Channel channel, const Time& now, EdgeActions& actions) {
  unsigned plans = 0;
  for (const Lane lane : kAllLanes) {  // in order of service
    if (link::channel_of(lane) != channel) continue;
    LaneSender& sender = *lanes_[index_of(lane)];
    while (plans < kPlansPerStepMax && sender.in_flight() < options_.inflight_batches_max) {
      if (sender.in_flight() > 0 && in_flight_bytes(channel) >= options_.inflight_bytes_max) break;
      if (!sender.plan(now, actions)) break;
      ++plans;
    }
  }
}

bool EdgeLink::any_positioned() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->positioned(); });
}

bool EdgeLink::all_positioned() const {
  return std::all_of(lanes_.begin(), lanes_.end(),
                     [](const auto& lane) { return lane->positioned() || lane->forked(); });
}

}  // namespace wayside::bridge::edge
