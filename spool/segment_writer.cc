#include "spool/segment_writer.h"

#include <algorithm>

#include "spool/segment_file.h"

namespace wayside::spool {

SegmentWriter::SegmentWriter(std::unique_ptr<DiskFile> file, const SegmentHeader& header,
                             std::uint64_t segment_bytes_max)
    : file_(std::move(file)),
      identity_(header.identity),
      base_(header.base),
      segment_bytes_max_(segment_bytes_max),
      claim_{0, header.base, header.base, header.digest, header.digest} {}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(Disk& disk, const std::string& dir,
                                                             const SegmentHeader& header,
                                                             std::uint64_t segment_bytes_max) {
  const std::string path = segment_path(dir, header.base);
  const std::string temporary = path + std::string(kTemporarySuffix);
  auto stale = disk.exists(temporary);
  if (!stale) return std::move(stale).error();
  if (*stale) {
    if (auto removed = disk.remove(temporary); !removed) return std::move(removed).error();
  }
  auto file = disk.open(temporary, OpenMode::create_new);
  if (!file) return std::move(file).error();
  std::unique_ptr<SegmentWriter> writer(new SegmentWriter(std::move(file).value(), header, segment_bytes_max));
  if (auto done = writer->begin(header); !done) {
    // What it could reserve of a full volume is somebody's room. Where it cannot go, the next attempt removes it.
    static_cast<void>(disk.remove(temporary));
    return std::move(done).error();
  }
  if (auto done = disk.rename(temporary, path); !done) return std::move(done).error();
  if (auto done = disk.fsync_dir(dir); !done) return std::move(done).error();
  return writer;
}

Result<void> SegmentWriter::begin(const SegmentHeader& header) {
  if (auto done = allocate(kHeaderBytes); !done) return done;
  if (auto done = file_->pwrite(encode_header(header), 0); !done) return done;
  return file_->fdatasync();
}

Result<void> SegmentWriter::allocate(std::uint64_t end) {
  if (end <= allocated_) return {};
  const std::uint64_t ahead = std::min(allocated_ + kAllocateStepBytes, round_to_sector(segment_bytes_max_));
  const std::uint64_t size = std::max(end, ahead);
  auto done = file_->fallocate(size);
  if (done) allocated_ = size;
  return done;
}

// Made durable by the sync of the group it stands behind, whose journal commit it shares.
Result<void> SegmentWriter::fill_ahead(std::uint64_t group_bytes) {
  const std::uint64_t end = tail_ + group_bytes;
  if (end <= filled_) return {};
  filled_ = end;
  const std::uint64_t to = std::min(end + kFillAheadBytes, allocated_);
  if (group_bytes > kSmallGroupBytes || to <= end) return {};
  if (auto done = file_->pwrite(Bytes(to - end, 0), end); !done) return done;
  filled_ = to;
  return {};
}

Result<void> SegmentWriter::write_group(ByteView sectors, Offset head, const Digest& head_digest) {
  WAYSIDE_ASSERT(sectors.size() % kSectorBytes == 0 && head > claim_.head);
  if (auto done = allocate(tail_ + sectors.size()); !done) return done;
  if (auto done = fill_ahead(sectors.size()); !done) return done;
  reach_ = tail_ + sectors.size();
  if (auto done = file_->pwrite(sectors, tail_); !done) return done;
  const Claim claim{claim_.sequence + 1, head, claim_.head, head_digest, claim_.head_digest};
  // The slots take turns: a claim torn by a power cut leaves the one before it.
  const std::uint64_t slot = kClaimAt + (claim.sequence % kClaimSlots) * kSectorBytes;
  if (auto done = file_->pwrite(encode_claim(identity_, claim), slot); !done) return done;
  if (auto done = file_->fdatasync(); !done) return done;
  claim_ = claim;
  tail_ += sectors.size();
  return {};
}

Result<void> SegmentWriter::seal(const Received& received) {
  auto size = write_footer(*file_, identity_, {base_, claim_.head, tail_, claim_.head_digest, received});
  if (!size) return std::move(size).error();
  tail_ = *size;
  return {};
}

void SegmentWriter::abandon(const Received& received) {
  if (auto cut = file_->truncate(tail_); !cut) {
    left_ = allocated_;  // the next segment's base overrules what stands above it
    return;
  }
  if (auto sealed = seal(received); sealed) return;
  // Likewise: without a footer the file is scanned, not misread. A loss of power may give it back what was cut, and the
  // start that finds it writes the footer.
  left_ = std::max(reach_, tail_) + footer_bytes(table_bytes(received));
}

Result<std::uint64_t> write_footer(DiskFile& file, const Identity& identity, const Footer& footer) {
  const Bytes bytes = encode_footer(identity, footer);
  const std::uint64_t size = footer.data_bytes + bytes.size();
  if (auto done = file.truncate(footer.data_bytes); !done) return std::move(done).error();
  if (auto done = file.pwrite(bytes, footer.data_bytes); !done) return std::move(done).error();
  if (auto done = file.fdatasync(); !done) return std::move(done).error();
  return size;
}

}  // namespace wayside::spool
