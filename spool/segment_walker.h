// Walks the offsets of one segment file in order: intact records, offsets whose record is gone, the end.
// Recovery and the reader share it, so that both see the same file the same way.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/disk.h"
#include "spool/chain.h"
#include "spool/codec.h"
#include "spool/segment_file.h"

namespace wayside::spool {

struct Step {
  enum class Kind : std::uint8_t { record, lost, end };
  Kind kind = Kind::end;
  Offset offset{};
  WallMs time{};
  ByteView body;  // valid until the next call of the walker
  Digest after;
  DigestSource source = DigestSource::linked;  // of `after`
  std::uint64_t framed_bytes = 0;
};

// Owns     one read handle.   Thread   one.   Durable  -
// Limits   FileWindow's buffer. Work of a step is bounded by the file, and is O(1) where nothing is damaged.
class SegmentWalker {
 public:
  // A damaged header is not an error: the file's name gives the base, the first intact group the digest.
  static Result<std::unique_ptr<SegmentWalker>> open(Disk& disk, const std::string& dir, const Identity& identity,
                                                     Offset base);

  // The next offset below `limit`; Kind::end at the limit, or where nothing intact follows in this file.
  Result<Step> next(Offset limit);
  // Moves to `at` without reading the records of groups before it. Stops early where nothing intact follows.
  Result<void> skip_to(Offset at);
  // Moves behind the next group whose end is at most `limit`; false: there is none.
  Result<bool> skip_group(Offset limit);

  // The offset at offset() is gone and the caller knows the digest after it, or made one up.
  void lose(const Digest& after, DigestSource source) { advance(after, source); }
  // Where the header that says it is damaged.
  void assume_digest(const Digest& before, DigestSource source = DigestSource::linked) {
    digest_ = before;
    source_ = source;
  }

  void invalidate() { file_.invalidate(); }
  [[nodiscard]] Offset base() const { return base_; }
  [[nodiscard]] Offset offset() const { return offset_; }         // next to be returned
  [[nodiscard]] const Digest& digest() const { return digest_; }  // before offset()
  [[nodiscard]] DigestSource source() const { return source_; }   // of digest()
  [[nodiscard]] const std::optional<SegmentHeader>& header() const { return header_; }
  [[nodiscard]] std::uint64_t position() const { return position_; }  // where the next group is looked for
  [[nodiscard]] std::uint64_t group_position() const { return group_position_; }
  [[nodiscard]] const GroupHeader& group() const { return group_; }  // the last one found
  FileWindow& file() { return file_; }

 private:
  SegmentWalker(FileWindow file, const Identity& identity, Offset base)
      : file_(std::move(file)), identity_(identity), base_(base), offset_(base) {}

  [[nodiscard]] bool in_group() const { return offset_ < group_.end() && offset_ >= group_.base && entered_; }
  Result<bool> find_group();  // from position_ on; sets group_ and lost_until_
  Result<bool> group_at(std::uint64_t at);
  Result<bool> record_at(std::uint64_t at, Offset offset, Step& step);  // false: it is not intact
  Result<void> bound_damage();                                          // the record at record_position_ is bad
  void leave_group();
  Step lost_step();
  void advance(const Digest& after, DigestSource source);

  FileWindow file_;
  Identity identity_;
  Offset base_;
  Offset offset_;
  Digest digest_;
  DigestSource source_ = DigestSource::stored;
  std::optional<SegmentHeader> header_;
  std::uint64_t position_ = kHeaderBytes;
  GroupHeader group_;
  bool entered_ = false;
  std::uint64_t group_position_ = 0;
  std::uint64_t record_position_ = 0;
  Offset lost_until_{};
  std::optional<Digest> resume_;  // stored digest before lost_until_
};

}  // namespace wayside::spool
