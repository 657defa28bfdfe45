#include "bridge/core/core_log.h"

#include <algorithm>
#include <utility>

#include "spool/format.h"

namespace wayside::bridge::core {
namespace {

constexpr std::uint64_t kSegmentsForPlaces = 4;

}  // namespace

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
  const spool::AppendOutcome room = writer.room_for(framed, batch.size());
  if (room != spool::AppendOutcome::appended) return room;
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
  note_places(batch, staged_);
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

Result<void> CoreLog::fence() {
  WAYSIDE_ASSERT(!dirty());
  for (auto& writer : writers_) {
    if (Result<void> done = writer->fence(); !done) return done;
  }
  return {};
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
  if (!is_new) return bound;
  WAYSIDE_ASSERT(!dirty());
  if (Result<void> stored = checkpoint(); !stored) {
    durable_.unbind(uuid);
    return stored.error();
  }
  (void)staged_.bind(uuid, edge, nullptr);
  return true;
}

Result<void> CoreLog::rebind(const SpoolUuid& uuid, const std::string& edge) {
  WAYSIDE_ASSERT(!dirty() && durable_.edges().contains(uuid));
  const std::string before = durable_.edges().at(uuid);
  durable_.rebind(uuid, edge);
  if (Result<void> stored = checkpoint(); !stored) {
    durable_.rebind(uuid, before);
    return stored;
  }
  staged_.rebind(uuid, edge);
  return {};
}

Result<void> CoreLog::checkpoint() {
  Checkpoint out;
  out.accounted = accounted_;
  for (const Lane lane : kAllLanes) out.scan_from[index_of(lane)] = scan_from_now(lane);
  out.next_sequence = next_sequence_;
  out.standings = durable_;
  if (places_due()) begin_places();
  // The windows first: what the checkpoint no longer needs of the log may go, and the ids of it with it.
  if (Result<void> stored = store_windows(disk_, options_.root, windows_now()); !stored) return stored;
  if (Result<void> stored = store_checkpoint(disk_, options_.root, out); !stored) return stored;
  scan_from_ = out.scan_from;
  since_checkpoint_ = 0;
  return {};
}

StoredWindows CoreLog::windows_now() const {
  StoredWindows out;
  for (const Lane lane : kAllLanes) {
    const std::size_t i = index_of(lane);
    out[i] = {writers_[i]->synced(), writers_[i]->digest(), repeats_[i].durable()};
  }
  return out;
}

std::uint64_t CoreLog::room(Lane lane) const {
  const std::uint64_t used = writers_[index_of(lane)]->bytes_after(0, 0);
  return used >= options_.lane_bytes_max ? 0 : options_.lane_bytes_max - used;
}

Offset CoreLog::scan_from_now(Lane lane) const {
  const Offset accounted = accounted_[index_of(lane)];
  return lane == Lane::command ? std::min(accounted, oldest_open_) : accounted;
}

void CoreLog::note_places(const std::vector<CoreRecord>& batch, const Standings& standings) {
  if (batch.front().lane != Lane::event) return;
  const auto edge = standings.edges().find(batch.front().uuid);
  if (edge == standings.edges().end()) return;
  for (const CoreRecord& record : batch) {
    const auto* delivered = std::get_if<batch::Delivered>(&record.what);
    if (delivered != nullptr && is_presence(delivered->topic)) places_.note(edge->second, delivered->payload);
  }
}

// All of them are written each time: not before the next start would have about as much to read.
bool CoreLog::places_due() const {
  const std::uint64_t behind = synced(Lane::event) - places_below_;
  return places_.changes() > 0 &&
         behind >= std::max<std::uint64_t>(options_.checkpoint_records, places_.vehicles() / 4);
}

void CoreLog::begin_places() {
  if (places_writer_) return;
  const PlacesAsOf as_of{volume_.uuid, synced(Lane::event)};
  places_writer_.emplace(disk_, options_.root, places_, as_of, options_.places_a_piece);
}

Result<void> CoreLog::write_places() {
  if (!places_writer_) return {};
  Result<void> written = places_writer_->write_piece();
  if (written && places_writer_->done()) {
    places_.kept(places_writer_->changes());
    places_below_ = places_writer_->below();
  }
  if (!written || places_writer_->done()) places_writer_.reset();
  return written;
}

// At the end, when nothing waits for it any more.
Result<void> CoreLog::keep_places() {
  places_writer_.reset();
  begin_places();
  while (places_writer_) {
    if (Result<void> written = write_places(); !written) return written;
  }
  return {};
}

// What is not in the checkpoint, or in the file of the places, is read again by the next start.
Offset CoreLog::needed_from(Lane lane) const {
  const Offset from = scan_from_[index_of(lane)];
  return lane == Lane::event && places_.changes() > 0 ? std::min(from, places_below_) : from;
}

// A few vehicles that moved keep no more than some segments of a lane that all others are past.
bool CoreLog::places_hold(Offset others_are_past) const {
  const std::uint64_t bytes_max =
      std::min(options_.lane_bytes_max / 4, kSegmentsForPlaces * options_.segment_bytes_max);
  return places_.changes() > 0 && others_are_past > places_below_ &&
         writers_[index_of(Lane::event)]->bytes() > bytes_max;
}

// What the checkpoint does not account for stays. Few large records fill a lane long before checkpoint_records of
// them are there: what is due by bytes is then made here.
Result<std::uint64_t> CoreLog::release(Lane lane, Offset sinks_are_past) {
  const bool held = std::min(sinks_are_past, scan_from_now(lane)) > scan_from_[index_of(lane)];
  if (held && writers_[index_of(lane)]->bytes() > options_.lane_bytes_max / 4) {
    if (Result<void> stored = checkpoint(); !stored) return stored.error();
  }
  if (lane == Lane::event && places_hold(std::min(sinks_are_past, scan_from_[index_of(lane)]))) begin_places();
  return writers_[index_of(lane)]->release_below(std::min(sinks_are_past, needed_from(lane)));
}

Result<void> CoreLog::seal() {
  if (places_.changes() > 0) {
    if (Result<void> kept = keep_places(); !kept) return kept;
  }
  if (Result<void> stored = checkpoint(); !stored) return stored;
  for (auto& writer : writers_) {
    if (Result<void> sealed = writer->seal(); !sealed) return sealed;
  }
  return {};
}

}  // namespace wayside::bridge::core
