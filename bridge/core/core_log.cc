#include "bridge/core/core_log.h"

#include <algorithm>
#include <utility>

#include "spool/format.h"

namespace wayside::bridge::core {
namespace {

constexpr std::size_t kReplayRecords = 1'000;
constexpr std::uint64_t kReplayBytes = 8U << 20U;
// What a group may take beyond its records: its header and the padding to whole sectors.
constexpr std::uint64_t kGroupMarginBytes = spool::kGroupHeaderBytesMax + spool::kSectorBytes;

void say(std::vector<std::string>* sentences, std::string sentence) {
  if (sentences != nullptr) sentences->push_back(std::move(sentence));
}

}  // namespace

Result<std::unique_ptr<CoreLog>> CoreLog::open(Disk& disk, CoreLogOptions options,
                                               std::vector<std::string>* sentences) {
  Result<spool::Volume> volume = spool::open_volume(disk, options.root, spool::VolumeRole::writer, options.fresh);
  if (!volume) return std::move(volume).error().with("core log");
  std::unique_ptr<CoreLog> log(new CoreLog(disk, std::move(options), std::move(*volume)));
  Result<std::optional<Checkpoint>> stored = load_checkpoint(disk, log->options_.root);
  if (!stored && stored.error().fault != Fault::corrupt) return stored.error();
  if (!stored) say(sentences, stored.error().what + ": the whole log is read");
  if (stored && *stored) {
    Checkpoint& checkpoint = **stored;
    log->durable_ = std::move(checkpoint.standings);
    log->accounted_ = checkpoint.accounted;
    log->scan_from_ = checkpoint.scan_from;
    log->next_sequence_ = checkpoint.next_sequence;
    for (const Lane lane : kAllLanes) {
      log->repeats_[index_of(lane)].restore(std::move(checkpoint.seen[index_of(lane)]));
    }
  }
  for (const Lane lane : kAllLanes) {
    if (Result<void> opened = log->open_lane(lane, sentences); !opened) return opened.error();
    if (Result<void> replayed = log->replay(lane, sentences); !replayed) return replayed.error();
  }
  log->staged_ = log->durable_;
  log->oldest_open_ = log->open_requests_.empty() ? log->synced(Lane::command) : log->open_requests_.front().at;
  return log;
}

Result<void> CoreLog::open_lane(Lane lane, std::vector<std::string>* sentences) {
  spool::LaneOptions options;
  options.dir = volume_.lane_dir(lane);
  options.lane = lane;
  options.uuid = volume_.uuid;
  options.segment_bytes_max = options_.segment_bytes_max;
  options.lane_bytes_max = options_.lane_bytes_max;
  options.record_bytes_max = options_.record_bytes_max;
  spool::Recovery recovery;
  Result<std::unique_ptr<spool::LaneWriter>> writer =
      spool::LaneWriter::open(disk_, options, accounted_[index_of(lane)], &recovery);
  if (!writer) return std::move(writer).error().with(std::string("core log, lane ") + to_string(lane));
  for (std::string& sentence : recovery.sentences) say(sentences, std::move(sentence));
  writers_[index_of(lane)] = std::move(*writer);
  return {};
}

// Reads what the checkpoint does not account for. The command lane is read from its oldest open request.
Result<void> CoreLog::replay(Lane lane, std::vector<std::string>* sentences) {
  Result<std::unique_ptr<spool::LaneReader>> reader =
      spool::LaneReader::open(disk_, volume_.lane_dir(lane), volume_.uuid, lane);
  if (!reader) return reader.error();
  const Result<Offset> oldest = (*reader)->oldest();
  if (!oldest) return oldest.error();
  Offset at = scan_from_[index_of(lane)];
  if (at < *oldest) {
    if (at.value == 0 && accounted_[index_of(lane)].value == 0) {
      return Error{Fault::corrupt, "the core log begins at " + std::to_string(oldest->value) +
                                       " and no checkpoint says what came before"};
    }
    at = *oldest;
  }
  BatchAssembler assembler;
  const Offset end = synced(lane);
  while (at < end) {
    Result<std::vector<spool::ReadRecord>> records = (*reader)->read(at, kReplayRecords, kReplayBytes);
    if (!records) return records.error();
    if (records->empty()) break;
    for (const spool::ReadRecord& record : *records) {
      at = record.offset + 1;
      if (record.lost) {
        say(sentences, wayside_id(volume_.uuid, lane, record.offset) + ": a record of the core log is damaged");
        continue;
      }
      Result<CoreRecord> decoded = decode_core_record(record.body);
      if (!decoded) return std::move(decoded).error().with("core log " + wayside_id(volume_.uuid, lane, record.offset));
      if (assembler.add(std::move(*decoded))) replay_batch(assembler.batch(), record.offset, sentences);
    }
  }
  accounted_[index_of(lane)] = end;
  return {};
}

void CoreLog::replay_batch(const std::vector<CoreRecord>& batch, Offset last, std::vector<std::string>* sentences) {
  ++since_checkpoint_;
  if (batch.front().what.index() >= 2) {
    for (const CoreRecord& record : batch) replay_request(record, last);
    return;
  }
  const ApplyOutcome outcome = durable_.apply(batch);
  // What the checkpoint accounts for is in its window too.
  if (outcome != ApplyOutcome::old) {
    RepeatWindow& window = repeats_[index_of(batch.front().lane)];
    note_delivered(window, batch);
    window.keep();
  }
  if (outcome != ApplyOutcome::gap) return;
  say(sentences, "lane " + std::string(to_string(batch.front().lane)) + " of spool " + to_string(batch.front().uuid) +
                     ": records up to offset " + std::to_string((batch.back().first + batch.back().count).value) +
                     " were lost with a damaged core log");
}

void CoreLog::replay_request(const CoreRecord& record, Offset at) {
  if (const auto* request = std::get_if<RequestLogged>(&record.what)) {
    next_sequence_ = std::max(next_sequence_, request->sequence + 1);
    open_requests_.push_back({at, *request});
    return;
  }
  const std::uint64_t sequence = std::get<RequestAnswered>(record.what).sequence;
  std::erase_if(open_requests_, [&](const OpenRequestRecord& open) { return open.request.sequence == sequence; });
}

void CoreLog::settle_repeats(std::vector<CoreRecord>& batch) const {
  if (!batch.empty()) core::settle_repeats(repeats_[index_of(batch.front().lane)], batch);
}

spool::AppendOutcome CoreLog::append(const std::vector<CoreRecord>& batch, WallMs now, Offset* end) {
  WAYSIDE_ASSERT(!batch.empty() && batch.front().first_of_batch && batch.back().last_of_batch);
  const Lane lane = batch.front().lane;
  spool::LaneWriter& writer = *writers_[index_of(lane)];
  std::vector<Bytes> bodies(batch.size());
  std::uint64_t framed = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    encode_core_record(batch[i], bodies[i]);
    if (bodies[i].size() > options_.record_bytes_max) return spool::AppendOutcome::record_too_large;
    framed += spool::framed_bytes(bodies[i].size());
  }
  // All of it or nothing: a head alone would lie behind what every sink has done and keep its segment for ever.
  if (framed + kGroupMarginBytes > room(lane)) return spool::AppendOutcome::lane_full;
  if (writer.open_group_bytes() + framed > spool::kGroupBytesMax) return spool::AppendOutcome::lane_full;
  Offset offset;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto* delivered = std::get_if<batch::Delivered>(&batch[i].what);
    const std::string_view cohort = delivered == nullptr ? std::string_view() : std::string_view(delivered->cohort);
    const spool::AppendOutcome outcome = writer.append(bodies[i], cohort, now, &offset);
    WAYSIDE_ASSERT(outcome == spool::AppendOutcome::appended);
    dirty_[index_of(lane)] = true;
  }
  since_checkpoint_ += batch.size();
  if (end != nullptr) *end = offset;
  if (batch.front().what.index() >= 2) return spool::AppendOutcome::appended;
  (void)staged_.apply(batch);
  note_delivered(repeats_[index_of(lane)], batch);
  touched_.emplace_back(batch.front().uuid, lane);
  return spool::AppendOutcome::appended;
}

bool CoreLog::dirty() const {
  return std::any_of(dirty_.begin(), dirty_.end(), [](bool dirty) { return dirty; });
}

Result<void> CoreLog::flush(WallMs now, std::array<bool, kLanes>* failed) {
  Result<void> result;
  for (const Lane lane : kAllLanes) {  // in order of service: an ack never waits for bulk
    const std::size_t i = index_of(lane);
    if (!std::exchange(dirty_[i], false)) continue;
    const Result<Offset> synced = writers_[i]->commit(now);
    if (!synced) {
      result = synced.error();
      if (failed != nullptr) (*failed)[i] = true;
      revert(lane);
      continue;
    }
    accounted_[i] = *synced;
    repeats_[i].keep();
    for (const LaneKey& key : touched_) {
      if (key.second == lane) durable_.put(key.first, lane, staged_.of(key.first, lane));
    }
  }
  touched_.clear();
  return result;
}

void CoreLog::revert(Lane lane) {
  repeats_[index_of(lane)].revert();
  for (const LaneKey& key : touched_) {
    if (key.second == lane) staged_.put(key.first, lane, durable_.of(key.first, lane));
  }
}

Result<bool> CoreLog::bind(const SpoolUuid& uuid, const std::string& edge) {
  bool is_new = false;
  const bool bound = durable_.bind(uuid, edge, &is_new);
  (void)staged_.bind(uuid, edge, nullptr);
  if (!is_new) return bound;
  WAYSIDE_ASSERT(!dirty());
  if (Result<void> stored = checkpoint(); !stored) return stored.error();
  return true;
}

Result<void> CoreLog::checkpoint() {
  Checkpoint out;
  out.accounted = accounted_;
  for (const Lane lane : kAllLanes) out.scan_from[index_of(lane)] = scan_from_now(lane);
  out.next_sequence = next_sequence_;
  out.standings = durable_;
  for (const Lane lane : kAllLanes) out.seen[index_of(lane)] = repeats_[index_of(lane)].durable();
  if (Result<void> stored = store_checkpoint(disk_, options_.root, out); !stored) return stored;
  scan_from_ = out.scan_from;
  since_checkpoint_ = 0;
  return {};
}

std::uint64_t CoreLog::room(Lane lane) const {
  const std::uint64_t used = writers_[index_of(lane)]->bytes() + writers_[index_of(lane)]->open_group_bytes();
  return used >= options_.lane_bytes_max ? 0 : options_.lane_bytes_max - used;
}

Offset CoreLog::scan_from_now(Lane lane) const {
  const Offset accounted = accounted_[index_of(lane)];
  return lane == Lane::command ? std::min(accounted, oldest_open_) : accounted;
}

// What the checkpoint does not account for stays. Few large records fill a lane long before checkpoint_records of
// them are there: what is due by bytes is then made here.
Result<std::uint64_t> CoreLog::release(Lane lane, Offset sinks_are_past) {
  const bool held = std::min(sinks_are_past, scan_from_now(lane)) > scan_from_[index_of(lane)];
  if (held && writers_[index_of(lane)]->bytes() > options_.lane_bytes_max / 4) {
    if (Result<void> stored = checkpoint(); !stored) return stored.error();
  }
  return writers_[index_of(lane)]->release_below(std::min(sinks_are_past, scan_from_[index_of(lane)]));
}

Result<void> CoreLog::seal() {
  if (Result<void> stored = checkpoint(); !stored) return stored;
  for (auto& writer : writers_) {
    if (Result<void> sealed = writer->seal(); !sealed) return sealed;
  }
  return {};
}

}  // namespace wayside::bridge::core
