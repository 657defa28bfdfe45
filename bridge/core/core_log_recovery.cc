// How the core log comes back: the checkpoint, the windows of source ids, and what the lanes hold after them.
#include <algorithm>
#include <utility>

#include "bridge/core/core_log.h"

namespace wayside::bridge::core {
namespace {

constexpr std::size_t kReplayRecords = 1'000;
constexpr std::uint64_t kReplayBytes = 8U << 20U;

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
  std::optional<StoredWindows> legacy;
  if (stored && *stored) {
    Checkpoint& checkpoint = **stored;
    log->durable_ = std::move(checkpoint.standings);
    log->accounted_ = checkpoint.accounted;
    log->scan_from_ = checkpoint.scan_from;
    log->next_sequence_ = checkpoint.next_sequence;
    legacy = std::move(checkpoint.windows);
  }
  StoredWindows windows = log->stored_windows(std::move(legacy), sentences);
  const PlacesAsOf places = log->stored_places(sentences);
  for (const Lane lane : kAllLanes) {
    if (Result<void> opened = log->open_lane(lane, sentences); !opened) return opened.error();
    if (Result<void> recovered = log->recover_window(lane, std::move(windows[index_of(lane)]), sentences); !recovered) {
      return recovered.error();
    }
    if (Result<void> replayed = log->replay(lane, sentences); !replayed) return replayed.error();
  }
  if (Result<void> recovered = log->recover_places(places, sentences); !recovered) return recovered.error();
  log->staged_ = log->durable_;
  log->oldest_open_ = log->open_requests_.empty() ? log->synced(Lane::command) : log->open_requests_.front().at;
  return log;
}

// What was durable by the word of the checkpoint or of a sink of this log.
Offset CoreLog::proven(Lane lane) const {
  Offset out = accounted_[index_of(lane)];
  for (const SinkHolds& sink : options_.sinks) {
    if (sink.log == volume_.uuid) out = std::max(out, sink.below[index_of(lane)]);
  }
  return out;
}

Result<void> CoreLog::open_lane(Lane lane, std::vector<std::string>* sentences) {
  spool::LaneOptions options;
  options.dir = volume_.lane_dir(lane);
  options.lane = lane;
  options.uuid = volume_.uuid;
  options.segment_bytes_max = options_.segment_bytes_max;
  options.lane_bytes_max = options_.lane_bytes_max;
  options.cached_bytes_max = options_.lane_cached_bytes_max;
  options.record_bytes_max = options_.record_bytes_max;
  spool::Recovery recovery;
  Result<std::unique_ptr<spool::LaneWriter>> writer = spool::LaneWriter::open(disk_, options, proven(lane), &recovery);
  if (!writer) return std::move(writer).error().with(std::string("core log, lane ") + to_string(lane));
  for (std::string& sentence : recovery.sentences) say(sentences, std::move(sentence));
  writers_[index_of(lane)] = std::move(*writer);
  return {};
}

// Whatever is wrong with the file costs the ids in it and no more.
StoredWindows CoreLog::stored_windows(std::optional<StoredWindows> legacy, std::vector<std::string>* sentences) {
  Result<std::optional<StoredWindows>> stored = load_windows(disk_, options_.root);
  if (stored && *stored) return std::move(**stored);
  if (!stored) say(sentences, stored.error().what + ": what the core log holds is read instead");
  return legacy ? std::move(*legacy) : StoredWindows{};
}

// Is it a window of this log?
bool CoreLog::holds(Lane lane, spool::LaneReader& reader, const StoredWindow& window) const {
  if (window.as_of > synced(lane)) return false;
  if (!window.digest) return true;
  if (window.as_of == synced(lane)) return *window.digest == writers_[index_of(lane)]->digest();
  const Result<Digest> digest = reader.digest_before(window.as_of);
  return digest.ok() && *digest == *window.digest;
}

// The window as it was stored, and what the log delivered from there up to where replay() begins.
Result<void> CoreLog::recover_window(Lane lane, StoredWindow stored, std::vector<std::string>* sentences) {
  const std::size_t i = index_of(lane);
  if (!repeats_[i].enabled()) return {};
  Result<std::unique_ptr<spool::LaneReader>> reader =
      spool::LaneReader::open(disk_, volume_.lane_dir(lane), volume_.uuid, lane);
  if (!reader) return reader.error();
  const Result<Offset> oldest = (*reader)->oldest();
  if (!oldest) return oldest.error();
  if (holds(lane, **reader, stored)) {
    noted_[i] = stored.as_of;
    repeats_[i].restore(std::move(stored.seen));
  }
  if (noted_[i] < *oldest) forget(lane, *oldest, sentences);
  read_window(lane, **reader, sentences);
  return {};
}

void CoreLog::forget(Lane lane, Offset up_to, std::vector<std::string>* sentences) {
  Offset& noted = noted_[index_of(lane)];
  const std::uint64_t records = up_to - noted;
  forgotten_[index_of(lane)] += records;
  noted = up_to;
  say(sentences, "lane " + std::string(to_string(lane)) + " of the core log: the source ids of up to " +
                     std::to_string(records) + " records below " + std::to_string(up_to.value) +
                     " are forgotten, their repeats are delivered");
}

// What cannot be read here was read when it was accounted for: it costs its ids.
void CoreLog::read_window(Lane lane, spool::LaneReader& reader, std::vector<std::string>* sentences) {
  BatchAssembler assembler;
  const Offset end = std::min(scan_from_[index_of(lane)], synced(lane));
  Offset at = noted_[index_of(lane)];
  while (at < end) {
    Result<std::vector<spool::ReadRecord>> records = reader.read(at, kReplayRecords, kReplayBytes);
    if (!records || records->empty()) return forget(lane, end, sentences);
    for (const spool::ReadRecord& record : *records) {
      if (record.offset >= end) return;
      at = record.offset + 1;
      if (record.lost) {
        assembler.damaged();
        continue;
      }
      Result<CoreRecord> decoded = decode_core_record(record.body);
      if (decoded && assembler.ends_before(*decoded)) note_replayed(assembler.batch(), record.offset);
      if (decoded && assembler.add(std::move(*decoded))) note_replayed(assembler.batch(), record.offset);
    }
  }
}

void CoreLog::note_replayed(const std::vector<CoreRecord>& batch, Offset last) {
  const std::size_t i = index_of(batch.front().lane);
  if (last < noted_[i]) return;
  note_delivered(repeats_[i], batch);
  repeats_[i].keep();
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
        assembler.damaged();
        continue;
      }
      Result<CoreRecord> decoded = decode_core_record(record.body);
      if (!decoded) return std::move(decoded).error().with("core log " + wayside_id(volume_.uuid, lane, record.offset));
      if (assembler.ends_before(*decoded)) replay_batch(assembler.batch(), record.offset, sentences);
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
  note_replayed(batch, last);
  note_places(batch, durable_);
  if (outcome != ApplyOutcome::gap) return;
  say(sentences, "lane " + std::string(to_string(batch.front().lane)) + " of spool " + to_string(batch.front().uuid) +
                     ": records up to offset " + std::to_string((batch.back().first + batch.back().count).value) +
                     " were lost with a damaged core log");
}

// Before the lanes are read: what they add is not in the file yet.
PlacesAsOf CoreLog::stored_places(std::vector<std::string>* sentences) {
  const Result<std::optional<PlacesAsOf>> stored = load_places(disk_, options_.root, places_);
  if (!stored) say(sentences, stored.error().what + ": what the core log holds is read instead");
  if (!stored || !*stored) return {};
  places_.kept(places_.changes());
  return **stored;
}

// What replay() did not read: from where the file ends, or, without a file of this log, all that there is.
Result<void> CoreLog::recover_places(const PlacesAsOf& stored, std::vector<std::string>* sentences) {
  if (stored.log == volume_.uuid && stored.below <= synced(Lane::event)) places_below_ = stored.below;
  return read_places(places_below_, sentences);
}

// What cannot be read costs the places that it told and no more.
Result<void> CoreLog::read_places(Offset from, std::vector<std::string>* sentences) {
  Result<std::unique_ptr<spool::LaneReader>> reader =
      spool::LaneReader::open(disk_, volume_.lane_dir(Lane::event), volume_.uuid, Lane::event, spool::Reading::once);
  if (!reader) return reader.error();
  const Result<Offset> oldest = (*reader)->oldest();
  if (!oldest) return oldest.error();
  const Offset end = std::min(scan_from_[index_of(Lane::event)], synced(Lane::event));
  for (Offset at = std::max(from, *oldest); at < end;) {
    const Result<std::vector<spool::ReadRecord>> records = (*reader)->read(at, kReplayRecords, kReplayBytes);
    if (!records || records->empty()) {
      say(sentences, "where vehicles are is not known from offset " + std::to_string(at.value) +
                         " of the event lane on: it cannot be read");
      return {};
    }
    for (const spool::ReadRecord& record : *records) {
      at = record.offset + 1;
      Result<CoreRecord> decoded = record.lost ? Error{Fault::corrupt, ""} : decode_core_record(record.body);
      if (decoded) note_places({std::move(*decoded)}, durable_);
    }
  }
  return {};
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

}  // namespace wayside::bridge::core
