// Any bytes on the socket between bridge and broker: a frame that is understood is exactly the bytes that
// writing it gives.
#include <algorithm>

#include "common/ipc/frame.h"
#include "common/result.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wayside;
  const ByteView bytes(data, size);
  const ipc::DecodedFrame decoded = ipc::decode_frame(bytes);
  if (decoded.status != ipc::FrameStatus::complete) {
    WAYSIDE_ASSERT(decoded.consumed == 0);
    return 0;
  }
  WAYSIDE_ASSERT(decoded.consumed <= size);
  Bytes written;
  ipc::encode_frame(decoded.frame, written);
  WAYSIDE_ASSERT(std::ranges::equal(written, bytes.first(decoded.consumed)));
  return 0;
}
