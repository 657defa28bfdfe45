#include "bridge/link/claim.h"

#include <zstd.h>

#include <memory>

#include "bridge/link/convert.h"
#include "common/freed.h"
#include "schemas/gen/batch_generated.h"

namespace wayside::bridge::link {
namespace {

constexpr int kWindowLogMax = 20;

// The first `bytes` of what the frame holds: the claim is in front, whatever the columns behind it weigh.
Outcome<Bytes> inflate_front(ByteView message, std::uint64_t bytes) {
  const std::unique_ptr<ZSTD_DCtx, Freed<ZSTD_freeDCtx>> context(ZSTD_createDCtx());
  if (!context || ZSTD_isError(ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kWindowLogMax)) != 0) {
    return Reason::BATCH_TOO_LARGE;
  }
  Bytes raw(bytes);
  ZSTD_outBuffer out{raw.data(), raw.size(), 0};
  ZSTD_inBuffer in{message.data(), message.size(), 0};
  while (out.pos < out.size) {
    const std::size_t before = out.pos + in.pos;
    const std::size_t left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left) != 0 || out.pos + in.pos == before) return Reason::BATCH_TOO_LARGE;
  }
  return raw;
}

Outcome<Bytes> inflate(ByteView message, std::uint64_t raw_bytes_max) {
  const unsigned long long size = ZSTD_getFrameContentSize(message.data(), message.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size < 8) return Reason::BATCH_MALFORMED;
  if (size > raw_bytes_max) return inflate_front(message, raw_bytes_max);
  if (ZSTD_findFrameCompressedSize(message.data(), message.size()) != message.size()) return Reason::BATCH_MALFORMED;
  Bytes raw(size);
  const std::size_t got = ZSTD_decompress(raw.data(), raw.size(), message.data(), message.size());
  if (ZSTD_isError(got) != 0 || got != raw.size()) return Reason::BATCH_MALFORMED;
  return raw;
}

// Checks the fields of the claim one by one: the rest of the table is exactly what may not verify.
const fb::Batch* batch_of(const Bytes& raw) {
  if (!flatbuffers::BufferHasIdentifier(raw.data(), fb::BatchIdentifier())) return nullptr;
  flatbuffers::Verifier verifier(raw.data(), raw.size(), kVerifierDepth, kVerifierTables);
  const auto* root = flatbuffers::GetRoot<flatbuffers::Table>(raw.data());
  const auto at = static_cast<std::size_t>(reinterpret_cast<const std::uint8_t*>(root) - raw.data());
  if (at % 4 != 0 || at + 4 > raw.size() || !root->VerifyTableStart(verifier)) return nullptr;
  using fb::Batch;
  const bool fields = root->VerifyFieldRequired<fb::Uuid>(verifier, Batch::VT_SPOOL, 8) &&
                      root->VerifyField<std::uint64_t>(verifier, Batch::VT_SESSION, 8) &&
                      root->VerifyField<std::uint8_t>(verifier, Batch::VT_LANE, 1) &&
                      root->VerifyField<std::uint64_t>(verifier, Batch::VT_FIRST, 8) &&
                      root->VerifyField<std::uint64_t>(verifier, Batch::VT_COUNT, 8) &&
                      root->VerifyFieldRequired<fb::Digest128>(verifier, Batch::VT_BEFORE, 8) &&
                      root->VerifyFieldRequired<fb::Digest128>(verifier, Batch::VT_AFTER, 8) &&
                      root->VerifyField<std::uint64_t>(verifier, Batch::VT_FRAMED_BYTES, 8);
  return fields ? reinterpret_cast<const fb::Batch*>(root) : nullptr;
}

}  // namespace

Outcome<BatchClaim> claim_of(ByteView message, const batch::Limits& limits) {
  const Outcome<Bytes> raw = inflate(message, limits.raw_bytes_max);
  if (!raw) return raw.reason();
  const fb::Batch* in = batch_of(raw.value());
  BatchClaim out;
  if (in == nullptr || !lane_from_fb(in->lane(), out.lane)) return Reason::BATCH_MALFORMED;
  out.uuid = from_fb(*in->spool());
  out.session = in->session();
  out.first = {in->first()};
  out.count = in->count();
  out.before = from_fb(*in->before());
  out.after = from_fb(*in->after());
  out.framed_bytes = in->framed_bytes();
  if (out.count == 0 || out.count > kClaimRecordsMax) return Reason::BATCH_MALFORMED;
  if (out.first.value > (1ULL << 60U)) return Reason::BATCH_MALFORMED;
  return out;
}

}  // namespace wayside::bridge::link
