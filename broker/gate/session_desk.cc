#include "broker/gate/session_desk.h"

#include <algorithm>
#include <limits>

namespace wayside::broker::gate {
namespace {

using session::EndRequest;
using session::LeftOnline;
using session::OpenedSession;
using session::OpenRequest;
using session::Receipt;
using session::ReleaseRequest;
using session::SaveRequest;

constexpr std::size_t kCallsPerCommitMax = 512;
constexpr Offset kNothing{std::numeric_limits<std::uint64_t>::max()};

}  // namespace

void SessionDesk::push(Call call) {
  {
    const std::scoped_lock lock(mutex_);
    calls_.push_back(std::move(call));
  }
  woken();
}

void SessionDesk::open(OpenRequest request, std::function<void(Outcome<OpenedSession>)> done) {
  {
    const std::scoped_lock lock(mutex_);
    const auto before = on_the_way_.find(request.id);
    if (before != on_the_way_.end()) {
      before->second.waiting.push_back({std::move(request), std::move(done)});
      return;
    }
    calls_.push_back(Open{std::move(request), std::move(done)});
  }
  woken();
}

void SessionDesk::save(SaveRequest request, std::function<void(Outcome<void>)> done) {
  push(Save{std::move(request), std::move(done)});
}

void SessionDesk::end(EndRequest request) { push(End{std::move(request)}); }

void SessionDesk::release(ReleaseRequest request, std::function<void(Outcome<void>)> done) {
  push(Release{std::move(request), std::move(done)});
}

void SessionDesk::expect(const std::string& id, Lane lane) {
  const std::scoped_lock lock(mutex_);
  ++on_the_way_[id].records;
  ++on_the_way_in_.at(index_of(lane));
}

void SessionDesk::received(Receipt receipt, std::function<void(Outcome<void>)> done) {
  {
    const std::scoped_lock lock(mutex_);
    const Lane lane = receipt.lane;
    const std::string id = receipt.id;
    not_durable_.at(index_of(lane)).push_back(receipt.offset);
    keep(lane);
    calls_.push_back(Received{std::move(receipt), std::move(done)});
    arrived(id, lane);
  }
  woken();
}

void SessionDesk::not_received(const std::string& id, Lane lane) {
  {
    const std::scoped_lock lock(mutex_);
    arrived(id, lane);
  }
  woken();
}

// The last one opens the session for who waits, behind the receipts.
void SessionDesk::arrived(const std::string& id, Lane lane) {
  --on_the_way_in_.at(index_of(lane));
  const auto found = on_the_way_.find(id);
  WAYSIDE_ASSERT(found != on_the_way_.end());
  if (--found->second.records > 0) return;
  for (Open& waiting : found->second.waiting) calls_.push_back(std::move(waiting));
  on_the_way_.erase(found);
}

// What was on the way when the offset was read has arrived, and stands before this call.
void SessionDesk::lane_synced(Lane lane, Offset synced) {
  {
    const std::scoped_lock lock(mutex_);
    if (on_the_way_in_.at(index_of(lane)) > 0) return;
    calls_.push_back(Synced{lane, synced});
  }
  woken();
}

void SessionDesk::look(std::string id, std::function<void(Outcome<std::optional<session::KnownSession>>)> done) {
  push(Look{std::move(id), std::move(done)});
}

void SessionDesk::left(std::size_t max, bool also_by_death,
                       std::function<void(Outcome<std::vector<LeftOnline>>)> done) {
  push(Left{max, also_by_death, std::move(done)});
}

void SessionDesk::untold(LeftOnline one) { push(Untold{std::move(one)}); }

void SessionDesk::told(LeftOnline one) { push(Told{std::move(one)}); }

void SessionDesk::keep(Lane lane) {
  const std::deque<Offset>& offsets = not_durable_.at(index_of(lane));
  if (keep_from_) keep_from_(lane, offsets.empty() ? kNothing : offsets.front());
}

std::vector<SessionDesk::Call> SessionDesk::take() {
  const std::scoped_lock lock(mutex_);
  const auto count = static_cast<std::ptrdiff_t>(std::min(calls_.size(), kCallsPerCommitMax));
  std::vector<Call> batch(std::make_move_iterator(calls_.begin()), std::make_move_iterator(calls_.begin() + count));
  calls_.erase(calls_.begin(), calls_.begin() + count);
  return batch;
}

// The answers leave only behind the commit; a commit that fails is an answer too.
bool SessionDesk::turn() {
  std::vector<Call> batch = take();
  if (batch.empty()) return false;
  std::vector<Answer> answers;
  answers.reserve(batch.size());
  Result<void> outcome = rows_.begin();
  for (Call& call : batch) {
    answers.push_back(std::visit([&](auto& one) { return apply(one, outcome); }, call));
  }
  if (outcome.ok()) outcome = rows_.commit();
  if (!outcome.ok()) {
    faulted(outcome.error());
    rows_.rollback();
  }
  settle(batch, outcome.ok());
  for (const Answer& answer : answers) answer(outcome.ok());
  return outcome.ok();
}

// What nobody will say again is kept until it is durable.
void SessionDesk::settle(std::vector<Call>& batch, bool committed) {
  const std::scoped_lock lock(mutex_);
  for (auto call = batch.rbegin(); call != batch.rend(); ++call) {
    if (auto* left = std::get_if<Untold>(&*call); left != nullptr && !committed) calls_.push_front(std::move(*left));
    auto* one = std::get_if<Received>(&*call);
    if (one == nullptr) continue;
    if (!committed) {
      calls_.push_front(Received{std::move(one->receipt), {}});  // told already; it only has to become durable
      continue;
    }
    not_durable_.at(index_of(one->receipt.lane)).pop_front();
    keep(one->receipt.lane);
  }
}

SessionDesk::Answer SessionDesk::apply(Open& call, Result<void>& outcome) {
  Outcome<OpenedSession> opened = Reason::STORE_FAULT;
  if (outcome.ok()) opened = rows_.open(call.request, outcome);
  return [done = std::move(call.done), opened = std::move(opened)](bool committed) {
    done(committed ? opened : Outcome<OpenedSession>(Reason::STORE_FAULT));
  };
}

SessionDesk::Answer SessionDesk::apply(Save& call, Result<void>& outcome) {
  Outcome<void> saved = Reason::STORE_FAULT;
  if (outcome.ok()) saved = rows_.save(call.request, outcome);
  return [done = std::move(call.done), saved](bool committed) {
    done(committed ? saved : Outcome<void>(Reason::STORE_FAULT));
  };
}

SessionDesk::Answer SessionDesk::apply(End& call, Result<void>& outcome) {
  if (outcome.ok()) rows_.end(call.request, outcome);
  return [](bool) {};
}

SessionDesk::Answer SessionDesk::apply(Received& call, Result<void>& outcome) {
  if (outcome.ok()) rows_.received(call.receipt, outcome);
  return [done = std::move(call.done)](bool committed) {
    if (done) done(committed ? Outcome<void>() : Outcome<void>(Reason::STORE_FAULT));
  };
}

SessionDesk::Answer SessionDesk::apply(Release& call, Result<void>& outcome) {
  Outcome<void> released = Reason::STORE_FAULT;
  if (outcome.ok()) released = rows_.release(call.request, outcome);
  return [done = std::move(call.done), released](bool committed) {
    done(committed ? released : Outcome<void>(Reason::STORE_FAULT));
  };
}

SessionDesk::Answer SessionDesk::apply(Synced& call, Result<void>& outcome) {
  const std::optional<Offset> known = rows_.known_below(call.lane);
  if (outcome.ok() && (!known || *known < call.offset)) rows_.set_known_below(call.lane, call.offset, outcome);
  return [](bool) {};
}

SessionDesk::Answer SessionDesk::apply(Look& call, Result<void>& outcome) {
  using Known = std::optional<session::KnownSession>;
  Outcome<Known> known = Reason::STORE_FAULT;
  if (outcome.ok()) known = rows_.known(call.id, outcome);
  return [done = std::move(call.done), known](bool committed) {
    done(committed ? known : Outcome<Known>(Reason::STORE_FAULT));
  };
}

SessionDesk::Answer SessionDesk::apply(Left& call, Result<void>& outcome) {
  Outcome<std::vector<LeftOnline>> left = Reason::STORE_FAULT;
  if (outcome.ok()) left = rows_.left().some(call.max, call.also_by_death, outcome);
  return [done = std::move(call.done), left = std::move(left)](bool committed) {
    done(committed ? left : Outcome<std::vector<LeftOnline>>(Reason::STORE_FAULT));
  };
}

SessionDesk::Answer SessionDesk::apply(Told& call, Result<void>& outcome) {
  if (outcome.ok()) rows_.left().told(call.one, outcome);
  return [](bool) {};
}

SessionDesk::Answer SessionDesk::apply(Untold& call, Result<void>& outcome) {
  if (outcome.ok()) rows_.untold(call.one, outcome);
  return [](bool) {};
}

}  // namespace wayside::broker::gate
