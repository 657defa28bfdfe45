#include "bridge/core/core_record.h"

#include <algorithm>
#include <utility>

#include "bridge/core/wire.h"

namespace wayside::bridge::core {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kFirst = 1;
constexpr std::uint8_t kLast = 2;
constexpr std::size_t kShortTextMax = 255;

std::string_view cut(std::string_view text) { return text.substr(0, kShortTextMax); }

void put(WireWriter& out, const batch::Delivered& d) {
  out.number(d.signal_batch ? 1 : 0, 1);
  out.number(static_cast<std::uint64_t>(d.committed.value), 8);
  out.number(d.epoch, 8);
  out.number(d.sequence, 8);
  out.text(cut(d.vehicle), 1);
  out.text(d.topic, 2);
  out.text(cut(d.cohort), 1);
  out.text(cut(d.mid), 1);
  out.text(cut(d.catalogue), 1);
  out.sized(d.payload, 4);
}

void put(WireWriter& out, const TombstoneRange& range) {
  out.number(static_cast<std::uint8_t>(range.outcome), 1);
  out.number(range.cohorts.size(), 2);
  for (const auto& [cohort, count] : range.cohorts) {
    out.text(cut(cohort), 1);
    out.number(count, 8);
  }
}

void put(WireWriter& out, const RequestLogged& request) {
  out.number(request.sequence, 8);
  out.number(static_cast<std::uint64_t>(request.deadline.value), 8);
  out.text(request.edge, 1);
  out.text(request.service, 1);
  out.text(request.answer_topic, 2);
  out.sized(request.correlation, 2);
  out.sized(request.request, 4);
}

void put(WireWriter& out, const RequestAnswered& answer) {
  out.number(answer.sequence, 8);
  out.number(answer.accepted ? 1 : 0, 1);
  out.text(cut(answer.reason), 1);
}

batch::Delivered get_delivered(WireReader& in, Offset offset) {
  batch::Delivered d;
  d.offset = offset;
  d.signal_batch = in.number(1) != 0;
  d.committed = {static_cast<std::int64_t>(in.number(8))};
  d.epoch = in.number(8);
  d.sequence = in.number(8);
  d.vehicle = in.text(1);
  d.topic = in.text(2);
  d.cohort = in.text(1);
  d.mid = in.text(1);
  d.catalogue = in.text(1);
  d.payload = in.bytes(4);
  return d;
}

Result<TombstoneRange> get_tombstones(WireReader& in) {
  TombstoneRange range;
  const std::uint64_t outcome = in.number(1);
  if (outcome == 0 || outcome > static_cast<std::uint64_t>(batch::Outcome::lost)) {
    return Error{Fault::malformed, "core record: outcome"};
  }
  range.outcome = static_cast<batch::Outcome>(outcome);
  for (std::uint64_t n = in.number(2); n > 0 && !in.failed(); --n) {
    std::string cohort = in.text(1);
    range.cohorts.emplace_back(std::move(cohort), in.number(8));
  }
  return range;
}

RequestLogged get_request(WireReader& in) {
  RequestLogged request;
  request.sequence = in.number(8);
  request.deadline = {static_cast<std::int64_t>(in.number(8))};
  request.edge = in.text(1);
  request.service = in.text(1);
  request.answer_topic = in.text(2);
  request.correlation = in.bytes(2);
  request.request = in.bytes(4);
  return request;
}

RequestAnswered get_answer(WireReader& in) {
  RequestAnswered answer;
  answer.sequence = in.number(8);
  answer.accepted = in.number(1) != 0;
  answer.reason = in.text(1);
  return answer;
}

CoreRecord tombstone_record(const batch::OutcomeRun& run) {
  CoreRecord record;
  TombstoneRange range;
  range.outcome = run.outcome;
  for (const auto& [cohort, totals] : run.cohorts)
    range.cohorts.emplace_back(cohort, std::max(totals.sum(), totals.resent));
  record.first = run.first;
  record.count = run.count;
  record.what = std::move(range);
  return record;
}

}  // namespace

void encode_core_record(const CoreRecord& record, Bytes& bytes) {
  bytes.clear();
  WireWriter out(bytes);
  out.number(kVersion, 1);
  out.number(record.what.index(), 1);
  out.number((record.first_of_batch ? kFirst : 0U) | (record.last_of_batch ? kLast : 0U), 1);
  out.number(index_of(record.lane), 1);
  out.raw(record.uuid.bytes);
  out.number(record.first.value, 8);
  out.number(record.count, 8);
  out.number(static_cast<std::uint64_t>(record.received.value), 8);
  if (record.last_of_batch) out.raw(record.after.bytes);
  std::visit([&](const auto& what) { put(out, what); }, record.what);
}

Result<CoreRecord> decode_core_record(ByteView bytes) {
  WireReader in(bytes);
  CoreRecord out;
  if (in.number(1) != kVersion) return Error{Fault::unsupported, "core record: version"};
  const std::uint64_t kind = in.number(1);
  const std::uint64_t flags = in.number(1);
  const std::uint64_t lane = in.number(1);
  if (lane >= kLanes || kind > 3) return Error{Fault::malformed, "core record: lane or kind"};
  out.lane = static_cast<Lane>(lane);
  out.first_of_batch = (flags & kFirst) != 0;
  out.last_of_batch = (flags & kLast) != 0;
  in.fill(out.uuid.bytes);
  out.first = {in.number(8)};
  out.count = in.number(8);
  out.received = {static_cast<std::int64_t>(in.number(8))};
  if (out.last_of_batch) in.fill(out.after.bytes);
  if (kind == 0) out.what = get_delivered(in, out.first);
  if (kind == 1) {
    Result<TombstoneRange> range = get_tombstones(in);
    if (!range) return range.error();
    out.what = std::move(*range);
  }
  if (kind == 2) out.what = get_request(in);
  if (kind == 3) out.what = get_answer(in);
  if (!in.done()) return Error{Fault::malformed, "core record: length"};
  return out;
}

std::vector<CoreRecord> records_of(const batch::Decoded& batch, WallMs received) {
  std::vector<CoreRecord> out;
  auto delivered = batch.delivered.begin();
  for (const batch::OutcomeRun& run : batch.runs) {
    if (run.outcome != batch::Outcome::deliver) {
      out.push_back(tombstone_record(run));
      continue;
    }
    for (std::uint64_t i = 0; i < run.count && delivered != batch.delivered.end(); ++i, ++delivered) {
      CoreRecord record;
      record.first = delivered->offset;
      record.what = *delivered;
      out.push_back(std::move(record));
    }
  }
  for (CoreRecord& record : out) {
    record.first_of_batch = false;
    record.last_of_batch = false;
    record.lane = batch.lane;
    record.uuid = batch.uuid;
    record.received = received;
  }
  if (out.empty()) return out;
  out.front().first_of_batch = true;
  out.back().last_of_batch = true;
  out.back().after = batch.after;
  return out;
}

namespace {

bool continues(const CoreRecord& before, const CoreRecord& record) {
  return record.uuid == before.uuid && record.lane == before.lane && record.first >= before.first + before.count;
}

}  // namespace

bool BatchAssembler::ends_before(const CoreRecord& next) const {
  return open_ && damaged_ && next.first_of_batch && continues(batch_.back(), next);
}

bool BatchAssembler::add(CoreRecord record) {
  const bool damaged = std::exchange(damaged_, false);
  const bool follows = open_ && !record.first_of_batch && continues(batch_.back(), record);
  if (!follows) {
    batch_.clear();
    // Otherwise the head of this batch is below where reading began. A damaged one is missed, and the rest counts.
    open_ = record.first_of_batch || damaged;
  }
  if (!open_) return false;
  batch_.push_back(std::move(record));
  open_ = !batch_.back().last_of_batch;
  return !open_;
}

}  // namespace wayside::bridge::core
