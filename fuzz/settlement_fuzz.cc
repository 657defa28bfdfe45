// A settlement log damaged or made up as the input says: what is found in it is an entry that reads again the same way,
// a broker that only reads it and the bridge that goes on with it agree, and it can be settled further.
//
// Input: u8 way · the log itself (0), an entry's bytes behind a good checksum (1), or edits of an honest log of three
// entries: u16 place, u8 value (2).
#include <cstddef>
#include <cstdint>

#include "common/result.h"
#include "spool/crc32c.h"
#include "spool/segment_file.h"
#include "spool/settlement_codec.h"
#include "spool/wire.h"
#include "tests/support/sim_disk.h"

namespace {

using namespace wayside;
using namespace wayside::spool;

const std::string kDir = "/spool/state";
constexpr Identity kIdentity{{}, Lane::state};

Standing standing(std::uint64_t next) {
  Standing out;
  out.next = {next};
  out.digest.bytes.fill(static_cast<std::uint8_t>(next));
  out.totals = {next - 2, 1, 1, 0, 1};
  out.cohorts["model-x"] = {next - 2, 1, 1, 0, 0};
  out.cohorts["other"] = {0, 0, 0, 0, 1};
  return out;
}

Bytes honest_log() {
  Bytes log;
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    const Bytes entry = encode_settlement(kIdentity, sequence, standing(10 * sequence));
    log.insert(log.end(), entry.begin(), entry.end());
  }
  return log;
}

// As the writer would have summed it: damage is told by the checksum, so what stands behind a good one must be read.
Bytes summed(ByteView bytes) {
  Bytes out;
  put(out, kSettlementMagic);
  put(out, std::uint32_t{0});
  put(out, static_cast<std::uint32_t>(bytes.size() + 12));
  put(out, bytes);
  const std::array<std::uint8_t, 1> lane = {static_cast<std::uint8_t>(kIdentity.lane)};
  patch_u32(out, 4, crc32c(crc32c(crc32c(0, kIdentity.uuid.bytes), lane), ByteView(out).subspan(8)));
  return out;
}

Bytes log_of(std::uint8_t way, ByteView rest) {
  if (way == 0) return {rest.begin(), rest.end()};
  if (way == 1) return summed(rest);
  Bytes log = honest_log();
  for (std::size_t i = 0; i + 3 <= rest.size(); i += 3) {
    log[(static_cast<std::size_t>(rest[i]) << 8U | rest[i + 1]) % log.size()] = rest[i + 2];
  }
  return log;
}

bool same(const Standing& a, const Standing& b) {
  return a.next == b.next && a.digest == b.digest && a.totals == b.totals && a.cohorts == b.cohorts;
}

void hold(const SettlementEntry& entry) {
  const Totals& totals = entry.standing.totals;
  WAYSIDE_ASSERT(totals.sum() == entry.standing.next.value && totals.resent <= totals.compacted);
  WAYSIDE_ASSERT(totals.delivered <= entry.standing.next.value);  // and the sum did not wrap to it
  const auto again = decode_settlement(kIdentity, encode_settlement(kIdentity, entry.sequence, entry.standing));
  WAYSIDE_ASSERT(again && again->sequence == entry.sequence && same(again->standing, entry.standing));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes log = log_of(static_cast<std::uint8_t>(data[0] % 3), ByteView(data + 1, size - 1));
  const auto last = last_settlement(kIdentity, log);
  if (last) hold(*last);
  const Standing expected = last ? last->standing : Standing{};

  test::SimDisk disk;
  WAYSIDE_ASSERT(disk.make_dir(kDir).ok());
  disk.put(kDir + "/" + kSettlementFile, log);
  const auto read = read_settled(disk, kDir, kIdentity.uuid, kIdentity.lane);
  WAYSIDE_ASSERT(read.ok() && same(*read, expected));
  auto opened = SettlementLog::open(disk, kDir, kIdentity.uuid, kIdentity.lane);
  WAYSIDE_ASSERT(opened.ok() && same((*opened)->standing(), expected));
  Standing further = expected;
  ++further.next.value;
  ++further.totals.delivered;
  if (!adds_up(further.totals, further.next)) return 0;  // at the very end of all offsets
  WAYSIDE_ASSERT((*opened)->settle(further).ok());
  const auto after = read_settled(disk, kDir, kIdentity.uuid, kIdentity.lane);
  WAYSIDE_ASSERT(after.ok() && same(*after, further));
  return 0;
}
