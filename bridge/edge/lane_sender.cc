#include "bridge/edge/lane_sender.h"

#include <algorithm>
#include <utility>

#include "bridge/edge/chain_check.h"

namespace wayside::bridge::edge {
namespace {

constexpr unsigned kResendDoublingsMax = 4;

link::Address batch_address(Lane lane) { return {link::channel_of(lane), link::Kind::batch}; }

// Keeps the records whose framed bytes fit the credit.
void cut_to_credit(std::vector<spool::ReadRecord>& records, std::uint64_t credit) {
  std::uint64_t used = 0;
  std::size_t keep = 0;
  while (keep < records.size() && used + records[keep].framed_bytes <= credit) used += records[keep++].framed_bytes;
  records.resize(keep);
}

}  // namespace

LaneSender::LaneSender(LaneOptions options, spool::LaneReader& reader, spool::SettlementLog& settlement)
    : options_(options), reader_(reader), settlement_(settlement), credit_(options_.credit_ahead_max) {}

void LaneSender::begin_session(std::uint64_t session) {
  end_session();
  session_ = session;
}

void LaneSender::end_session() {
  session_ = link::kNoSession;
  position_.reset();
  sent_.clear();
  in_flight_.clear();
  in_flight_bytes_ = 0;
  credit_ = link::CreditHolder(options_.credit_ahead_max);
  counted_from_.reset();
  records_max_ = options_.limits.records_max;
  ahead_ = false;
  resends_ = 0;
}

void LaneSender::alarm(Reason reason, std::string sentence, EdgeActions& actions) const {
  actions.emplace_back(Alarm{reason, options_.lane, std::move(sentence)});
}

void LaneSender::disk_fault(const Error& error, EdgeActions& actions) {
  if (!disk_fault_) alarm(Reason::SPOOL_FAULT, error.what, actions);
  disk_fault_ = true;
}

void LaneSender::stop_forked(std::string sentence, EdgeActions& actions) {
  end_session();
  forked_ = true;
  alarm(Reason::FORKED, std::move(sentence), actions);
}

bool LaneSender::on_next(const link::Next& next, const Time& now, EdgeActions& actions) {
  if (forked_) return true;
  if (next.forked) {
    stop_forked("the core's digest at offset " + std::to_string(next.standing.next.value) + " is not this volume's",
                actions);
    return true;
  }
  if (!position_) {
    adopt_first(next.standing, now, actions);
    return true;
  }
  if (next.standing.next < acknowledged_.at) return true;  // overtaken on the way
  if (advance(next.standing, actions)) return true;
  actions.emplace_back(DropLink{Reason::LINK_ACK_BEYOND});
  return false;
}

// The first NEXT of a session: the place where the core stands, whatever we believed.
void LaneSender::adopt_first(const spool::Standing& core, const Time& now, EdgeActions& actions) {
  if (core.next > reader_.synced()) {
    // A volume after a power loss shows an old page until the broker has recovered it; one that went back
    // in time grows another chain, and then the digests tell.
    if (!ahead_) {
      alarm(Reason::FORKED,
            "the core holds offsets up to " + std::to_string(core.next.value) +
                ", the volume shows fewer: waiting for its broker",
            actions);
    }
    ahead_ = true;
    return;
  }
  if (!chain_agrees(core, actions)) return;
  if (core.next < settled()) {
    ++counters_.went_back;
    alarm(
        Reason::CORE_WENT_BACK,
        "the core stands at " + std::to_string(core.next.value) + " and had settled " + std::to_string(settled().value),
        actions);
  }
  if (core.next == settled()) settle_again(actions);
  settle(core, actions);
  position_ = Position{core.next, core.digest, 0};
  begin_ = core.next;
  // Credit that came before, of a core that has restarted since, is none.
  if (counted_from_ && *counted_from_ != begin_) credit_ = link::CreditHolder(options_.credit_ahead_max);
  acknowledged_ = *position_;
  sent_.emplace(core.next, *position_);
  backlog_ = core.next < reader_.synced();
  pending_since_ = now.mono;
}

bool LaneSender::chain_agrees(const spool::Standing& core, EdgeActions& actions) {
  if (core.next.value == 0) return true;
  const Result<Offset> oldest = reader_.oldest();
  if (!oldest) {
    disk_fault(oldest.error(), actions);
    return false;
  }
  if (core.next < *oldest) return true;  // nothing is left to compare with
  if (trusted_ && trusted_->next == core.next && trusted_->digest == core.digest) return true;
  const Result<ChainVerdict> verdict = judge_chain(reader_, core, settlement_.standing());
  if (!verdict) {
    disk_fault(verdict.error(), actions);
    return false;
  }
  if (*verdict == ChainVerdict::same) return true;
  stop_forked("the digest before offset " + std::to_string(core.next.value) +
                  (*verdict == ChainVerdict::other ? " is not the core's" : " is damaged on both sides"),
              actions);
  return false;
}

// Within a session the core can only stand at the end of a batch that was sent in it.
bool LaneSender::advance(const spool::Standing& core, EdgeActions& actions) {
  const auto known = sent_.find(core.next);
  if (known == sent_.end()) return false;
  const Position at = known->second;
  if (at.digest != core.digest) {
    stop_forked("the core acknowledged another chain at offset " + std::to_string(core.next.value), actions);
    return true;
  }
  if (at.at > acknowledged_.at) resends_ = 0;
  acknowledged_ = at;
  sent_.erase(sent_.begin(), known);
  while (!in_flight_.empty() && in_flight_.front().end.at <= at.at) {
    in_flight_bytes_ -= in_flight_.front().message.size();
    in_flight_.pop_front();
  }
  const bool inside = !in_flight_.empty() && in_flight_.front().begin.at < at.at;
  if (inside || position_->at < at.at) {  // an end of an earlier plan: go on from there
    ++counters_.replans;
    in_flight_.clear();
    in_flight_bytes_ = 0;
    position_ = at;
    backlog_ = true;
  }
  settle(core, actions);
  return true;
}

void LaneSender::settle(const spool::Standing& standing, EdgeActions& actions) {
  if (standing.next > settled()) write_settlement(standing, actions);
}

void LaneSender::settle_again(EdgeActions& actions) {
  if (!unsettled_ && settled().value > 0) write_settlement(spool::Standing(settlement_.standing()), actions);
}

bool LaneSender::still_stands(EdgeActions& actions) {
  if (!position_ || position_->at.value == 0) return true;
  if (position_->at > reader_.synced()) return false;
  const Result<Offset> oldest = reader_.oldest();
  if (oldest && position_->at < *oldest) return true;  // nothing is left to compare with
  const Result<Digest> digest = oldest ? reader_.digest_before(position_->at) : Result<Digest>(oldest.error());
  if (!digest) {
    disk_fault(digest.error(), actions);
    return false;
  }
  return *digest == position_->digest;
}

void LaneSender::write_settlement(const spool::Standing& standing, EdgeActions& actions) {
  const bool again = standing.next == settled();
  const Result<void> done = settlement_.settle(standing);
  if (!done) {
    unsettled_ = standing;
    disk_fault(done.error(), actions);
    return;
  }
  unsettled_.reset();
  disk_fault_ = false;
  if (!again) actions.emplace_back(Settled{options_.lane, standing.next});
}

// The broker lets go of what the file says. One that has rotted says less: a lane that is full would wait for ever.
void LaneSender::check_settlement(const Time& now, EdgeActions& actions) {
  if (unsettled_ || settled().value == 0 || now.mono - settlement_checked_ < kSettlementCheckMs) return;
  settlement_checked_ = now.mono;
  const Result<bool> mended = settlement_.mend();
  if (!mended) {
    unsettled_ = settlement_.standing();
    return disk_fault(mended.error(), actions);
  }
  if (*mended)
    alarm(Reason::SPOOL_FAULT, "the settlement was not on the disk as it was written: it is written again", actions);
}

// A core that restarted within the session and was told of it by a hello that was long on its way takes it for new and
// counts from where it stands now: what it grants may never reach what was sent already. Both begin again.
bool LaneSender::on_credit(const link::Credit& credit, EdgeActions& actions) {
  if (position_ && credit.counted_from && *credit.counted_from != begin_) {
    actions.emplace_back(DropLink{Reason::LINK_SESSION_STALE});
    return false;
  }
  if (credit.counted_from) counted_from_ = credit.counted_from;
  const std::uint64_t sent = sent_.empty() ? 0 : sent_.rbegin()->second.bytes;
  if (credit_.raise(credit.limit_bytes, sent) != link::CreditOutcome::invalid) return true;
  actions.emplace_back(DropLink{Reason::CREDIT_INVALID});
  return false;
}

void LaneSender::on_rejected(const link::Rejected& rejected, EdgeActions& actions) {
  ++counters_.rejected;
  if (plan_less(rejected)) {
    return alarm(Reason::BATCH_TOO_LARGE,
                 "the core takes no batch of " + std::to_string(rejected.count) + " records: at most " +
                     std::to_string(records_max_) + " in this session",
                 actions);
  }
  alarm(parse_reason(rejected.reason).value_or(Reason::BATCH_MALFORMED),
        "the core could not decode " + std::to_string(rejected.count) + " records from offset " +
            std::to_string(rejected.first.value) + " and settles them as lost",
        actions);
}

// A batch of several records that is too large for the core: from its begin on everything is planned anew, in halves.
bool LaneSender::plan_less(const link::Rejected& rejected) {
  if (rejected.count < 2 || parse_reason(rejected.reason) != Reason::BATCH_TOO_LARGE) return false;
  const auto refused = std::find_if(in_flight_.begin(), in_flight_.end(), [&](const InFlight& batch) {
    return batch.begin.at == rejected.first && batch.end.at - batch.begin.at == rejected.count;
  });
  if (refused == in_flight_.end()) return true;  // planned anew already
  records_max_ = static_cast<std::uint32_t>(rejected.count / 2);
  position_ = refused->begin;
  backlog_ = true;
  ++counters_.replans;
  for (auto at = refused; at != in_flight_.end(); ++at) in_flight_bytes_ -= at->message.size();
  in_flight_.erase(refused, in_flight_.end());
  return true;
}

void LaneSender::on_synced(Offset synced, const Time& now) {
  if (position_ && synced <= position_->at) return;
  if (!pending_since_) pending_since_ = now.mono;
}

bool LaneSender::due(const Time& now) const {
  if (backlog_ || options_.linger_ms == 0) return true;
  return pending_since_ && now.mono - *pending_since_ >= options_.linger_ms;
}

bool LaneSender::plan(const Time& now, EdgeActions& actions) {
  if (!position_) return false;
  if (position_->at >= reader_.synced()) {
    pending_since_.reset();
    backlog_ = false;
    return false;
  }
  if (!due(now)) return false;
  const std::uint64_t credit = credit_.left(position_->bytes);
  Result<std::vector<spool::ReadRecord>> records = records_from(position_->at, credit);
  if (!records) {
    disk_fault(records.error(), actions);
    return false;
  }
  cut_to_credit(*records, credit);
  if (records->empty()) return false;
  Result<std::vector<spool::Branch>> told = branches(position_->at, records->back().offset + 1);
  if (!told) {
    disk_fault(told.error(), actions);
    return false;
  }
  const batch::EncodeInput input{options_.uuid,     session_, options_.lane, ++number_, position_->at,
                                 position_->digest, true,     now.wall,      &*records, std::move(*told)};
  Result<batch::Encoded> encoded = batch::encode(input, *options_.rules, options_.limits);
  if (!encoded) {
    disk_fault(encoded.error(), actions);
    return false;
  }
  ship(std::move(encoded).value(), now, actions);
  return true;
}

Result<std::vector<spool::ReadRecord>> LaneSender::records_from(Offset from, std::uint64_t credit) {
  const Result<Offset> oldest = reader_.oldest();
  if (!oldest) return oldest.error();
  if (from < *oldest) return vanished(from, *oldest);
  if (credit == 0) return std::vector<spool::ReadRecord>();
  return reader_.read(from, records_max_, std::min(options_.limits.raw_bytes_max, credit));
}

// Offsets that the core lost and we have deleted: they end as lost, by offset. Their bytes are gone, so they
// take no credit; the chain meets our own where the volume begins.
Result<std::vector<spool::ReadRecord>> LaneSender::vanished(Offset from, Offset oldest) {
  const std::uint64_t count = std::min<std::uint64_t>(oldest - from, records_max_);
  std::vector<spool::ReadRecord> out(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    out[i].offset = from + i;
    out[i].after = position_->digest;
    out[i].lost = true;
  }
  if (from + count != oldest) return out;
  const Result<Digest> digest = reader_.digest_before(oldest);
  if (!digest) return digest.error();
  out.back().after = *digest;
  return out;
}

// None of what has gone from the volume.
Result<std::vector<spool::Branch>> LaneSender::branches(Offset from, Offset to) {
  auto told = reader_.branches(from, to);
  if (!told && told.error().fault == Fault::not_found) return std::vector<spool::Branch>();
  return told;
}

Result<link::LaneHead> LaneSender::closing_head() {
  link::LaneHead head;
  head.lane = options_.lane;
  head.synced = reader_.synced();
  head.settled = std::min(settled(), head.synced);
  const Result<Offset> oldest = reader_.oldest();
  if (!oldest) return oldest.error();
  auto told = branches(std::max(head.settled, std::min(*oldest, head.synced)), head.synced);
  if (!told) return std::move(told).error();
  head.branches = std::move(*told);
  if (head.branches.size() > link::kBranchesMax) {
    head.branches.erase(head.branches.begin(), head.branches.end() - link::kBranchesMax);
  }
  return head;
}

Result<LaneSender::Ending> LaneSender::end_at(const link::Next& last) {
  const spool::Standing& core = last.standing;
  const Offset head = reader_.synced();
  Ending out{{core.next, core.next, core.digest, true}, core.next <= head};
  const Result<Offset> oldest = reader_.oldest();
  if (!oldest) return oldest.error();
  // Above zero, and something is left to compare with.
  if (out.trusted && core.next.value > 0 && core.next >= *oldest) {
    const Result<ChainVerdict> verdict = judge_chain(reader_, core, settlement_.standing());
    if (!verdict) return verdict.error();
    const bool all_branches = last.common_exact && last.common == core.next;
    out.trusted = *verdict == ChainVerdict::same || (*verdict == ChainVerdict::unknown && all_branches);
  }
  if (out.trusted) return out;
  // A chain that parts within a branch went back together with its writer: only the settlement is certain.
  const Offset certain = std::min(settled(), core.next);
  out.end.exact = last.common_exact && last.common < core.next;
  out.end.common = std::min(out.end.exact || last.common < core.next ? std::max(last.common, certain) : certain, head);
  return out;
}

void LaneSender::ship(batch::Encoded encoded, const Time& now, EdgeActions& actions) {
  const Position begin = *position_;
  const Position end{begin.at + encoded.count, encoded.after, begin.bytes + encoded.framed_bytes};
  position_ = end;
  sent_[end.at] = end;
  backlog_ = end.at < reader_.synced();
  if (!backlog_) pending_since_.reset();
  disk_fault_ = false;
  ++counters_.batches;
  counters_.raw_bytes += encoded.raw_bytes;
  counters_.message_bytes += encoded.message.size();
  counters_.samples += encoded.samples;
  in_flight_bytes_ += encoded.message.size();
  actions.emplace_back(Publish{batch_address(options_.lane), encoded.message});
  in_flight_.push_back({begin, end, std::move(encoded.message), now.mono});
}

void LaneSender::tick(const Time& now, EdgeActions& actions) {
  if (unsettled_) write_settlement(spool::Standing(*unsettled_), actions);
  check_settlement(now, actions);
  if (in_flight_.empty()) return;
  const std::int64_t timeout = options_.resend_ms << std::min(resends_, kResendDoublingsMax);
  if (now.mono - in_flight_.front().sent_at >= timeout) resend_all(now, actions);
}

void LaneSender::resend_all(const Time& now, EdgeActions& actions) {
  ++resends_;
  for (InFlight& batch : in_flight_) {
    batch.sent_at = now.mono;
    ++counters_.resent_batches;
    counters_.message_bytes += batch.message.size();
    actions.emplace_back(Publish{batch_address(options_.lane), batch.message});
  }
}

}  // namespace wayside::bridge::edge
