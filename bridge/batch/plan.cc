#include "bridge/batch/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "common/topic/topic.h"
#include "schemas/verified.h"

namespace wayside::bridge::batch {
namespace {

// A SignalBatch that would unfold to more than this travels as it came: shared strings make few bytes many.
constexpr std::size_t kColumnsPayloadBytesMax = 256U << 10U;
// Upper bounds of what one piece adds to the FlatBuffer: varints of 10 bytes, offsets, alignment.
constexpr std::uint64_t kRecordRawBytes = 128;
constexpr std::uint64_t kSampleRawBytes = 24;
constexpr std::uint64_t kColumnRawBytes = 128;
// Columns, runs and their cohorts are tables; the verifier counts at most 10,000.
constexpr std::uint64_t kTablesMax = schemas::kVerifierTablesMax - 1'000;

std::uint64_t rebuilt_bytes(const schemas::SignalBatchValues& batch) {
  std::uint64_t bytes = 128;
  for (const auto& signal : batch.signals) {
    bytes += 96 + signal.path.size();
    if (const auto* text = std::get_if<std::string>(&signal.value)) bytes += text->size();
  }
  return bytes;
}

// What has been taken so far, against the limits.
class Room {
 public:
  explicit Room(const Limits& limits) : limits_(limits) {}

  // False: the record does not fit any more (the first always does).
  bool take(const PlannedRecord& record) {
    Use use = used_;
    add(record, use);
    const bool fits = use.records <= limits_.records_max && use.raw_bytes <= limits_.raw_bytes_max &&
                      use.payload_bytes <= limits_.payload_bytes_max / 2 && use.tables <= kTablesMax;
    if (!fits && used_.records > 0) return false;
    used_ = use;
    return true;
  }

 private:
  struct Use {
    std::uint64_t records = 0;
    std::uint64_t raw_bytes = 1024;
    std::uint64_t payload_bytes = 0;
    std::uint64_t tables = 8;
  };

  void add(const PlannedRecord& planned, Use& use) {
    ++use.records;
    use.raw_bytes += kRecordRawBytes;
    use.tables += 2;  // a run and its cohort
    if (!planned.record) return;
    const schemas::RecordView& record = *planned.record;
    use.raw_bytes += record.vehicle.size() + record.topic.size() + record.cohort.size() + record.mid.size();
    if (!planned.signals) {
      use.raw_bytes += record.payload.size();
      use.payload_bytes += record.payload.size();
      return;
    }
    use.payload_bytes += rebuilt_bytes(*planned.signals);
    for (const auto& signal : planned.signals->signals) {
      use.raw_bytes += kSampleRawBytes;
      if (const auto* text = std::get_if<std::string>(&signal.value)) use.raw_bytes += text->size() + 8;
      if (!columns_.emplace(signal.path, signal.value.index()).second) continue;
      use.raw_bytes += kColumnRawBytes + signal.path.size();
      ++use.tables;
    }
  }

  const Limits& limits_;
  Use used_;
  std::set<std::pair<std::string, std::size_t>> columns_;
};

PlannedRecord judge(const spool::ReadRecord& read) {
  PlannedRecord planned;
  planned.read = &read;
  planned.outcome = Outcome::lost;
  if (read.lost) return planned;
  const auto record = schemas::decode_record(read.body);
  if (!record || !valid_record(record->vehicle, record->topic, record->cohort, record->mid)) return planned;
  planned.record = *record;
  planned.outcome = Outcome::deliver;
  if (!record->signal_batch) return planned;
  auto signals = schemas::parse_signal_batch(record->payload);
  if (!signals) return planned;  // says it is one and is not: bytes like any other
  planned.kind = Kind::signal_bytes;
  if (signals->sequence != record->sequence || rebuilt_bytes(signals.value()) > kColumnsPayloadBytesMax) return planned;
  planned.kind = Kind::columns;
  planned.signals = std::move(signals).value();
  return planned;
}

const Rule* rule_of(const std::vector<Rule>& rules, const schemas::RecordView& record) {
  constexpr std::string_view kSlot = "{vehicle}";
  for (const Rule& rule : rules) {
    std::string filter = rule.topic_filter;
    if (const std::size_t at = filter.find(kSlot); at != std::string::npos) {
      filter.replace(at, kSlot.size(), record.vehicle);
    }
    if (topic::matches(filter, record.topic)) return &rule;
  }
  return nullptr;
}

// The core keeps the digest at a batch's end and compares it after every reconnect. One that the volume has stored can
// be compared whatever rots between; one that had to be made up says least. At least one record stays.
void end_where_the_digest_is_known(std::vector<PlannedRecord>& planned) {
  for (const auto least : {spool::DigestSource::stored, spool::DigestSource::linked}) {
    const auto last = std::find_if(planned.rbegin(), planned.rend(),
                                   [least](const PlannedRecord& record) { return record.read->source >= least; });
    if (last == planned.rend()) continue;
    planned.erase(last.base(), planned.end());
    return;
  }
}

// From the last to the first: a SignalBatch under `latest` goes if every signal of it comes again, delivered, in a
// later one of the same vehicle.
class Latest {
 public:
  void apply(PlannedRecord& planned, bool latest) {
    if (planned.outcome != Outcome::deliver || !planned.signals) return;
    auto& later = later_[std::string(planned.record->vehicle)];
    bool all = true;
    for (const auto& signal : planned.signals->signals) all = all && later.contains(signal.path);
    if (latest && all) {
      planned.outcome = Outcome::compacted;
      return;
    }
    for (const auto& signal : planned.signals->signals) later.insert(signal.path);
  }

 private:
  std::map<std::string, std::set<std::string>> later_;
};

}  // namespace

std::vector<PlannedRecord> plan(const std::vector<spool::ReadRecord>& records, const std::vector<Rule>& rules,
                                const Limits& limits, WallMs now) {
  std::vector<PlannedRecord> out;
  Room room(limits);
  for (const spool::ReadRecord& read : records) {
    PlannedRecord planned = judge(read);
    if (!room.take(planned)) break;
    out.push_back(std::move(planned));
  }
  end_where_the_digest_is_known(out);
  Latest latest;
  for (auto planned = out.rbegin(); planned != out.rend(); ++planned) {
    const Rule* rule = planned->record ? rule_of(rules, *planned->record) : nullptr;
    if (rule != nullptr && rule->ttl_ms > 0 && now.value - planned->read->time.value > rule->ttl_ms) {
      planned->outcome = Outcome::expired;
    }
    latest.apply(*planned, rule != nullptr && rule->policy == Policy::latest);
  }
  return out;
}

}  // namespace wayside::bridge::batch
