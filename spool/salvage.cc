#include "spool/inspect.h"

namespace wayside::spool {
namespace {

// A frame whose length leads to the frame of the next offset, or to the end, most likely says what it said.
Result<bool> leads_on(FileWindow& file, std::uint64_t follows, std::uint64_t to, Offset offset) {
  if (follows == to) return true;
  auto next = file.view(follows, kRecordFrameBytes);
  if (!next) return std::move(next).error();
  return (*next).size() == kRecordFrameBytes && decode_record_frame(*next).offset == offset + 1;
}

}  // namespace

Result<void> salvage(FileWindow& file, const Identity& identity, std::uint64_t from, std::uint64_t to, Offset first,
                     Offset end, const std::function<void(const Salvage&)>& found) {
  for (std::uint64_t at = from; at + kRecordFrameBytes <= to;) {
    auto head = file.view(at, kRecordFrameBytes);
    if (!head) return std::move(head).error();
    if ((*head).size() < kRecordFrameBytes) return {};
    const RecordFrame frame = decode_record_frame(*head);
    const std::uint64_t follows = at + kRecordFrameBytes + frame.body_bytes;
    ++at;
    if (frame.offset < first || frame.offset >= end || follows > to) continue;
    auto whole = file.view(at - 1, follows - at + 1);
    if (!whole) return std::move(whole).error();
    if ((*whole).size() < follows - at + 1) return {};
    const bool proven = record_intact(identity, frame, *whole);
    const Bytes body((*whole).begin() + kRecordFrameBytes, (*whole).end());
    if (!proven) {
      auto leads = leads_on(file, follows, to, frame.offset);
      if (!leads) return std::move(leads).error();
      if (!*leads) continue;
    }
    found({frame.offset, frame.time, body, proven});
    at = follows;
  }
  return {};
}

}  // namespace wayside::spool
