// Constants of the spool's disk format and the relations between them. docs/spool-format.md is the grammar.
// A change here is a new kFormatVersion and a golden file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace wayside::spool {

inline constexpr std::uint32_t kFormatVersion = 1;

inline constexpr std::array<std::uint8_t, 8> kSegmentMagic = {'W', 'S', 'S', 'E', 'G', 'M', 'N', 'T'};
inline constexpr std::array<std::uint8_t, 8> kTrailerMagic = {'W', 'S', 'S', 'E', 'A', 'L', 'E', 'D'};
inline constexpr std::array<std::uint8_t, 8> kUuidMagic = {'W', 'S', 'S', 'P', 'O', 'O', 'L', '1'};
inline constexpr std::uint32_t kGroupMagic = 0x52475357U;       // "WSGR"
inline constexpr std::uint32_t kClaimMagic = 0x4C435357U;       // "WSCL"
inline constexpr std::uint32_t kFooterMagic = 0x54465357U;      // "WSFT"
inline constexpr std::uint32_t kSettlementMagic = 0x54535357U;  // "WSST"

// The unit a disk writes whole or not at all. Groups, claims and settlements begin on one, so that
// writing the next never rewrites a sector that was synced before.
inline constexpr std::size_t kSectorBytes = 512;

// Cohorts a lane counts apart; further ones are counted as kOtherCohort.
inline constexpr std::size_t kCohortsMax = 256;
inline constexpr std::size_t kCohortBytesMax = 64;
inline constexpr const char* kOtherCohort = "other";
inline constexpr std::size_t kCohortRowBytes = 1 + 8;  // beside its name
inline constexpr std::size_t kCohortTableBytesMax = (kCohortsMax + 1) * (kCohortRowBytes + kCohortBytesMax);

// Header of a segment: fixed part in sector 0, two claim slots in sectors 1 and 2, cohort table after.
inline constexpr std::size_t kClaimSlots = 2;
inline constexpr std::size_t kClaimAt = kSectorBytes;
inline constexpr std::size_t kCohortsAt = 4096;
inline constexpr std::size_t kHeaderBytes = 32U << 10U;

inline constexpr std::size_t kHeaderFixedBytes = 8 + 4 + 4 + 8 + 16 + 8 + 16 + 8 + 4 + 4;
inline constexpr std::size_t kClaimBytes = 4 + 4 + 8 + 8 + 8 + 16 + 16;
inline constexpr std::size_t kGroupFixedBytes = 4 * 6 + 8 * 3 + 16 * 2;
inline constexpr std::size_t kGroupHeaderBytesMax = kGroupFixedBytes + kCohortTableBytesMax;
inline constexpr std::size_t kRecordFrameBytes = 4 + 4 + 8 + 8;
inline constexpr std::size_t kFooterFixedBytes = 4 + 4 + 4 + 4 + 8 + 8 + 8 + 16;
inline constexpr std::size_t kTrailerBytes = 8 + 4 + 4;
inline constexpr std::size_t kFooterBytesMax = kFooterFixedBytes + kCohortTableBytesMax + kTrailerBytes + kSectorBytes;

// The open group is at most this; commit_bytes of custody is far below.
inline constexpr std::uint64_t kGroupBytesMax = 64U << 20U;
// A segment is zero-filled ahead in steps: one size change (and its journal write) a step, not a group.
inline constexpr std::uint64_t kAllocateStepBytes = 4U << 20U;
// A block that is only reserved costs the journal a commit when it is first written. So groups up to the first bound
// go into zeros that were written ahead, in steps of the second; larger ones are worth their commit.
inline constexpr std::uint64_t kSmallGroupBytes = 32U << 10U;
inline constexpr std::uint64_t kFillAheadBytes = 256U << 10U;
// How much a reader holds of a file at a time, unless one record is larger.
inline constexpr std::size_t kWindowBytes = 128U << 10U;

static_assert(kHeaderFixedBytes + 1 + 8 <= kSectorBytes, "the fixed part is written whole");
static_assert(kClaimBytes <= kSectorBytes, "a claim is written whole");
static_assert(kClaimAt + kClaimSlots * kSectorBytes <= kCohortsAt, "claims and cohorts do not overlap");
static_assert(kCohortsAt + kCohortTableBytesMax <= kHeaderBytes, "every cohort fits the header");
static_assert(kHeaderBytes % kSectorBytes == 0 && kCohortsAt % kSectorBytes == 0, "sectors");
static_assert(kAllocateStepBytes % kSectorBytes == 0 && kAllocateStepBytes > kHeaderBytes, "a step holds a header");
static_assert(kGroupHeaderBytesMax <= kWindowBytes, "a group header fits one window");
static_assert(kGroupBytesMax + kGroupHeaderBytesMax < 0xFFFFFFFFULL, "group lengths are 32 bits");

constexpr std::uint64_t round_to_sector(std::uint64_t bytes) {
  return (bytes + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
}

}  // namespace wayside::spool
