#include "spool/settlement_codec.h"

#include "spool/crc32c.h"
#include "spool/wire.h"

namespace wayside::spool {
namespace {

void put_totals(Bytes& out, const Totals& totals) {
  for (const std::uint64_t count : {totals.delivered, totals.compacted, totals.resent, totals.expired, totals.lost}) {
    put(out, count);
  }
}

Totals get_totals(Cursor& cursor) {
  Totals totals;
  for (std::uint64_t* count : {&totals.delivered, &totals.compacted, &totals.resent, &totals.expired, &totals.lost}) {
    *count = cursor.get<std::uint64_t>();
  }
  return totals;
}

std::uint32_t entry_crc(const Identity& identity, ByteView bytes) {
  const std::array<std::uint8_t, 1> lane = {static_cast<std::uint8_t>(identity.lane)};
  return crc32c(crc32c(crc32c(0, identity.uuid.bytes), lane), bytes);
}

}  // namespace

Bytes encode_settlement(const Identity& identity, std::uint64_t sequence, const Standing& standing) {
  Bytes cohorts;
  for (const auto& [name, totals] : standing.cohorts) {
    put(cohorts, static_cast<std::uint8_t>(name.size()));
    put(cohorts, as_bytes(name));
    put_totals(cohorts, totals);
  }
  Bytes out;
  put(out, kSettlementMagic);
  put(out, std::uint32_t{0});
  put(out, static_cast<std::uint32_t>(kSettlementFixedBytes + cohorts.size()));
  put(out, static_cast<std::uint32_t>(standing.cohorts.size()));
  put(out, sequence);
  put(out, standing.next.value);
  put(out, ByteView(standing.digest.bytes));
  put_totals(out, standing.totals);
  WAYSIDE_ASSERT(out.size() == kSettlementFixedBytes);
  put(out, cohorts);
  patch_u32(out, 4, entry_crc(identity, ByteView(out).subspan(8)));
  out.resize(round_to_sector(out.size()), 0);
  return out;
}

std::optional<SettlementEntry> decode_settlement(const Identity& identity, ByteView bytes) {
  Cursor cursor(bytes);
  if (cursor.get<std::uint32_t>() != kSettlementMagic) return std::nullopt;
  const auto crc = cursor.get<std::uint32_t>();
  const std::size_t size = cursor.get<std::uint32_t>();
  const auto cohorts = cursor.get<std::uint32_t>();
  SettlementEntry entry;
  entry.sequence = cursor.get<std::uint64_t>();
  entry.standing.next.value = cursor.get<std::uint64_t>();
  cursor.copy(entry.standing.digest.bytes);
  entry.standing.totals = get_totals(cursor);
  if (!cursor.ok() || size < kSettlementFixedBytes || size > bytes.size()) return std::nullopt;
  if (crc != entry_crc(identity, bytes.subspan(8, size - 8)) || cohorts > kCohortsMax + 1) return std::nullopt;
  Cursor table(bytes.subspan(kSettlementFixedBytes, size - kSettlementFixedBytes));
  for (std::uint32_t i = 0; i < cohorts; ++i) {
    const ByteView name = table.take(table.get<std::uint8_t>());
    entry.standing.cohorts[std::string(as_text(name))] = get_totals(table);
  }
  if (!table.ok() || !adds_up(entry.standing.totals, entry.standing.next)) return std::nullopt;
  entry.bytes = round_to_sector(size);
  return entry;
}

std::optional<SettlementEntry> last_settlement(const Identity& identity, ByteView log) {
  std::optional<SettlementEntry> last;
  for (std::size_t at = 0; at < log.size();) {
    std::optional<SettlementEntry> entry = decode_settlement(identity, log.subspan(at));
    if (!entry) {
      at += kSectorBytes;
      continue;
    }
    at += entry->bytes;
    if (!last || entry->sequence > last->sequence) last = std::move(*entry);
  }
  return last;
}

}  // namespace wayside::spool
