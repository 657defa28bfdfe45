// Segment files by name, and reading one through a bounded window.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/disk.h"
#include "common/result.h"
#include "common/types.h"
#include "spool/codec.h"
#include "spool/lane.h"

namespace wayside::spool {

inline constexpr std::string_view kSegmentSuffix = ".seg";
inline constexpr std::string_view kTemporarySuffix = ".tmp";
inline constexpr const char* kSyncedPage = "synced.page";
inline constexpr const char* kSettledPage = "settled.page";
inline constexpr const char* kSettlementFile = "settlement.log";

// 20 digits of the base offset, so that names sort as offsets do.
std::string segment_path(const std::string& dir, Offset base);
// Base offsets of the segments in `dir`, ascending. Other names are not ours to touch.
Result<std::vector<Offset>> list_segments(Disk& disk, const std::string& dir);

// The synced page: word 0 is the value, word 1 its copy, stored first. As evidence for recovery the lower of
// the two counts, so that one rotten word claims nothing. Words 2 and 3 say which branch the writer is at and where
// it began; after a loss of power they mean nothing until a writer has opened the lane again.
class SyncedPage {
 public:
  static Result<SyncedPage> open(Disk& disk, const std::string& dir);
  [[nodiscard]] Offset load() const { return {value_->load()}; }
  [[nodiscard]] Offset evidence() const;
  void store(Offset synced);
  [[nodiscard]] Branch branch() const { return {{branch_at_->load()}, branch_->load()}; }
  void store(const Branch& branch);

 private:
  std::unique_ptr<SharedWord> value_;
  std::unique_ptr<SharedWord> copy_;
  std::unique_ptr<SharedWord> branch_at_;
  std::unique_ptr<SharedWord> branch_;
};

// Owns     one open file and one buffer.   Thread   one.   Durable  -
// Limits   the buffer is kWindowBytes or what one view needs.
class FileWindow {
 public:
  explicit FileWindow(std::unique_ptr<DiskFile> file) : file_(std::move(file)) {}
  // `size` bytes at `at`, fewer only at the end of the file. Valid until the next call.
  Result<ByteView> view(std::uint64_t at, std::size_t size) {
    const bool inside = at >= start_ && at - start_ <= buffer_.size() && buffer_.size() - (at - start_) >= size;
    return inside ? ByteView(buffer_).subspan(at - start_, size) : read(at, size);
  }
  // Forgets what was read: a writer may have written since.
  void invalidate() { buffer_.clear(); }
  Result<std::uint64_t> size() { return file_->size(); }

 private:
  Result<ByteView> read(std::uint64_t at, std::size_t size);

  std::unique_ptr<DiskFile> file_;
  Bytes buffer_;
  std::uint64_t start_ = 0;
};

// The footer that ends the file, if one does and it is intact.
Result<std::optional<Footer>> read_footer(const Identity& identity, FileWindow& file);
bool all_zero(ByteView bytes);

struct Claims {
  std::optional<Claim> newest;  // of the slots that verify, that with the highest sequence
  // A slot holds something and does not verify. A claim is one sector, written whole or not at all: this one has
  // rotted, and it may have been the newest.
  bool rotten = false;
};
Result<Claims> read_claims(const Identity& identity, FileWindow& file);
// The chain digest before `at`, if it is one of the two that the newest claim knows.
Result<std::optional<Digest>> claimed_digest(const Identity& identity, FileWindow& file, Offset at);

}  // namespace wayside::spool
