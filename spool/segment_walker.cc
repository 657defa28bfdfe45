#include "spool/segment_walker.h"

#include "spool/chain.h"

namespace wayside::spool {

Result<std::unique_ptr<SegmentWalker>> SegmentWalker::open(Disk& disk, const std::string& dir, const Identity& identity,
                                                           Offset base) {
  const std::string path = segment_path(dir, base);
  auto file = disk.open(path, OpenMode::read);
  if (!file) return std::move(file).error();
  std::unique_ptr<SegmentWalker> walker(new SegmentWalker(FileWindow(std::move(file).value()), identity, base));
  auto page = walker->file_.view(0, kHeaderBytes);
  if (!page) return std::move(page).error();
  auto header = decode_header(identity, *page);
  if (!header && header.error().fault != Fault::corrupt) return std::move(header).error().with(path);
  if (header && header->base == base) {
    walker->digest_ = header->digest;
    if (header->made_up) walker->source_ = DigestSource::made_up;
    walker->header_ = std::move(header).value();
  } else if (base != Offset{}) {
    walker->source_ = DigestSource::made_up;
  }
  return walker;
}

Result<Step> SegmentWalker::next(Offset limit) {
  if (offset_ >= limit) return Step{};
  if (offset_ < lost_until_) return lost_step();
  if (!in_group()) {
    auto found = find_group();
    if (!found) return std::move(found).error();
    if (!*found) return Step{};
    if (offset_ < lost_until_) return lost_step();
  }
  Step step;
  auto intact = record_at(record_position_, offset_, step);
  if (!intact) return std::move(intact).error();
  if (!*intact) {
    if (auto bounded = bound_damage(); !bounded) return std::move(bounded).error();
    return lost_step();
  }
  record_position_ += step.framed_bytes;
  if (offset_ + 1 == group_.end()) {
    step.after = group_.after;
    step.source = DigestSource::stored;
  } else if (source_ == DigestSource::made_up) {
    step.after = chain_lost(group_.after, offset_);
    step.source = DigestSource::made_up;
  } else {
    step.after = chain(digest_, offset_, step.time, step.body);
  }
  advance(step.after, step.source);
  return step;
}

Result<void> SegmentWalker::skip_to(Offset at) {
  while (offset_ < at) {
    if (!in_group() && offset_ >= lost_until_) {
      auto found = find_group();
      if (!found) return std::move(found).error();
      if (!*found) return {};
    }
    if (in_group() && offset_ >= lost_until_ && group_.end() <= at) {
      leave_group();
      continue;
    }
    auto step = next(at);
    if (!step) return std::move(step).error();
    if (step->kind == Step::Kind::end) return {};
  }
  return {};
}

Result<bool> SegmentWalker::skip_group(Offset limit) {
  auto found = find_group();
  if (!found) return std::move(found).error();
  if (!*found || group_.end() > limit) {
    if (*found) position_ = group_position_;
    entered_ = false;
    return false;
  }
  leave_group();
  return true;
}

Result<bool> SegmentWalker::find_group() {
  auto size = file_.size();
  if (!size) return std::move(size).error();
  for (std::uint64_t at = position_; at + kGroupFixedBytes <= *size; at += kSectorBytes) {
    auto found = group_at(at);
    if (!found) return std::move(found).error();
    if (*found) return true;
  }
  return false;
}

Result<bool> SegmentWalker::group_at(std::uint64_t at) {
  auto fixed = file_.view(at, kGroupFixedBytes);
  if (!fixed) return std::move(fixed).error();
  // The magic alone decides for almost every sector; only then is a whole header looked at.
  if ((*fixed).size() < 4 || (*fixed)[0] != (kGroupMagic & 0xFFU) || (*fixed)[1] != ((kGroupMagic >> 8U) & 0xFFU))
    return false;
  auto bytes = file_.view(at, kGroupHeaderBytesMax);
  if (!bytes) return std::move(bytes).error();
  const auto group = decode_group_header(identity_, *bytes);
  if (!group || group->base < offset_) return false;
  if (group->base > offset_) {
    lost_until_ = group->base;
    resume_ = group->before;
  } else {
    digest_ = group->before;
    source_ = DigestSource::stored;
  }
  group_ = *group;
  entered_ = true;
  group_position_ = at;
  record_position_ = at + group->header_bytes;
  position_ = at + group->padded_bytes();
  return true;
}

Result<bool> SegmentWalker::record_at(std::uint64_t at, Offset offset, Step& step) {
  const std::uint64_t end = group_position_ + group_.header_bytes + group_.body_bytes;
  if (at + kRecordFrameBytes > end) return false;
  auto head = file_.view(at, kRecordFrameBytes);
  if (!head) return std::move(head).error();
  if ((*head).size() < kRecordFrameBytes) return false;
  const RecordFrame frame = decode_record_frame(*head);
  if (frame.offset != offset || frame.body_bytes > end - at - kRecordFrameBytes) return false;
  auto whole = file_.view(at, kRecordFrameBytes + frame.body_bytes);
  if (!whole) return std::move(whole).error();
  if (!record_intact(identity_, frame, *whole)) return false;
  step.kind = Step::Kind::record;
  step.offset = offset;
  step.time = frame.time;
  step.body = (*whole).subspan(kRecordFrameBytes);
  step.framed_bytes = (*whole).size();
  return true;
}

// One record is lost if its length still leads to an intact neighbour; otherwise the rest of the group is.
Result<void> SegmentWalker::bound_damage() {
  lost_until_ = group_.end();
  resume_ = group_.after;
  if (offset_ + 1 == group_.end()) return {};
  auto head = file_.view(record_position_, kRecordFrameBytes);
  if (!head) return std::move(head).error();
  if ((*head).size() < kRecordFrameBytes) return {};
  const std::uint64_t follows = record_position_ + kRecordFrameBytes + decode_record_frame(*head).body_bytes;
  Step next;
  auto neighbour = record_at(follows, offset_ + 1, next);
  if (!neighbour) return std::move(neighbour).error();
  if (*neighbour) {
    lost_until_ = offset_ + 1;
    resume_.reset();
    record_position_ = follows;
  }
  return {};
}

void SegmentWalker::leave_group() {
  offset_ = group_.end();
  digest_ = group_.after;
  source_ = DigestSource::stored;
  entered_ = false;
}

Step SegmentWalker::lost_step() {
  Step step;
  step.kind = Step::Kind::lost;
  step.offset = offset_;
  step.framed_bytes = kRecordFrameBytes;
  const bool stored = offset_ + 1 == lost_until_ && resume_;
  const Digest& follows = resume_ ? *resume_ : group_.after;
  step.after = stored ? follows : chain_lost(follows, offset_);
  step.source = stored ? DigestSource::stored : DigestSource::made_up;
  advance(step.after, step.source);
  return step;
}

void SegmentWalker::advance(const Digest& after, DigestSource source) {
  offset_ = offset_ + 1;
  digest_ = after;
  source_ = source;
  if (entered_ && offset_ >= group_.end()) entered_ = false;
}

}  // namespace wayside::spool
