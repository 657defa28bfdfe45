// The core log: the lanes where accepted batches and requests become durable before they are acknowledged, and
// the standings and the window of source ids that follow from them.
//
// Owns     the volume lock and a LaneWriter per lane of `root`, the checkpoint and the files of the windows and of the
//          places beside them.
// Thread   one, the core machine's. Sinks read the lanes through LaneReader.
// Durable  what flush() returned ok for; durable() shows nothing else. The checkpoint only shortens recovery. What the
//          lanes no longer hold: the file of the windows tells repeats of it, that of the places where vehicles are.
// Limits   lane_bytes_max a lane. Segments go once all sinks, the checkpoint, open requests and, of the event lane, the
//          file of the places are past them.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/branch_trail.h"
#include "bridge/core/checkpoint.h"
#include "bridge/core/core_record.h"
#include "bridge/core/dedupe.h"
#include "bridge/core/places_file.h"
#include "bridge/core/standings.h"
#include "bridge/core/vehicle_places.h"
#include "bridge/core/window_file.h"
#include "common/disk.h"
#include "spool/lane.h"
#include "spool/spool.h"

namespace wayside::bridge::core {

// What a sink holds of a core log: below these core offsets all was durable there once.
struct SinkHolds {
  SpoolUuid log;
  std::array<Offset, kLanes> below{};
};

struct CoreLogOptions {
  std::string root;
  SpoolUuid fresh;  // identity of a volume that is made now
  std::uint64_t segment_bytes_max = 64U << 20U;
  std::uint64_t lane_cached_bytes_max = 64U << 20U;  // in the page cache, of a lane's sealed segments
  std::uint64_t lane_bytes_max = 4ULL << 30U;
  std::uint32_t record_bytes_max = 4U << 20U;
  std::uint64_t checkpoint_records = 50'000;
  std::size_t vehicles_max = 1'000'000;  // whose place is known
  std::size_t places_a_piece = 4'096;    // what a turn writes of their file
  DedupeOptions dedupe;                  // of a lane
  // Where the end of a lane is damaged below one of them, that is rot: lost, and its offsets are not given out again.
  std::vector<SinkHolds> sinks;
};

// A request in the log that has no answer there.
struct OpenRequestRecord {
  Offset at{};  // core offset, command lane
  RequestLogged request;
};

class CoreLog {
 public:
  // Recovers: checkpoint, then every record after it. `sentences` are ready for the log.
  static Result<std::unique_ptr<CoreLog>> open(Disk& disk, CoreLogOptions options, std::vector<std::string>* sentences);

  // Makes tombstones of the records that repeat one delivered before, or earlier in the batch. Judged by what was
  // appended up to now: to be appended next.
  void settle_repeats(std::vector<CoreRecord>& batch) const;
  // record_too_large: a record of it, or all of them together, is more than will ever be taken at once.
  // Puts a whole batch, or nothing of it, into the lane's open group; staged() shows it at once, durable() after flush.
  [[nodiscard]] spool::AppendOutcome append(const std::vector<CoreRecord>& batch, WallMs now, Offset* end = nullptr);
  // Makes what was appended durable. A lane that fails falls back to what was durable; its error is returned
  // (the last one) and `failed` has the lane set.
  Result<void> flush(WallMs now, std::array<bool, kLanes>* failed);
  [[nodiscard]] bool dirty() const;

  [[nodiscard]] const Standings& staged() const { return staged_; }
  [[nodiscard]] const Standings& durable() const { return durable_; }
  // Binds and checkpoints: durable when true returns, not done on an error.
  Result<bool> bind(const SpoolUuid& uuid, const std::string& edge);
  // Takes a bound uuid from its edge; durable when it returns ok, not done otherwise.
  Result<void> rebind(const SpoolUuid& uuid, const std::string& edge);

  // What of a batch no flush made durable is overruled, so that no death brings it back. Nothing is staged.
  Result<void> fence();
  BranchTrails& trails() { return trails_; }
  // As of what was appended: it was said, whatever becomes of the record.
  [[nodiscard]] const VehiclePlaces& places() const { return places_; }

  [[nodiscard]] std::vector<OpenRequestRecord> take_open_requests() { return std::move(open_requests_); }
  [[nodiscard]] std::uint64_t next_sequence() const { return next_sequence_; }
  std::uint64_t take_sequence() { return next_sequence_++; }
  // The oldest request that is still open, or synced of the command lane.
  void hold_command_lane(Offset oldest_open) { oldest_open_ = oldest_open; }

  [[nodiscard]] Offset synced(Lane lane) const { return writers_[index_of(lane)]->synced(); }
  [[nodiscard]] std::uint64_t bytes(Lane lane) const { return writers_[index_of(lane)]->bytes(); }
  [[nodiscard]] std::uint64_t room(Lane lane) const;
  [[nodiscard]] std::uint64_t open_group_bytes(Lane lane) const { return writers_[index_of(lane)]->open_group_bytes(); }
  [[nodiscard]] const RepeatWindow& repeats(Lane lane) const { return repeats_[index_of(lane)]; }
  // Core records whose source ids this start did not find.
  [[nodiscard]] std::uint64_t forgotten(Lane lane) const { return forgotten_[index_of(lane)]; }
  [[nodiscard]] const spool::Volume& volume() const { return volume_; }

  Result<void> checkpoint();
  // What is due of the file of the places, which checkpoint() and release() only ask for: once a turn. On an error that
  // file stays as it was, until they ask again.
  Result<void> write_places();
  [[nodiscard]] bool checkpoint_due() const { return since_checkpoint_ >= options_.checkpoint_records; }
  Result<std::uint64_t> release(Lane lane, Offset sinks_are_past);
  Result<void> seal();

 private:
  CoreLog(Disk& disk, CoreLogOptions options, spool::Volume volume)
      : disk_(disk),
        options_(std::move(options)),
        volume_(std::move(volume)),
        trails_(disk_, options_.root),
        places_(options_.vehicles_max) {
    repeats_.fill(RepeatWindow(options_.dedupe));
  }
  [[nodiscard]] Offset proven(Lane lane) const;
  Result<void> open_lane(Lane lane, std::vector<std::string>* sentences);
  StoredWindows stored_windows(std::optional<StoredWindows> legacy, std::vector<std::string>* sentences);
  [[nodiscard]] bool holds(Lane lane, spool::LaneReader& reader, const StoredWindow& window) const;
  Result<void> recover_window(Lane lane, StoredWindow stored, std::vector<std::string>* sentences);
  void forget(Lane lane, Offset up_to, std::vector<std::string>* sentences);
  void read_window(Lane lane, spool::LaneReader& reader, std::vector<std::string>* sentences);
  void note_replayed(const std::vector<CoreRecord>& batch, Offset last);
  Result<void> replay(Lane lane, std::vector<std::string>* sentences);
  void replay_batch(const std::vector<CoreRecord>& batch, Offset last, std::vector<std::string>* sentences);
  void replay_request(const CoreRecord& record, Offset at);
  void note_places(const std::vector<CoreRecord>& batch, const Standings& standings);
  PlacesAsOf stored_places(std::vector<std::string>* sentences);
  Result<void> recover_places(const PlacesAsOf& stored, std::vector<std::string>* sentences);
  Result<void> read_places(Offset from, std::vector<std::string>* sentences);
  [[nodiscard]] bool places_due() const;
  [[nodiscard]] bool places_hold(Offset others_are_past) const;
  void begin_places();
  Result<void> keep_places();
  [[nodiscard]] Offset needed_from(Lane lane) const;
  void revert(Lane lane);
  [[nodiscard]] Offset scan_from_now(Lane lane) const;
  [[nodiscard]] StoredWindows windows_now() const;

  Disk& disk_;
  CoreLogOptions options_;
  spool::Volume volume_;
  BranchTrails trails_;
  VehiclePlaces places_;
  Offset places_below_{};  // of the event lane: what lies below is in their file
  std::optional<PlacesWriter> places_writer_;
  std::array<std::unique_ptr<spool::LaneWriter>, kLanes> writers_;
  std::array<bool, kLanes> dirty_{};
  Standings staged_;
  Standings durable_;
  std::array<RepeatWindow, kLanes> repeats_;  // of what is staged; each can fall back to what is durable
  std::array<Offset, kLanes> noted_{};        // recovery: the window holds what was delivered below it
  std::array<std::uint64_t, kLanes> forgotten_{};
  std::vector<LaneKey> touched_;  // staged and not durable yet
  std::vector<OpenRequestRecord> open_requests_;
  std::array<Offset, kLanes> accounted_{};
  std::array<Offset, kLanes> scan_from_{};
  Offset oldest_open_{};
  std::uint64_t next_sequence_ = 1;
  std::uint64_t since_checkpoint_ = 0;
};

}  // namespace wayside::bridge::core
