#include "tests/broker/support/fake_ports.h"

namespace wayside::test {
namespace {

Kept keep(Lane lane, const Bytes& body) {
  const Result<schemas::RecordView> decoded = schemas::decode_record(body);
  if (!decoded.ok()) throw std::runtime_error("an offer that is no record: " + decoded.error().what);
  const schemas::RecordView& record = decoded.value();
  Kept kept;
  kept.lane = lane;
  kept.vehicle = record.vehicle;
  kept.topic = record.topic;
  kept.payload = as_text(record.payload);
  kept.mid = record.mid;
  kept.sequence = record.sequence;
  kept.epoch = record.epoch;
  kept.signal_batch = record.signal_batch;
  return kept;
}

}  // namespace

FakeCustody::FakeCustody() : thread_([this] { run(); }) {}

FakeCustody::~FakeCustody() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

Outcome<void> FakeCustody::offer(broker::Offer offer) {
  {
    const std::scoped_lock lock(mutex_);
    ++offered_.at(index_of(offer.lane));
    if (const std::optional<Reason> reason = refused_.at(index_of(offer.lane))) return *reason;
    std::optional<std::size_t>& left = until_refusal_.at(index_of(offer.lane));
    if (left && *left == 0) {
      left.reset();
      return Reason::QUEUE_FULL;
    }
    if (left) --*left;
    queues_.at(index_of(offer.lane)).push_back(std::move(offer));
  }
  wake_.notify_all();
  return {};
}

void FakeCustody::attach(broker::IoPort* io) {
  const std::scoped_lock lock(mutex_);
  io_ = io;
}

void FakeCustody::hold(Lane lane, bool held) {
  {
    const std::scoped_lock lock(mutex_);
    held_.at(index_of(lane)) = held;
  }
  wake_.notify_all();
}

void FakeCustody::refuse(Lane lane, std::optional<Reason> reason) {
  const std::scoped_lock lock(mutex_);
  refused_.at(index_of(lane)) = reason;
}

void FakeCustody::refuse_one_after(Lane lane, std::size_t count) {
  const std::scoped_lock lock(mutex_);
  until_refusal_.at(index_of(lane)) = count;
}

std::vector<Kept> FakeCustody::kept(Lane lane) {
  const std::scoped_lock lock(mutex_);
  return kept_.at(index_of(lane));
}

std::size_t FakeCustody::waiting(Lane lane) {
  const std::scoped_lock lock(mutex_);
  return queues_.at(index_of(lane)).size();
}

std::size_t FakeCustody::offered(Lane lane) {
  const std::scoped_lock lock(mutex_);
  return offered_.at(index_of(lane));
}

void FakeCustody::shed(Lane lane, Reason reason) {
  const std::scoped_lock lock(mutex_);
  shed_.at(index_of(lane)).push_back(reason);
}

std::vector<Reason> FakeCustody::shed_of(Lane lane) {
  const std::scoped_lock lock(mutex_);
  return shed_.at(index_of(lane));
}

bool FakeCustody::wait_kept(Lane lane, std::size_t count, int timeout_ms) {
  std::unique_lock lock(mutex_);
  return wake_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                        [&] { return kept_.at(index_of(lane)).size() >= count; });
}

void FakeCustody::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    bool any = false;
    for (const Lane lane : kAllLanes) {
      const std::size_t i = index_of(lane);
      if (held_.at(i) || queues_.at(i).empty() || io_ == nullptr) continue;
      broker::Offer offer = std::move(queues_.at(i).front());
      queues_.at(i).pop_front();
      kept_.at(i).push_back(keep(lane, offer.body));
      const broker::Committed committed{offer.to, offer.token, true, {}, lane, {kept_.at(i).size() - 1}};
      broker::IoPort* io = io_;
      lock.unlock();
      if (offer.done) {
        offer.done(committed);
      } else {
        io->post(committed);
      }
      wake_.notify_all();
      lock.lock();
      any = true;
    }
    if (!any) wake_.wait(lock);
  }
}

bool FakeCommands::post(broker::CommandEvent event) {
  const auto* request = std::get_if<broker::CommandRequested>(&event);
  const auto* ack = std::get_if<broker::AckOffered>(&event);
  if ((request != nullptr || ack != nullptr) && !room.load()) return false;
  std::optional<broker::IoMessage> answer;
  if (request != nullptr) {
    const std::optional<Reason> refused = judge(request->request);
    answer = broker::CommandAnswer{request->to, request->token, !refused, refused.value_or(Reason{})};
  }
  const auto ack_done = ack != nullptr ? ack->done : nullptr;
  if (ack != nullptr) answer = broker::Committed{ack->to, ack->token, true, {}, Lane::ack, {}};
  broker::IoPort* io = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    events_.push_back(std::move(event));
    io = io_;
  }
  if (ack_done) return ack_done(std::get<broker::Committed>(*answer)), true;
  if (answer && io != nullptr) io->post(std::move(*answer));
  return true;
}

void FakeCommands::attach(broker::IoPort* io) {
  const std::scoped_lock lock(mutex_);
  io_ = io;
}

}  // namespace wayside::test
