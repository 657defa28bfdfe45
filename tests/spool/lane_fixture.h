// What the lane tests share: a lane with small segments and records that say what they are.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <vector>

#include "common/disk.h"
#include "spool/chain.h"
#include "spool/lane.h"

namespace wayside::test {

inline const std::string kLaneDir = "/spool/state";

inline SpoolUuid test_uuid() {
  SpoolUuid uuid;
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i) uuid.bytes[i] = static_cast<std::uint8_t>(i * 7 + 1);
  return uuid;
}

inline spool::LaneOptions lane_options(const std::string& dir = kLaneDir) {
  spool::LaneOptions options;
  options.dir = dir;
  options.lane = Lane::state;
  options.uuid = test_uuid();
  options.segment_bytes_max = 64U << 10U;
  return options;
}

inline std::unique_ptr<spool::LaneWriter> open_writer(Disk& disk, const spool::LaneOptions& options,
                                                      Offset known_next = {}, spool::Recovery* recovery = nullptr) {
  auto writer = spool::LaneWriter::open(disk, options, known_next, recovery);
  if (!writer) FAIL(writer.error().what);
  return std::move(writer).value();
}

inline std::unique_ptr<spool::LaneReader> open_reader(Disk& disk, const spool::LaneOptions& options) {
  auto reader = spool::LaneReader::open(disk, options.dir, options.uuid, options.lane);
  if (!reader) FAIL(reader.error().what);
  return std::move(reader).value();
}

// The body of offset `n`: its number, and a length of its own. Never zero bytes.
inline Bytes body_of(std::uint64_t n, std::size_t bytes = 40) {
  Bytes body;
  const std::string text = "record " + std::to_string(n) + " ";
  while (body.size() < bytes) body.insert(body.end(), text.begin(), text.end());
  body.resize(bytes);
  return body;
}
inline WallMs time_of(std::uint64_t n) { return {static_cast<std::int64_t>(1'000'000 + n)}; }
inline std::string cohort_of(std::uint64_t n) { return "cohort-" + std::to_string(n % 3); }

// Appends and commits `count` records in one group.
inline void put_group(spool::LaneWriter& writer, std::uint64_t count, std::size_t bytes = 40) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t n = writer.appended().value;
    Offset offset;
    REQUIRE(writer.append(body_of(n, bytes), cohort_of(n), time_of(n), &offset) == spool::AppendOutcome::appended);
    REQUIRE(offset.value == n);
  }
  auto committed = writer.commit(time_of(writer.appended().value));
  if (!committed) FAIL(committed.error().what);
  REQUIRE(*committed == writer.appended());
}

inline std::vector<spool::ReadRecord> read_all(spool::LaneReader& reader, Offset from = {}) {
  std::vector<spool::ReadRecord> out;
  while (from < reader.synced()) {
    auto some = reader.read(from, 7, 10'000);
    if (!some) FAIL(some.error().what);
    REQUIRE_FALSE((*some).empty());
    for (auto& record : *some) out.push_back(std::move(record));
    from = out.back().offset + 1;
  }
  return out;
}

inline Digest digest_of(std::uint64_t records, std::size_t bytes = 40) {
  Digest digest;
  for (std::uint64_t n = 0; n < records; ++n) digest = spool::chain(digest, {n}, time_of(n), body_of(n, bytes));
  return digest;
}

}  // namespace wayside::test
