#include "bridge/core/core_link.h"

#include <algorithm>
#include <utility>

namespace wayside::bridge::core {
namespace {

bool has_floor(Lane lane) { return lane == Lane::command || lane == Lane::ack; }

bool is_answer_topic(std::string_view topic) {
  return topic.starts_with("wayside/answer/") && topic.find_first_of("+#") == std::string_view::npos;
}

std::string range_text(const link::BatchClaim& claim) {
  return std::string(to_string(claim.lane)) + " [" + std::to_string(claim.first.value) + ", " +
         std::to_string(claim.first.value + claim.count) + ")";
}

CoreRecord lost_record(const link::BatchClaim& claim, WallMs now) {
  CoreRecord record;
  record.lane = claim.lane;
  record.uuid = claim.uuid;
  record.first = claim.first;
  record.count = claim.count;
  record.received = now;
  record.after = claim.after;
  record.what = TombstoneRange{batch::Outcome::lost, {}};
  return record;
}

}  // namespace

CoreLink::CoreLink(CoreOptions options, CoreLog& log, DeadLetters& dead_letters)
    : options_(std::move(options)),
      log_(log),
      dead_letters_(dead_letters),
      router_(options_.edges, log_.places()),
      requests_(options_.requests, log_, router_) {
  for (const EdgeName& edge : options_.edges) {
    EdgeState state;
    state.name = edge.name;
    state.region = edge.region;
    state.adopts = edge.adopts;
    edges_.emplace(edge.name, std::move(state));
  }
}

CoreActions CoreLink::step(const CoreEvent& event) {
  CoreActions actions;
  std::visit([&](const auto& what) { on(what, event.now, actions); }, event.what);
  return actions;
}

CoreLink::EdgeState* CoreLink::find(const std::string& edge) {
  const auto at = edges_.find(edge);
  return at == edges_.end() ? nullptr : &at->second;
}

std::optional<SpoolUuid> CoreLink::spool_of(const std::string& edge) const {
  const auto at = edges_.find(edge);
  if (at == edges_.end() || at->second.session == link::kNoSession) return std::nullopt;
  return at->second.uuid;
}

void CoreLink::on(const LinkUp& /*up*/, const Time& now, CoreActions& actions) {
  linked_ = true;
  for (auto& [name, edge] : edges_) {
    edge.session = link::kNoSession;
    edge.asked_at.reset();
    ask_for_hello(edge, now, actions);
  }
}

void CoreLink::on(const LinkDown& /*down*/, const Time& /*now*/, CoreActions& /*actions*/) { linked_ = false; }

// Session 0: "I know no session of yours". At most once a credit interval.
void CoreLink::ask_for_hello(EdgeState& edge, const Time& now, CoreActions& actions) {
  if (edge.asked_at && now.mono - *edge.asked_at < options_.credit_interval_ms) return;
  edge.asked_at = now.mono;
  link::Hello hello;
  hello.edge = edge.name;
  hello.product = options_.product;
  actions.emplace_back(Publish{edge.name, {link::Channel::urgent, link::Kind::hello}, link::encode(hello)});
}

void CoreLink::on(const Message& message, const Time& now, CoreActions& actions) {
  EdgeState* edge = find(message.edge);
  if (edge == nullptr) {
    ++counters_.edge_mismatch;
    return;
  }
  switch (message.address.kind) {
    case link::Kind::hello: return on_hello(*edge, message.bytes, now, actions);
    case link::Kind::batch: return on_batch(*edge, message, now, actions);
    case link::Kind::downack: return on_down_ack(*edge, message.bytes, now, actions);
    default: ++counters_.malformed; return;
  }
}

void CoreLink::refuse_hello(EdgeState& edge, const link::Hello& hello, Reason reason, CoreActions& actions) {
  link::Rejected rejected;
  rejected.spool = hello.spool;
  rejected.session = hello.session;
  rejected.reason = code(reason);
  actions.emplace_back(Alarm{reason, edge.name, std::string(info(reason).sentence)});
  actions.emplace_back(Publish{edge.name, {link::Channel::urgent, link::Kind::rejected}, link::encode(rejected)});
}

bool CoreLink::may_adopt(const EdgeState& edge, const std::string& owner) const {
  return std::any_of(edge.adopts.begin(), edge.adopts.end(),
                     [&](const std::string& name) { return name == "*" || name == owner; });
}

// A uuid belongs to the first edge that shows it, until one that may says it adopts it. What the other one sends after
// that is of no session.
Result<bool> CoreLink::bind(EdgeState& edge, const link::Hello& hello, CoreActions& actions) {
  if (hello.edge != edge.name) return false;
  Result<bool> bound = log_.bind(hello.spool, edge.name);
  if (!bound || *bound || !hello.adopt) return bound;
  const std::string owner = log_.durable().edges().at(hello.spool);
  if (!may_adopt(edge, owner)) return false;
  if (Result<void> rebound = log_.rebind(hello.spool, edge.name); !rebound) return rebound.error();
  ++counters_.adopted;
  actions.emplace_back(
      Alarm{Reason::SPOOL_ADOPTED, edge.name, "spool " + to_string(hello.spool) + " was of " + owner + " before"});
  EdgeState* before = find(owner);
  if (before != nullptr && before->uuid == hello.spool) before->session = link::kNoSession;
  return true;
}

void CoreLink::on_hello(EdgeState& edge, ByteView bytes, const Time& now, CoreActions& actions) {
  const Outcome<link::Hello> decoded = link::decode_hello(bytes);
  if (!decoded || decoded.value().session == link::kNoSession) {
    ++counters_.malformed;
    return;
  }
  const link::Hello& hello = decoded.value();
  if (hello.version_min > link::kVersion || hello.version_max < link::kVersion) {
    return refuse_hello(edge, hello, Reason::LINK_VERSION, actions);
  }
  flush(now, actions);  // binding checkpoints, and what NEXT says must be durable
  const bool seen = log_.durable().edges().contains(hello.spool);
  const Result<bool> bound = bind(edge, hello, actions);
  if (!bound) {
    ++counters_.log_faults;
    actions.emplace_back(Alarm{Reason::CORE_LOG_FAULT, edge.name, bound.error().what});
    return;  // the edge says hello again
  }
  if (!*bound) {
    ++counters_.edge_mismatch;
    return refuse_hello(edge, hello, Reason::EDGE_MISMATCH, actions);
  }
  if (edge.session != hello.session || edge.uuid != hello.spool) {
    edge.session = hello.session;
    edge.uuid = hello.spool;
    edge.lanes = {};
    for (const Lane lane : kAllLanes) edge.lanes[index_of(lane)].begin = log_.durable().of(edge.uuid, lane).next;
    edge.closing = hello.closing;
    requests_.session_began(edge.name);
  }
  if (!seen && hello.previous) {
    actions.emplace_back(Alarm{Reason::SPOOL_MOVED, edge.name,
                               "spool " + to_string(hello.spool) + " goes on for " + to_string(*hello.previous)});
  }
  link::Hello answer = hello;
  answer.product = options_.product;
  answer.lanes.clear();
  actions.emplace_back(Publish{edge.name, {link::Channel::urgent, link::Kind::hello}, link::encode(answer)});
  if (edge.closing) {
    const Result<void> answered = answer_closing(edge, hello, actions);
    if (!answered) actions.emplace_back(Alarm{Reason::CORE_LOG_FAULT, edge.name, answered.error().what});
    return publish_requests(now, actions);  // what was not answered is asked for again
  }
  for (const Lane lane : kAllLanes) {
    publish_next(edge, lane, actions);
    publish_credit(edge, lane, true, actions);
  }
  publish_requests(now, actions);
}

// What this spool will ever have here, for good: batches of earlier sessions are stale, and none comes in this one.
Result<void> CoreLink::answer_closing(EdgeState& edge, const link::Hello& hello, CoreActions& actions) {
  if (Result<void> fenced = log_.fence(); !fenced) return fenced;
  std::array<Common, kLanes> common;
  for (const link::LaneHead& head : hello.lanes) {
    const Result<Trail> trail = log_.trails().of(hello.spool, head.lane);
    if (!trail) return trail.error();
    common[index_of(head.lane)] = common_of(*trail, log_.durable().of(hello.spool, head.lane).next, head);
  }
  for (const Lane lane : kAllLanes) publish_next(edge, lane, actions, &common[index_of(lane)]);
  return {};
}

void CoreLink::on_batch(EdgeState& edge, const Message& message, const Time& now, CoreActions& actions) {
  counters_.message_bytes += message.bytes.size();
  const Outcome<batch::Decoded> decoded = batch::decode(message.bytes, options_.limits);
  if (!decoded) return on_undecodable(edge, message, decoded.reason(), now, actions);
  const batch::Decoded& batch = decoded.value();
  const link::BatchClaim claim{batch.uuid,  batch.session, batch.lane,  batch.first,
                               batch.count, batch.before,  batch.after, batch.framed_bytes};
  if (!follows(edge, claim, now, actions)) return;
  std::vector<CoreRecord> records = records_of(batch, now.wall);
  if (records.empty()) return;
  if (!note_branches(edge, batch, actions)) return;
  log_.settle_repeats(records);
  switch (accept(edge, claim, records, now, actions)) {
    case spool::AppendOutcome::appended: ++counters_.batches; return;
    case spool::AppendOutcome::record_too_large:
      return refuse(edge, message, claim, Reason::BATCH_TOO_LARGE, now, actions);
    case spool::AppendOutcome::lane_full: return;  // offered again
  }
}

// Durable before the records are: what is accepted is of branches that are known.
bool CoreLink::note_branches(const EdgeState& edge, const batch::Decoded& batch, CoreActions& actions) {
  const Result<void> noted = log_.trails().continue_lane(batch.uuid, batch.lane, batch.first, batch.branches);
  if (noted) return true;
  ++counters_.log_faults;
  actions.emplace_back(Alarm{Reason::CORE_LOG_FAULT, edge.name, noted.error().what});
  return false;  // the edge resends
}

// Only a batch of this session at `next` with our digest, within credit. Whatever else: NEXT says where we are.
bool CoreLink::follows(EdgeState& edge, const link::BatchClaim& claim, const Time& now, CoreActions& actions) {
  const bool of_session = claim.session == edge.session && claim.uuid == edge.uuid && !edge.closing;
  if (edge.session == link::kNoSession || !of_session) {
    ++counters_.stale;
    if (edge.session == link::kNoSession) ask_for_hello(edge, now, actions);
    return false;
  }
  LaneState& lane = edge.lanes[index_of(claim.lane)];
  const spool::Standing& standing = log_.staged().of(claim.uuid, claim.lane);
  lane.answer = true;
  if (claim.first != standing.next) {
    ++counters_.duplicates;
    return false;
  }
  if (claim.before != standing.digest) {
    ++counters_.forked;
    if (!lane.forked) actions.emplace_back(Alarm{Reason::FORKED, edge.name, range_text(claim)});
    lane.forked = true;
    return false;
  }
  if (!lane.credit.may_accept(claim.framed_bytes)) {
    ++counters_.overrun;
    return false;
  }
  return true;
}

spool::AppendOutcome CoreLink::accept(EdgeState& edge, const link::BatchClaim& claim,
                                      const std::vector<CoreRecord>& records, const Time& now, CoreActions& actions) {
  const spool::AppendOutcome outcome = log_.append(records, now.wall);
  if (outcome == spool::AppendOutcome::appended) {
    edge.lanes[index_of(claim.lane)].credit.accept(claim.framed_bytes);
    if (log_.open_group_bytes(claim.lane) >= options_.flush_bytes) flush(now, actions);
  }
  if (outcome == spool::AppendOutcome::lane_full) {
    ++counters_.log_full;
    actions.emplace_back(Alarm{Reason::SPOOL_FULL, edge.name, "the core log cannot take " + range_text(claim)});
  }
  return outcome;
}

void CoreLink::on_undecodable(EdgeState& edge, const Message& message, Reason why, const Time& now,
                              CoreActions& actions) {
  const Outcome<link::BatchClaim> claimed = link::claim_of(message.bytes, options_.limits);
  if (!claimed) {
    ++counters_.undecodable;
    actions.emplace_back(Alarm{why, edge.name, "a batch whose range cannot be read"});
    (void)dead_letters_.keep("edge " + edge.name + " " + std::string(code(why)), message.bytes);
    return;
  }
  const link::BatchClaim& claim = claimed.value();
  if (!follows(edge, claim, now, actions)) return;
  refuse(edge, message, claim, why, now, actions);
}

// What will never be taken as it is: asked for in less where that may help, otherwise a dead letter and lost.
void CoreLink::refuse(EdgeState& edge, const Message& message, const link::BatchClaim& claim, Reason why,
                      const Time& now, CoreActions& actions) {
  const bool too_large = why == Reason::BATCH_TOO_LARGE || claim.count > options_.limits.records_max;
  if (too_large && claim.count > 1) return ask_for_less(edge, claim, actions);
  const Result<void> kept = dead_letters_.keep(
      "edge " + edge.name + " spool " + to_string(claim.uuid) + " " + range_text(claim) + " " + std::string(code(why)),
      message.bytes);
  if (!kept) {
    actions.emplace_back(Alarm{Reason::CORE_LOG_FAULT, edge.name, kept.error().what});
    return;  // lost is said only of what was kept; the edge resends
  }
  // Which branches it was of cannot be told.
  const Result<void> noted = log_.trails().continue_lane(claim.uuid, claim.lane, claim.first, {});
  if (!noted) {
    actions.emplace_back(Alarm{Reason::CORE_LOG_FAULT, edge.name, noted.error().what});
    return;
  }
  if (accept(edge, claim, {lost_record(claim, now.wall)}, now, actions) != spool::AppendOutcome::appended) return;
  ++counters_.rejected;
  actions.emplace_back(Alarm{why, edge.name, "rejected " + range_text(claim)});
  const link::Rejected rejected{claim.uuid, edge.session, claim.lane, claim.first, claim.count, std::string(code(why))};
  actions.emplace_back(
      Publish{edge.name, {link::channel_of(claim.lane), link::Kind::rejected}, link::encode(rejected)});
}

// Nothing of it is lost yet: the edge plans the range anew, half as many records a batch.
void CoreLink::ask_for_less(EdgeState& edge, const link::BatchClaim& claim, CoreActions& actions) {
  ++counters_.rejected;
  const Reason reason = Reason::BATCH_TOO_LARGE;
  actions.emplace_back(Alarm{reason, edge.name, "asked for less than " + range_text(claim)});
  const link::Rejected rejected{claim.uuid,  edge.session, claim.lane,
                                claim.first, claim.count,  std::string(code(reason))};
  actions.emplace_back(
      Publish{edge.name, {link::channel_of(claim.lane), link::Kind::rejected}, link::encode(rejected)});
}

void CoreLink::on_down_ack(EdgeState& edge, ByteView bytes, const Time& now, CoreActions& /*actions*/) {
  const Outcome<link::DownAck> ack = link::decode_down_ack(bytes);
  if (!ack) {
    ++counters_.malformed;
    return;
  }
  if (edge.session == link::kNoSession || ack.value().session != edge.session) {
    ++counters_.stale;
    return;
  }
  for (const link::DownAnswer& answer : ack.value().answers) requests_.on_answer(edge.name, answer, now);
}

// An answer goes where answers go: a requester cannot make the core write to the link's own topics.
void CoreLink::on(const Request& request, const Time& now, CoreActions& actions) {
  if (!request.answer_topic.empty() && !is_answer_topic(request.answer_topic)) {
    ++counters_.malformed;
    return;
  }
  requests_.on_request(request, now, actions);
}

void CoreLink::on(const TrustChanged& changed, const Time& /*now*/, CoreActions& /*actions*/) {
  requests_.set_trust(changed.trust);
}

void CoreLink::on(const SinkMoved& moved, const Time& /*now*/, CoreActions& actions) {
  const Result<std::uint64_t> freed = log_.release(moved.lane, moved.offset);
  if (!freed) actions.emplace_back(Alarm{Reason::CORE_LOG_FAULT, "", freed.error().what});
}

void CoreLink::on(const Flush& /*flush*/, const Time& now, CoreActions& actions) { flush(now, actions); }

void CoreLink::flush(const Time& now, CoreActions& actions) {
  const bool moved = log_.dirty();
  std::array<bool, kLanes> failed{};
  const Result<void> flushed = log_.flush(now.wall, &failed);
  if (!flushed) {
    ++counters_.log_faults;
    actions.emplace_back(Alarm{Reason::CORE_LOG_FAULT, "", flushed.error().what});
  }
  requests_.flushed(!failed[index_of(Lane::command)], actions);
  for (auto& [name, edge] : edges_) {
    if (edge.session == link::kNoSession) continue;
    for (const Lane lane : kAllLanes) {
      LaneState& state = edge.lanes[index_of(lane)];
      if (failed[index_of(lane)]) {
        state.credit.revert();
      } else {
        state.credit.keep();
      }
      if (!std::exchange(state.answer, false)) continue;
      publish_next(edge, lane, actions);
      publish_credit(edge, lane, false, actions);
    }
  }
  if (moved) {
    for (const Lane lane : kAllLanes) actions.emplace_back(LogMoved{lane, log_.synced(lane)});
  }
  publish_requests(now, actions);
  if (!log_.checkpoint_due()) return;
  if (Result<void> stored = log_.checkpoint(); !stored) {
    actions.emplace_back(Alarm{Reason::CORE_LOG_FAULT, "", stored.error().what});
  }
}

void CoreLink::publish_next(EdgeState& edge, Lane lane, CoreActions& actions, const Common* common) {
  link::Next next;
  next.spool = edge.uuid;
  next.session = edge.session;
  next.lane = lane;
  next.standing = log_.durable().of(edge.uuid, lane);
  next.forked = edge.lanes[index_of(lane)].forked;
  if (common != nullptr) {
    next.closing = true;
    next.common = common->offset;
    next.common_exact = common->exact;
  }
  actions.emplace_back(Publish{edge.name, {link::channel_of(lane), link::Kind::next}, link::encode(next)});
}

// `restate`: whatever was told before. Otherwise once half a window came free, so that no edge waits for the
// interval.
void CoreLink::publish_credit(EdgeState& edge, Lane lane, bool restate, CoreActions& actions) {
  LaneState& state = edge.lanes[index_of(lane)];
  const std::uint64_t limit =
      state.credit.issue(options_.window_bytes, has_floor(lane) ? options_.floor_bytes : 0, log_.room(lane));
  if (!restate && limit < state.told + options_.window_bytes / 2) return;
  state.told = limit;
  const link::Credit credit{edge.uuid, edge.session, lane, limit, state.begin};
  actions.emplace_back(Publish{edge.name, {link::channel_of(lane), link::Kind::credit}, link::encode(credit)});
}

void CoreLink::publish_requests(const Time& now, CoreActions& actions) {
  if (!linked_) return;
  for (auto& [name, edge] : edges_) {
    if (edge.session == link::kNoSession) continue;
    link::DownBatch batch;
    batch.session = edge.session;
    batch.items = requests_.due(name, now);
    if (batch.items.empty()) continue;
    actions.emplace_back(Publish{name, {link::Channel::urgent, link::Kind::downbatch}, link::encode(batch)});
  }
}

void CoreLink::on(const Tick& /*tick*/, const Time& now, CoreActions& actions) {
  requests_.tick(now);
  flush(now, actions);
  if (Result<void> written = log_.write_places(); !written) {
    actions.emplace_back(Alarm{Reason::CORE_LOG_FAULT, "", written.error().what});
  }
  if (!linked_ || now.mono - credit_at_ < options_.credit_interval_ms) return;
  credit_at_ = now.mono;
  for (auto& [name, edge] : edges_) {
    if (edge.session == link::kNoSession) continue;
    for (const Lane lane : kAllLanes) publish_credit(edge, lane, true, actions);
  }
}

}  // namespace wayside::bridge::core
