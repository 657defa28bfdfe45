// How the edge's end of the link closes a spool whose volume went back in time.
//
// A session of its own, in which nothing is shipped: what was sent before it is stale for the core, so that each lane's
// NEXT is its last. With it comes how far core and volume hold the same, told by the branches of both (decision 0013).
#include <algorithm>
#include <utility>

#include "bridge/edge/edge_link.h"

namespace wayside::bridge::edge {
namespace {

constexpr unsigned kReopensMax = 3;

}  // namespace

// A lane that shows less than the core has is judged only when its broker has recovered it.
void EdgeLink::consider_closing(EdgeActions& actions) {
  if (!options_.close_forked || life_ != Life::open) return;
  const bool parted = std::any_of(lanes_.begin(), lanes_.end(), [this](const auto& lane) {
    return lane->forked() || (lane->behind() && broker_up_);
  });
  if (!parted) return;
  life_ = Life::closing;
  last_ = {};
  actions.emplace_back(DropLink{Reason::FORKED});
}

void EdgeLink::send_closing_hello(const Time& now, EdgeActions& actions) {
  if (!broker_up_) return;  // the pages mean nothing before
  link::Hello hello;
  hello.closing = true;
  const bool forked = std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->forked(); });
  bool tells = false;  // a FORKED lane ends with what the present writer wrote
  for (auto& lane : lanes_) {
    Result<link::LaneHead> head = lane->closing_head();
    if (!head) {
      hello_at_ = now.mono;
      actions.emplace_back(Alarm{Reason::SPOOL_FAULT, Lane::command, head.error().what});
      return;
    }
    const bool asked = lane->forked() || !forked;
    tells = tells || (asked && !head->branches.empty() && head->branches.back().id != 0);
    hello.lanes.push_back(std::move(*head));
  }
  if (!tells) return stop("the broker of this volume is of a release that moves no spool: the lane stops", actions);
  last_ = {};
  greet(std::move(hello), now, actions);
}

// As every release did: a lane that is FORKED ships no more, the others go on.
void EdgeLink::stop(std::string why, EdgeActions& actions) {
  life_ = Life::stopped;
  actions.emplace_back(Alarm{Reason::FORKED, Lane::command, std::move(why)});
  actions.emplace_back(DropLink{Reason::FORKED});
}

void EdgeLink::on_last_next(const link::Next& next, EdgeActions& actions) {
  if (!next.closing) return stop("this core does not say what it has in common: the lane stops", actions);
  last_[index_of(next.lane)] = next;
  const bool all = std::all_of(last_.begin(), last_.end(), [](const auto& last) { return last.has_value(); });
  if (all) conclude(actions);
}

void EdgeLink::conclude(EdgeActions& actions) {
  spool::ClosingMark mark;
  mark.uuid = options_.uuid;
  bool trusted = true;
  for (const Lane lane : kAllLanes) {
    const std::size_t i = index_of(lane);
    const Result<LaneSender::Ending> ending = lanes_[i]->end_at(*last_[i]);
    if (!ending) {
      last_ = {};  // asked for again
      actions.emplace_back(Alarm{Reason::SPOOL_FAULT, lane, ending.error().what});
      return;
    }
    mark.lanes[i] = ending->end;
    trusted = trusted && ending->trusted;
    if (ending->end.exact) continue;
    actions.emplace_back(Alarm{Reason::FORKED, lane,
                               "nothing tells where the volume has parted from the core: what it holds from offset " +
                                   std::to_string(ending->end.common.value) + " on may be there twice"});
  }
  if (trusted) return reopen(actions);
  life_ = Life::closed;
  mark_ = mark;
  actions.emplace_back(CloseSpool{mark});
}

// Damage looked like a fork, and the branches say that it is none.
void EdgeLink::reopen(EdgeActions& actions) {
  for (const Lane lane : kAllLanes) {
    if (lanes_[index_of(lane)]->forked() && reopened_ < kReopensMax)
      lanes_[index_of(lane)]->trust(last_[index_of(lane)]->standing);
  }
  life_ = reopened_++ < kReopensMax ? Life::open : Life::stopped;
  actions.emplace_back(DropLink{Reason::FORKED});
}

}  // namespace wayside::bridge::edge
