#include "bridge/batch/frame.h"

#include <zstd.h>

#include <memory>

#include "common/freed.h"

namespace wayside::bridge::batch {
namespace {

using Context = std::unique_ptr<ZSTD_CCtx, Freed<ZSTD_freeCCtx>>;

constexpr int kTrialLevel = 1;

// RFC 8878, 3.1.1.1: window of the frame from its header; 0 if the header is not of a frame we accept.
std::uint64_t window_bytes(ByteView frame, std::uint64_t content_bytes) {
  if (frame.size() < 6 || frame[0] != 0x28 || frame[1] != 0xB5 || frame[2] != 0x2F || frame[3] != 0xFD) return 0;
  const std::uint8_t descriptor = frame[4];
  const bool single_segment = (descriptor & 0x20U) != 0;
  const bool reserved = (descriptor & 0x08U) != 0;
  const bool dictionary = (descriptor & 0x03U) != 0;
  if (reserved || dictionary) return 0;
  if (single_segment) return content_bytes;
  const std::uint64_t base = std::uint64_t{1} << (10U + (frame[5] >> 3U));
  return base + base / 8 * (frame[5] & 7U);
}

}  // namespace

Result<Bytes> compress(ByteView raw, int level) {
  const Context context(ZSTD_createCCtx());
  WAYSIDE_ASSERT(context != nullptr);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, kWindowLogMax);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 1);
  Bytes out(ZSTD_compressBound(raw.size()));
  const std::size_t size = ZSTD_compress2(context.get(), out.data(), out.size(), raw.data(), raw.size());
  if (ZSTD_isError(size) != 0) return Error{Fault::internal, std::string("zstd: ") + ZSTD_getErrorName(size), 0};
  out.resize(size);
  return out;
}

wayside::Outcome<Bytes> decompress(ByteView message, std::uint64_t raw_bytes_max) {
  const unsigned long long size = ZSTD_getFrameContentSize(message.data(), message.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size == 0) return Reason::BATCH_MALFORMED;
  if (size > raw_bytes_max) return Reason::BATCH_TOO_LARGE;
  const std::uint64_t window = window_bytes(message, size);
  if (window == 0 || window > std::uint64_t{1} << kWindowLogMax) return Reason::BATCH_MALFORMED;
  const std::size_t frame = ZSTD_findFrameCompressedSize(message.data(), message.size());
  if (ZSTD_isError(frame) != 0 || frame != message.size()) return Reason::BATCH_MALFORMED;
  Bytes raw(size);
  const std::size_t got = ZSTD_decompress(raw.data(), raw.size(), message.data(), message.size());
  if (ZSTD_isError(got) != 0 || got != raw.size()) return Reason::BATCH_MALFORMED;
  return raw;
}

std::size_t trial_size(ByteView bytes) {
  thread_local const Context context(ZSTD_createCCtx());
  thread_local Bytes out;
  out.resize(ZSTD_compressBound(bytes.size()));
  const std::size_t size =
      ZSTD_compressCCtx(context.get(), out.data(), out.size(), bytes.data(), bytes.size(), kTrialLevel);
  return ZSTD_isError(size) != 0 ? bytes.size() : size;
}

}  // namespace wayside::bridge::batch
