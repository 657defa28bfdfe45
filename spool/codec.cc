#include "spool/codec.h"

#include "spool/crc32c.h"
#include "spool/wire.h"

namespace wayside::spool {
namespace {

std::uint32_t seal_crc(const Identity& identity, ByteView bytes) {
  std::array<std::uint8_t, 17> who{};
  std::copy(identity.uuid.bytes.begin(), identity.uuid.bytes.end(), who.begin());
  who[16] = static_cast<std::uint8_t>(identity.lane);
  return crc32c(crc32c(0, who), bytes);
}

void put_received(Bytes& out, const Received& received) {
  WAYSIDE_ASSERT(received.size() <= kCohortsMax + 1);
  for (const auto& [name, count] : received) {
    WAYSIDE_ASSERT(name.size() <= kCohortBytesMax);
    put(out, static_cast<std::uint8_t>(name.size()));
    put(out, as_bytes(name));
    put(out, count);
  }
}

bool get_received(Cursor& cursor, std::uint32_t cohorts, Received& out) {
  if (cohorts > kCohortsMax + 1) return false;
  for (std::uint32_t i = 0; i < cohorts; ++i) {
    const ByteView name = cursor.take(cursor.get<std::uint8_t>());
    out[std::string(as_text(name))] = cursor.get<std::uint64_t>();
  }
  return cursor.ok() && out.size() == cohorts;
}

void pad_to(Bytes& out, std::size_t size) {
  WAYSIDE_ASSERT(out.size() <= size);
  out.resize(size, 0);
}

}  // namespace

std::uint64_t sum(const Received& received) {
  std::uint64_t total = 0;
  for (const auto& [name, count] : received) total += count;
  return total;
}

Bytes encode_header(const SegmentHeader& header) {
  Bytes cohorts;
  put_received(cohorts, header.received);
  Bytes out;
  out.reserve(kHeaderBytes);
  put(out, ByteView(kSegmentMagic));
  put(out, std::uint32_t{0});  // crc
  put(out, header.version);
  put(out, static_cast<std::uint64_t>(header.identity.lane));
  put(out, ByteView(header.identity.uuid.bytes));
  put(out, header.base.value);
  put(out, ByteView(header.digest.bytes));
  put(out, header.created.value);
  put(out, static_cast<std::uint32_t>(cohorts.size()));
  put(out, static_cast<std::uint32_t>(header.received.size()));
  WAYSIDE_ASSERT(out.size() == kHeaderFixedBytes);
  put(out, static_cast<std::uint8_t>(header.made_up ? 1 : 0));
  put(out, header.branch);
  pad_to(out, kClaimAt);
  const std::uint32_t crc = crc32c(crc32c(0, ByteView(out).subspan(12)), cohorts);
  patch_u32(out, 8, crc);
  put(out, encode_claim(header.identity, {0, header.base, header.base, header.digest, header.digest}));
  pad_to(out, kCohortsAt);
  put(out, cohorts);
  pad_to(out, kHeaderBytes);
  return out;
}

Result<SegmentHeader> decode_header(const Identity& identity, ByteView page) {
  const Error corrupt{Fault::corrupt, "segment header is damaged", 0};
  if (page.size() < kHeaderBytes) return corrupt;
  Cursor cursor(page);
  const ByteView magic = cursor.take(8);
  if (!std::equal(magic.begin(), magic.end(), kSegmentMagic.begin())) return corrupt;
  SegmentHeader header;
  const auto crc = cursor.get<std::uint32_t>();
  header.version = cursor.get<std::uint32_t>();
  const auto lane = cursor.get<std::uint64_t>();
  cursor.copy(header.identity.uuid.bytes);
  header.base.value = cursor.get<std::uint64_t>();
  cursor.copy(header.digest.bytes);
  header.created.value = cursor.get<std::int64_t>();
  const auto cohort_bytes = cursor.get<std::uint32_t>();
  const auto cohorts = cursor.get<std::uint32_t>();
  header.made_up = cursor.get<std::uint8_t>() != 0;
  header.branch = cursor.get<std::uint64_t>();
  if (cohort_bytes > kCohortTableBytesMax) return corrupt;
  const ByteView table = page.subspan(kCohortsAt, cohort_bytes);
  if (crc != crc32c(crc32c(0, page.subspan(12, kClaimAt - 12)), table)) return corrupt;
  if (header.version != kFormatVersion) {
    return Error{Fault::unsupported, "segment format version " + std::to_string(header.version), 0};
  }
  header.identity.lane = static_cast<Lane>(lane);
  if (header.identity.uuid != identity.uuid || header.identity.lane != identity.lane) {
    return Error{Fault::denied, "segment belongs to spool " + to_string(header.identity.uuid), 0};
  }
  Cursor rest(table);
  if (!get_received(rest, cohorts, header.received)) return corrupt;
  return header;
}

Bytes encode_claim(const Identity& identity, const Claim& claim) {
  Bytes out;
  put(out, kClaimMagic);
  put(out, std::uint32_t{0});
  put(out, claim.sequence);
  put(out, claim.head.value);
  put(out, claim.before.value);
  put(out, ByteView(claim.head_digest.bytes));
  put(out, ByteView(claim.before_digest.bytes));
  WAYSIDE_ASSERT(out.size() == kClaimBytes);
  patch_u32(out, 4, seal_crc(identity, ByteView(out).subspan(8)));
  pad_to(out, kSectorBytes);
  return out;
}

std::optional<Claim> decode_claim(const Identity& identity, ByteView sector) {
  Cursor cursor(sector);
  const auto magic = cursor.get<std::uint32_t>();
  const auto crc = cursor.get<std::uint32_t>();
  Claim claim;
  claim.sequence = cursor.get<std::uint64_t>();
  claim.head.value = cursor.get<std::uint64_t>();
  claim.before.value = cursor.get<std::uint64_t>();
  cursor.copy(claim.head_digest.bytes);
  cursor.copy(claim.before_digest.bytes);
  if (!cursor.ok() || magic != kClaimMagic) return std::nullopt;
  if (crc != seal_crc(identity, sector.subspan(8, kClaimBytes - 8)) || claim.before > claim.head) return std::nullopt;
  return claim;
}

Bytes encode_group_header(const Identity& identity, const GroupHeader& group) {
  Bytes cohorts;
  put_received(cohorts, group.received);
  Bytes out;
  put(out, kGroupMagic);
  put(out, std::uint32_t{0});
  put(out, static_cast<std::uint32_t>(kGroupFixedBytes + cohorts.size()));
  put(out, group.body_bytes);
  put(out, group.count);
  put(out, static_cast<std::uint32_t>(group.received.size()));
  put(out, group.base.value);
  put(out, group.synced.value);
  put(out, group.committed.value);
  put(out, ByteView(group.before.bytes));
  put(out, ByteView(group.after.bytes));
  WAYSIDE_ASSERT(out.size() == kGroupFixedBytes);
  put(out, cohorts);
  patch_u32(out, 4, seal_crc(identity, ByteView(out).subspan(8)));
  return out;
}

std::optional<GroupHeader> decode_group_header(const Identity& identity, ByteView bytes) {
  Cursor cursor(bytes);
  if (cursor.get<std::uint32_t>() != kGroupMagic) return std::nullopt;
  const auto crc = cursor.get<std::uint32_t>();
  GroupHeader group;
  group.header_bytes = cursor.get<std::uint32_t>();
  group.body_bytes = cursor.get<std::uint32_t>();
  group.count = cursor.get<std::uint32_t>();
  const auto cohorts = cursor.get<std::uint32_t>();
  group.base.value = cursor.get<std::uint64_t>();
  group.synced.value = cursor.get<std::uint64_t>();
  group.committed.value = cursor.get<std::int64_t>();
  cursor.copy(group.before.bytes);
  cursor.copy(group.after.bytes);
  const std::uint64_t header_bytes = group.header_bytes;
  if (!cursor.ok() || header_bytes < kGroupFixedBytes || header_bytes > bytes.size()) return std::nullopt;
  if (crc != seal_crc(identity, bytes.subspan(8, header_bytes - 8))) return std::nullopt;
  if (group.count == 0 || std::uint64_t{group.count} * kRecordFrameBytes > group.body_bytes) return std::nullopt;
  if (group.base.value > UINT64_MAX - group.count || group.synced > group.base) return std::nullopt;
  Cursor table(bytes.subspan(kGroupFixedBytes, header_bytes - kGroupFixedBytes));
  if (!get_received(table, cohorts, group.received)) return std::nullopt;
  return group;
}

void encode_record_frame(const Identity& identity, Offset offset, WallMs time, ByteView body, Bytes& out) {
  const std::size_t at = out.size();
  put(out, static_cast<std::uint32_t>(body.size()));
  put(out, std::uint32_t{0});
  put(out, offset.value);
  put(out, time.value);
  put(out, body);
  patch_u32(out, at + 4, seal_crc(identity, ByteView(out).subspan(at + 8)));
}

RecordFrame decode_record_frame(ByteView bytes) {
  Cursor cursor(bytes);
  RecordFrame frame;
  frame.body_bytes = cursor.get<std::uint32_t>();
  frame.crc = cursor.get<std::uint32_t>();
  frame.offset.value = cursor.get<std::uint64_t>();
  frame.time.value = cursor.get<std::int64_t>();
  return frame;
}

bool record_intact(const Identity& identity, const RecordFrame& frame, ByteView whole) {
  return whole.size() == kRecordFrameBytes + frame.body_bytes && frame.crc == seal_crc(identity, whole.subspan(8));
}

std::uint64_t table_bytes(const Received& received) {
  std::uint64_t bytes = 0;
  for (const auto& [cohort, count] : received) bytes += kCohortRowBytes + cohort.size();
  return bytes;
}

Bytes encode_footer(const Identity& identity, const Footer& footer) {
  Bytes out;
  put(out, kFooterMagic);
  put(out, std::uint32_t{0});
  put(out, std::uint32_t{0});  // bytes of the whole footer
  put(out, static_cast<std::uint32_t>(footer.received.size()));
  put(out, footer.base.value);
  put(out, footer.end.value);
  put(out, footer.data_bytes);
  put(out, ByteView(footer.digest.bytes));
  WAYSIDE_ASSERT(out.size() == kFooterFixedBytes);
  put_received(out, footer.received);
  const auto bytes = static_cast<std::uint32_t>(round_to_sector(out.size() + kTrailerBytes));
  pad_to(out, bytes - kTrailerBytes);
  patch_u32(out, 8, bytes);
  patch_u32(out, 4, seal_crc(identity, ByteView(out).subspan(8)));
  Bytes length;
  put(length, bytes);
  put(out, ByteView(kTrailerMagic));
  put(out, bytes);
  put(out, seal_crc(identity, length));
  return out;
}

std::uint32_t footer_bytes_from_trailer(const Identity& identity, ByteView trailer) {
  Cursor cursor(trailer);
  const ByteView magic = cursor.take(8);
  const auto bytes = cursor.get<std::uint32_t>();
  const auto crc = cursor.get<std::uint32_t>();
  if (!cursor.ok() || !std::equal(magic.begin(), magic.end(), kTrailerMagic.begin())) return 0;
  if (crc != seal_crc(identity, trailer.subspan(8, 4)) || bytes > kFooterBytesMax) return 0;
  return bytes >= kFooterFixedBytes + kTrailerBytes ? bytes : 0;
}

std::optional<Footer> decode_footer(const Identity& identity, ByteView bytes) {
  Cursor cursor(bytes);
  const auto magic = cursor.get<std::uint32_t>();
  const auto crc = cursor.get<std::uint32_t>();
  const auto size = cursor.get<std::uint32_t>();
  const auto cohorts = cursor.get<std::uint32_t>();
  Footer footer;
  footer.base.value = cursor.get<std::uint64_t>();
  footer.end.value = cursor.get<std::uint64_t>();
  footer.data_bytes = cursor.get<std::uint64_t>();
  cursor.copy(footer.digest.bytes);
  if (!cursor.ok() || magic != kFooterMagic || size != bytes.size() || size < kTrailerBytes) return std::nullopt;
  if (crc != seal_crc(identity, bytes.subspan(8, size - kTrailerBytes - 8))) return std::nullopt;
  if (footer.end < footer.base || !get_received(cursor, cohorts, footer.received)) return std::nullopt;
  return footer;
}

}  // namespace wayside::spool
