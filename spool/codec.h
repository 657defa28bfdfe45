// The pieces of a segment as values, and their bytes: header, claim, group header, record frame, footer.
// Decoding never trusts a length; nullopt means "not an intact piece of this spool".
#pragma once

#include <map>
#include <optional>
#include <string>

#include "common/result.h"
#include "common/types.h"
#include "spool/format.h"

namespace wayside::spool {

// Received running totals by cohort since offset 0. Sorted: no order may come from a hash.
using Received = std::map<std::string, std::uint64_t>;
std::uint64_t sum(const Received& received);

// Which lane of which spool: every checksum covers it, so that a file of another spool never verifies.
struct Identity {
  SpoolUuid uuid;
  Lane lane{};
};

struct SegmentHeader {
  std::uint32_t version = kFormatVersion;
  Identity identity;
  Offset base{};
  Digest digest;             // chain digest before base
  bool made_up = false;      // by a recovery that found none: it is not what a reader of this lane was told before
  std::uint64_t branch = 0;  // of the writer that began it (LaneOptions::branch); 0: it did not say
  WallMs created{};
  Received received;  // at base
};

// What the writer says of its head, written with the group that moves it there and synced with it: everything
// below `before` was synced when the claim was made; [before, head) is what its own sync was to make durable.
struct Claim {
  std::uint64_t sequence = 0;
  Offset head{};
  Offset before{};
  Digest head_digest;
  Digest before_digest;
};

struct GroupHeader {
  std::uint32_t header_bytes = 0;
  std::uint32_t body_bytes = 0;
  std::uint32_t count = 0;
  Offset base{};
  Offset synced{};  // known at its writing
  WallMs committed{};
  Digest before;
  Digest after;
  Received received;  // of the cohorts this group touches, after it
  [[nodiscard]] Offset end() const { return base + count; }
  [[nodiscard]] std::uint64_t padded_bytes() const { return round_to_sector(std::uint64_t{header_bytes} + body_bytes); }
};

struct RecordFrame {
  std::uint32_t body_bytes = 0;
  std::uint32_t crc = 0;
  Offset offset{};
  WallMs time{};
};

struct Footer {
  Offset base{};
  Offset end{};
  std::uint64_t data_bytes = 0;  // where the groups end and the footer begins
  Digest digest;                 // at end
  Received received;             // at end
};

Bytes encode_header(const SegmentHeader& header);                  // kHeaderBytes, claim 0 included
Bytes encode_claim(const Identity& identity, const Claim& claim);  // one sector
Bytes encode_group_header(const Identity& identity, const GroupHeader& group);
void encode_record_frame(const Identity& identity, Offset offset, WallMs time, ByteView body, Bytes& out);  // appends
Bytes encode_footer(const Identity& identity, const Footer& footer);  // whole sectors, ends with the trailer
// What the cohorts take in a header or footer, and how large a footer with so many bytes of cohorts is.
std::uint64_t table_bytes(const Received& received);
constexpr std::uint64_t footer_bytes(std::uint64_t table) {
  return round_to_sector(kFooterFixedBytes + table + kTrailerBytes);
}

// Fault::corrupt: damaged; ::unsupported: of a later version; ::denied: of another spool or lane.
Result<SegmentHeader> decode_header(const Identity& identity, ByteView page);
std::optional<Claim> decode_claim(const Identity& identity, ByteView sector);
// `bytes` begins at the group; may be longer than its header.
std::optional<GroupHeader> decode_group_header(const Identity& identity, ByteView bytes);
// The frame alone; whether its body is intact is record_intact's to say.
RecordFrame decode_record_frame(ByteView frame);
// `whole`: the frame and its body, as they stand in the file.
bool record_intact(const Identity& identity, const RecordFrame& frame, ByteView whole);
// Length of the footer that ends a file, from its last kTrailerBytes; 0 if there is none.
std::uint32_t footer_bytes_from_trailer(const Identity& identity, ByteView trailer);
std::optional<Footer> decode_footer(const Identity& identity, ByteView bytes);

}  // namespace wayside::spool
