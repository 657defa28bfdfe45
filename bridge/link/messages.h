// What the two bridge ends say to each other besides batches, as plain values (schemas/{hello,next,credit,
// rejected,downbatch,downack}.fbs). Pure: bytes in, values out.
//
// Everything that arrives is untrusted: size bound, aligned copy, verifier of depth 16 and 10,000 tables,
// file identifier, then ranges. A message that fails is LINK_MALFORMED and changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/reasons.h"
#include "common/types.h"
#include "spool/lane.h"
#include "spool/settlement.h"

namespace wayside::bridge::link {

inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::size_t kMessageBytesMax = 4U << 20U;
inline constexpr std::size_t kNameBytesMax = 64;     // an edge, a region, a cohort
inline constexpr std::size_t kCohortsMax = 256;      // in one NEXT
inline constexpr std::size_t kBranchesMax = 1'024;   // of a lane, in one hello
inline constexpr std::size_t kDownItemsMax = 1'000;  // in one DownBatch or DownAck
inline constexpr std::size_t kRequestBytesMax = 768U << 10U;

// A core's hello repeats the session it opened. Session 0 says "I know no session of yours": the core has
// restarted, and the edge comes back with a new one.
inline constexpr std::uint64_t kNoSession = 0;

struct LaneHead {
  Lane lane{};
  Offset settled{};
  Offset synced{};
  std::vector<spool::Branch> branches{};  // from settled to synced, of a closing spool
};
struct Hello {
  std::uint16_t version_min = kVersion;
  std::uint16_t version_max = kVersion;
  std::string edge;
  std::string region;
  SpoolUuid spool;
  std::uint64_t session = kNoSession;
  std::string product;
  std::vector<LaneHead> lanes;
  bool adopt = false;                   // take the spool over from the edge it is bound to
  bool closing = false;                 // no batch follows in this session: each NEXT is the last of its lane
  std::optional<SpoolUuid> previous{};  // the spool that this one goes on for
};
struct Next {
  SpoolUuid spool;
  std::uint64_t session = kNoSession;
  Lane lane{};
  spool::Standing standing;
  bool forked = false;
  bool closing = false;       // the answer to a closing hello
  Offset common{};            // then: core and volume have the same records below
  bool common_exact = false;  // and part there
};
struct Credit {
  SpoolUuid spool;
  std::uint64_t session = kNoSession;
  Lane lane{};
  std::uint64_t limit_bytes = 0;
  std::optional<Offset> counted_from{};  // where the core's session began; a core before 0.2.0 does not say
};
// count 0: not about a range but about the whole link (a version, an edge name).
struct Rejected {
  SpoolUuid spool;
  std::uint64_t session = kNoSession;
  Lane lane{};
  Offset first{};
  std::uint64_t count = 0;
  std::string reason;
};
struct DownItem {
  std::uint64_t sequence = 0;
  Bytes request;
};
struct DownBatch {
  std::uint64_t session = kNoSession;
  std::vector<DownItem> items;
};
struct DownAnswer {
  std::uint64_t sequence = 0;
  bool accepted = false;
  std::string reason;  // code of a refusal
};
struct DownAck {
  std::uint64_t session = kNoSession;
  std::vector<DownAnswer> answers;
};

Bytes encode(const Hello& hello);
Bytes encode(const Next& next);
Bytes encode(const Credit& credit);
Bytes encode(const Rejected& rejected);
Bytes encode(const DownBatch& batch);
Bytes encode(const DownAck& ack);

Outcome<Hello> decode_hello(ByteView bytes);
Outcome<Next> decode_next(ByteView bytes);  // totals and cohorts agree with next, or LINK_MALFORMED
Outcome<Credit> decode_credit(ByteView bytes);
Outcome<Rejected> decode_rejected(ByteView bytes);
Outcome<DownBatch> decode_down_batch(ByteView bytes);
Outcome<DownAck> decode_down_ack(ByteView bytes);

}  // namespace wayside::bridge::link
