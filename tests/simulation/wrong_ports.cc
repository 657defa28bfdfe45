#include "tests/simulation/wrong_ports.h"

#include "bridge/link/claim.h"
#include "bridge/link/messages.h"
#include "spool/chain.h"

namespace wayside::test {
namespace {

using spool::ReadRecord;
using Records = Result<std::vector<ReadRecord>>;

class PlainReader : public spool::LaneReader {
 public:
  explicit PlainReader(EdgePorts::Reader plain) : plain_(std::move(plain)) {}
  [[nodiscard]] Offset synced() override { return plain_->synced(); }
  Result<Offset> oldest() override { return plain_->oldest(); }
  Records read(Offset from, std::size_t max_records, std::uint64_t max_bytes) override {
    return plain_->read(from, max_records, max_bytes);
  }
  // By read(), so that what a wrong reader makes of a record is seen here too.
  Result<Offset> visit(Offset from, std::size_t max_records, std::uint64_t max_bytes,
                       const std::function<void(const spool::RecordView&)>& visit) final {
    Records records = read(from, max_records, max_bytes);
    if (!records) return std::move(records).error();
    for (const ReadRecord& record : *records) {
      visit({record.offset, record.time, record.body, record.after, record.framed_bytes, record.lost, record.source});
    }
    return from + records->size();
  }
  Result<Digest> digest_before(Offset at) override { return plain_->digest_before(at); }
  Result<Offset> segment_base(Offset at) override { return plain_->segment_base(at); }
  Result<std::vector<spool::Branch>> branches(Offset from, Offset to) override { return plain_->branches(from, to); }
  Result<std::map<std::string, std::uint64_t>> received_by_cohort() override { return plain_->received_by_cohort(); }

 private:
  EdgePorts::Reader plain_;
};

class EagerReader final : public PlainReader {
 public:
  EagerReader(World& world, Lane lane, EdgePorts::Reader plain)
      : PlainReader(std::move(plain)), world_(world), lane_(lane) {}
  [[nodiscard]] Offset synced() override { return PlainReader::synced() + open().size(); }
  Records read(Offset from, std::size_t max_records, std::uint64_t max_bytes) override {
    const Offset synced = PlainReader::synced();
    if (from < synced) return PlainReader::read(from, max_records, max_bytes);
    std::vector<ReadRecord> out;
    auto digest = PlainReader::digest_before(synced);
    if (!digest) return std::move(digest).error();
    Digest after = *digest;
    for (std::size_t i = 0; i < open().size() && out.size() < max_records; ++i) {
      const Offset at = synced + i;
      after = spool::chain(after, at, world_.clock.wall(), open()[i]);
      if (at < from) continue;
      out.push_back({at, world_.clock.wall(), open()[i], after, spool::framed_bytes(open()[i].size()), false});
    }
    return out;
  }

 private:
  [[nodiscard]] const std::vector<Bytes>& open() const { return world_.open_group[index_of(lane_)]; }
  World& world_;
  Lane lane_;
};

// What rotted goes up as if the record before it had been sent again.
class HidingReader final : public PlainReader {
 public:
  using PlainReader::PlainReader;
  Records read(Offset from, std::size_t max_records, std::uint64_t max_bytes) override {
    Records records = PlainReader::read(from, max_records, max_bytes);
    if (!records) return records;
    for (std::size_t i = 1; i < records->size(); ++i) {
      ReadRecord& record = (*records)[i];
      if (!record.lost || (*records)[i - 1].body.empty()) continue;
      record.body = (*records)[i - 1].body;
      record.lost = false;
    }
    return records;
  }
};

// A chain of one's own over records that are not what the volume's chain covers.
void chain_again(std::vector<ReadRecord>& records, Digest& after) {
  for (ReadRecord& record : records) {
    after = record.lost ? spool::chain_lost(after, record.offset)
                        : spool::chain(after, record.offset, record.time, record.body);
    record.after = after;
  }
}

class BelievingReader final : public PlainReader {
 public:
  BelievingReader(World& world, Lane lane, EdgePorts::Reader plain)
      : PlainReader(std::move(plain)), world_(world), lane_(lane) {}
  Result<Digest> digest_before(Offset at) override { return believes(at) ? after_ : PlainReader::digest_before(at); }
  Records read(Offset from, std::size_t max_records, std::uint64_t max_bytes) override {
    Records records = PlainReader::read(from, max_records, max_bytes);
    if (!records || records->empty()) return records;
    if (max_records == 1 && believes(from + 1)) {  // the record that a check of the chain looks at
      records->front().after = after_;
      return records;
    }
    if (from != at_) return records;
    chain_again(*records, after_);
    at_ = records->back().offset + 1;
    return records;
  }

 private:
  // Is it where the core stands? Then its digest is taken for ours.
  bool believes(Offset at) {
    if (!world_.core) return false;
    const spool::Standing& standing = world_.core->log->durable().of(world_.spool_uuid, lane_);
    if (standing.next != at) return false;
    at_ = at;
    after_ = standing.digest;
    return true;
  }

  World& world_;
  Lane lane_;
  Offset at_{};
  Digest after_{};
};

class HastyReader final : public PlainReader {
 public:
  HastyReader(World& world, Lane lane, EdgePorts::Reader plain)
      : PlainReader(std::move(plain)), world_(world), lane_(lane) {}
  Records read(Offset from, std::size_t max_records, std::uint64_t max_bytes) override {
    Records records = PlainReader::read(from, max_records, max_bytes);
    if (!records || !world_.edge) return records;
    spool::SettlementLog& settlement = *world_.edge->settlements[index_of(lane_)];
    spool::Standing standing = settlement.standing();
    for (const ReadRecord& record : *records) {
      if (!record.lost || record.offset != standing.next) break;
      standing.next = standing.next + 1;
      standing.digest = record.after;
      ++standing.totals.lost;
      ++standing.cohorts[world_.cohort].lost;
    }
    if (standing.next > settlement.standing().next) (void)settlement.settle(standing);
    return records;
  }

 private:
  World& world_;
  Lane lane_;
};

class OldPlanReader final : public PlainReader {
 public:
  using PlainReader::PlainReader;
  Records read(Offset from, std::size_t max_records, std::uint64_t max_bytes) override {
    Records records = PlainReader::read(from, max_records, max_bytes);
    if (!records || records->empty()) return records;
    const bool again = !old_.empty() && from < old_.front().offset;
    if (!again) {
      old_ = *records;
      return records;
    }
    Result<Digest> before = PlainReader::digest_before(from);
    if (!before) return std::move(before).error();
    for (std::size_t i = 0; i < std::min(old_.size(), records->size()); ++i) (*records)[i].body = old_[i].body;
    chain_again(*records, *before);
    return records;
  }

 private:
  std::vector<ReadRecord> old_;
};

class OffByOne final : public spool::SettlementLog {
 public:
  explicit OffByOne(EdgePorts::Settlement plain) : plain_(std::move(plain)) {}
  Result<void> settle(const spool::Standing& standing) override {
    spool::Standing wrong = standing;
    if (wrong.totals.lost > 0) {
      --wrong.totals.lost;
      ++wrong.totals.delivered;
    }
    return plain_->settle(wrong);
  }
  Result<bool> mend() override { return plain_->mend(); }
  [[nodiscard]] const spool::Standing& standing() const override { return plain_->standing(); }

 private:
  EdgePorts::Settlement plain_;
};

}  // namespace

EdgePorts::Reader reader_past_synced(World& world, Lane lane, EdgePorts::Reader plain) {
  return std::make_unique<EagerReader>(world, lane, std::move(plain));
}

EdgePorts::Reader reader_that_hides_loss(EdgePorts::Reader plain) {
  return std::make_unique<HidingReader>(std::move(plain));
}

EdgePorts::Reader reader_that_believes_the_core(World& world, Lane lane, EdgePorts::Reader plain) {
  return std::make_unique<BelievingReader>(world, lane, std::move(plain));
}

EdgePorts::Reader reader_that_settles_lost(World& world, Lane lane, EdgePorts::Reader plain) {
  return std::make_unique<HastyReader>(world, lane, std::move(plain));
}

EdgePorts::Reader reader_of_the_old_plan(EdgePorts::Reader plain) {
  return std::make_unique<OldPlanReader>(std::move(plain));
}

EdgePorts::Settlement settlement_off_by_one(EdgePorts::Settlement plain) {
  return std::make_unique<OffByOne>(std::move(plain));
}

void settle_when_sent(World& world, const Packet& packet) {
  if (packet.address.kind != bridge::link::Kind::batch || !world.edge) return;
  const auto claim = bridge::link::claim_of(packet.bytes, world.core_options.limits);
  if (!claim) return;
  spool::SettlementLog& settlement = *world.edge->settlements[index_of(claim.value().lane)];
  spool::Standing standing = settlement.standing();
  if (standing.next != claim.value().first) return;
  standing.next = standing.next + claim.value().count;
  standing.digest = claim.value().after;
  standing.totals.delivered += claim.value().count;
  standing.cohorts[world.cohort].delivered += claim.value().count;
  (void)settlement.settle(standing);
}

void answer_before_sync(World& world) {
  if (!world.edge) return;
  for (const Lane lane : kAllLanes) {
    bridge::link::Next next;
    next.spool = world.spool_uuid;
    next.session = world.session;
    next.lane = lane;
    next.standing = world.core->log->staged().of(next.spool, lane);
    if (next.standing.next == world.core->log->durable().of(next.spool, lane).next) continue;
    world.packets.push_back(
        {false, {bridge::link::channel_of(lane), bridge::link::Kind::next}, bridge::link::encode(next)});
  }
}

void move_cut(Packet& packet, int by) {
  if (packet.address.kind != bridge::link::Kind::next) return;
  Outcome<bridge::link::Next> next = bridge::link::decode_next(packet.bytes);
  if (!next || !next.value().closing) return;
  bridge::link::Next moved = next.value();
  if (by > 0 ? moved.common >= moved.standing.next : moved.common.value == 0) return;
  moved.common.value += static_cast<std::uint64_t>(by);
  packet.bytes = bridge::link::encode(moved);
}

void charge_credit_twice(Packet& packet) {
  if (packet.address.kind != bridge::link::Kind::credit) return;
  Outcome<bridge::link::Credit> credit = bridge::link::decode_credit(packet.bytes);
  if (!credit) return;
  bridge::link::Credit halved = credit.value();
  halved.limit_bytes /= 2;
  packet.bytes = bridge::link::encode(halved);
}

}  // namespace wayside::test
