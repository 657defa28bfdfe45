#include "spool/chain.h"

#include <xxhash.h>

#include <algorithm>
#include <memory>

#include "common/result.h"
#include "spool/wire.h"

namespace wayside::spool {
namespace {

constexpr std::string_view kLostMark = "wayside lost record";

struct FreeState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

// One state a thread: creating one allocates.
XXH3_state_t* state() {
  thread_local const std::unique_ptr<XXH3_state_t, FreeState> instance(XXH3_createState());
  WAYSIDE_ASSERT(instance != nullptr);
  return instance.get();
}

Digest finish(XXH3_state_t* hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(hash));
  Digest out;
  std::copy(std::begin(canonical.digest), std::end(canonical.digest), out.bytes.begin());
  return out;
}

void begin(XXH3_state_t* hash, const Digest& before, Offset offset, std::uint64_t time) {
  std::array<std::uint8_t, 32> head{};
  std::copy(before.bytes.begin(), before.bytes.end(), head.begin());
  for (std::size_t i = 0; i < 8; ++i) {
    head[16 + i] = static_cast<std::uint8_t>(offset.value >> (8 * i));
    head[24 + i] = static_cast<std::uint8_t>(time >> (8 * i));
  }
  XXH3_128bits_reset(hash);
  XXH3_128bits_update(hash, head.data(), head.size());
}

}  // namespace

Digest chain(const Digest& before, Offset offset, WallMs time, ByteView body) {
  XXH3_state_t* hash = state();
  begin(hash, before, offset, static_cast<std::uint64_t>(time.value));
  XXH3_128bits_update(hash, body.data(), body.size());
  return finish(hash);
}

Digest chain_lost(const Digest& known, Offset offset) {
  XXH3_state_t* hash = state();
  begin(hash, known, offset, 0);
  XXH3_128bits_update(hash, kLostMark.data(), kLostMark.size());
  return finish(hash);
}

}  // namespace wayside::spool
