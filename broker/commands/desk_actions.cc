// What the lifecycle wants done: store, lanes, connections, services, log.
#include "broker/commands/desk.h"
#include "common/log/log.h"

namespace wayside::broker {
namespace {

const std::string kCohort = "other";

ConnectionRef reference(const command::Connection& connection) { return {connection.thread, connection.number}; }

}  // namespace

void CommandDesk::step(command::Event event) {
  events_.push_back(std::move(event));
  if (stepping_) return;
  stepping_ = true;
  while (!events_.empty()) {
    command::Event next = std::move(events_.front());
    events_.pop_front();
    for (command::Action& action : lifecycle_.step(now(), std::move(next))) {
      std::visit([this](auto& value) { act(value); }, action);
    }
  }
  stepping_ = false;
}

void CommandDesk::act(command::Submit& action) { store_->submit(action.token, std::move(action.operation)); }

void CommandDesk::act(command::Scan& action) { scan_from_ = action.from; }  // read outside of any step

void CommandDesk::act(command::Running& /*action*/) { loaded_ = true; }

void CommandDesk::act(command::Answer& action) {
  const auto found = requests_.find(action.token);
  WAYSIDE_ASSERT(found != requests_.end());
  const Request request = std::move(found->second);
  requests_.erase(found);
  counters_.answered(action, clock_.mono() - request.at);
  if (request.done) {
    request.done(action.accepted, action.reason);
  } else {
    io_->post(CommandAnswer{request.to, request.token, action.accepted, action.reason});
  }
  audit(action);
}

// A request whose signatures do not hold proves nothing about anybody: it is counted, not kept.
void CommandDesk::audit(const command::Answer& answer) {
  if (!answer.name) return;
  Offer offer;
  offer.lane = Lane::command;
  offer.body = audit_record(answer, *answer.name, lifecycle_.time(now()));
  offer.cohort = kCohort;
  offer.done = [](const Committed&) {};
  static_cast<void>(custody_->offer(std::move(offer)));  // refused: custody counts it at its door
}

void CommandDesk::act(command::Deliver& action) {
  io_->post(
      Deliver{reference(action.to), std::move(action.name.vehicle), action.name.id, *action.request, action.deadline});
}

void CommandDesk::act(command::Reset& action) {
  io_->post(CloseConnection{reference(action.at), Reason::DEADLINE_PASSED, true});
}

void CommandDesk::refuse_ack(const AckOffered& offered, Reason reason) {
  Committed refused;
  refused.to = offered.to;
  refused.token = offered.token;
  refused.reason = reason;
  refused.lane = Lane::ack;
  if (offered.done) return offered.done(refused);
  io_->post(refused);
}

void CommandDesk::act(command::AckVerdict& action) {
  const auto found = acks_.find(action.token);
  WAYSIDE_ASSERT(found != acks_.end());
  Ack ack = std::move(found->second);
  acks_.erase(found);
  counters_.ack(action);
  if (!action.admitted) return refuse_ack(ack.offered, action.reason);

  command::AckInLane in_lane{{ack.offered.vehicle, ack.offered.id}, std::move(ack.word), std::nullopt};
  Offer offer;
  offer.lane = Lane::ack;
  offer.body = std::move(ack.offered.body);
  offer.cohort = std::move(ack.offered.cohort);
  // The vehicle's PUBACK and our own application both follow the commit.
  offer.done = [mailbox = mailbox_, io = io_, to = ack.offered.to, token = ack.offered.token, told = ack.offered.done,
                in_lane](const Committed& committed) {
    Committed answer = committed;
    answer.to = to;
    answer.token = token;
    command::AckInLane applied = in_lane;
    if (committed.ok) applied.offset = committed.offset;
    static_cast<void>(mailbox->post({AckCommitted{std::move(applied)}, {}}));
    if (told) return told(answer);
    io->post(answer);
  };
  if (const auto taken = custody_->offer(std::move(offer)); !taken) {
    refuse_ack(ack.offered, taken.reason());
    step(std::move(in_lane));
  }
}

void CommandDesk::act(command::Publish& action) {
  auto payload = std::make_shared<const Bytes>(status_payload(action.status, options_.edge));
  const command::StatusKey key = action.status.key;
  Offer offer;
  offer.lane = Lane::ack;
  offer.body = status_record(action.status, *payload);
  offer.cohort = kCohort;
  offer.done = [mailbox = mailbox_, key](const Committed& committed) {
    StatusCommitted answer{key, std::nullopt};
    if (committed.ok) answer.offset = committed.offset;
    static_cast<void>(mailbox->post({std::move(answer), {}}));
  };
  if (!custody_->offer(std::move(offer))) step(command::StatusInLane{key, std::nullopt});
  if (!action.first) return;
  counters_.moved(action.status);
  io_->post(ServiceEvent{key.name.vehicle, status_topic(key.name), std::move(payload)});
}

void CommandDesk::act(command::ListVerdict& action) {
  const auto found = lists_.find(action.token);
  WAYSIDE_ASSERT(found != lists_.end());
  const std::string file = std::move(found->second);
  lists_.erase(found);
  counters_.list(action.accepted, action.reason);
  // A file that stays in the folder beside its successor is no fault; one that cannot be judged yet is offered again.
  const bool good = action.accepted || action.reason == Reason::LIST_NUMBER_LOW;
  if (good) bad_lists_.erase(file);
  if (!good && action.reason != Reason::STORE_FAULT) bad_lists_.insert(file);
  if (action.accepted) {
    log::info("command_list_accepted", {{"file", log::clean(file)}});
    for (const std::string& other : lists_to_retry_) trust_dir_.again(other);
    lists_to_retry_.clear();
    next_look_ = clock_.mono();
    return;
  }
  log::info("command_list_refused", {{"file", log::clean(file)}, {"reason", std::string(code(action.reason))}});
  if (action.reason == Reason::LIST_KEY_UNKNOWN) lists_to_retry_.insert(file);
  if (action.reason == Reason::STORE_FAULT) trust_dir_.again(file);
}

void CommandDesk::act(command::Alarm& action) {
  counters_.alarm(action.kind);
  log::error("command_alarm", {{"kind", to_string(action.kind)}, {"sentence", log::clean(action.sentence, 256)}});
  // Nothing is known before the store has been read: the start fails rather than waits.
  if (action.kind == command::AlarmKind::store_fault && !lifecycle_.running()) {
    report_ready(Error{Fault::io, "command store: " + action.sentence});
  }
}

}  // namespace wayside::broker
