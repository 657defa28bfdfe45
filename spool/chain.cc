#include "spool/chain.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "common/result.h"
#include "spool/wire.h"

namespace wayside::spool {
namespace {

// Up to here a link is copied together and hashed in one call, which costs half of what a state costs.
constexpr std::size_t kOneCallBytes = 2048;
constexpr std::size_t kHeadBytes = 32;
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

Digest canonical(const XXH128_hash_t& hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Digest out;
  std::copy(std::begin(bytes.digest), std::end(bytes.digest), out.bytes.begin());
  return out;
}

void put_head(std::uint8_t* to, const Digest& before, Offset offset, std::int64_t time) {
  std::memcpy(to, before.bytes.data(), before.bytes.size());
  std::memcpy(to + 16, &offset.value, sizeof offset.value);
  std::memcpy(to + 24, &time, sizeof time);
}

Digest link_long(const Digest& before, Offset offset, std::int64_t time, ByteView body) {
  std::array<std::uint8_t, kHeadBytes> head;
  put_head(head.data(), before, offset, time);
  XXH3_state_t* hash = state();
  XXH3_128bits_reset(hash);
  XXH3_128bits_update(hash, head.data(), head.size());
  XXH3_128bits_update(hash, body.data(), body.size());
  return canonical(XXH3_128bits_digest(hash));
}

Digest link(const Digest& before, Offset offset, std::int64_t time, ByteView body) {
  if (body.size() > kOneCallBytes - kHeadBytes) return link_long(before, offset, time, body);
  std::array<std::uint8_t, kOneCallBytes> whole;  // not cleared: only what is written is read
  put_head(whole.data(), before, offset, time);
  std::copy(body.begin(), body.end(), whole.begin() + kHeadBytes);
  return canonical(XXH3_128bits(whole.data(), kHeadBytes + body.size()));
}

}  // namespace

Digest chain(const Digest& before, Offset offset, WallMs time, ByteView body) {
  return link(before, offset, time.value, body);
}

Digest chain_lost(const Digest& known, Offset offset) { return link(known, offset, 0, as_bytes(kLostMark)); }

}  // namespace wayside::spool
