// The signed framing of every intent, grant and list (design section 8), as in docs/security.md:
//
//   "WSSG" · u8 version (1) · u8 type · key[32] · signature[64] · u32 length (LE) · body
//
// signature = Ed25519 over the domain prefix of the type ("wayside/intent/1\0", "wayside/grant/1\0",
// "wayside/trust-list/1\0", "wayside/revocation-list/1\0") and the body, checked with that key first;
// only then is the body (a FlatBuffer) parsed, and it must name the same key. Never re-encoded.
// Unknown versions, types, fields, trailing bytes, small-order keys and S >= L refuse (RFC 8032 5.1.7).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/reasons.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::intent {

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

enum class SignedType : std::uint8_t { intent = 1, grant = 2, trust_list = 3, revocation_list = 4 };

inline constexpr std::size_t kSignedHeaderBytes = 4 + 1 + 1 + 32 + 64 + 4;
inline constexpr std::size_t kSignedBodyBytesMax = 64U << 10U;  // an intent or a trust list
inline constexpr std::size_t kGrantBodyBytesMax = 512U << 10U;  // a grant or a revocation list

// An Ed25519 private key. Owns its bytes and wipes them. Thread: use from one.
class SigningKey {
 public:
  static Result<SigningKey> generate();
  static Result<SigningKey> from_seed(ByteView seed32);
  SigningKey(SigningKey&& other) noexcept;
  SigningKey& operator=(SigningKey&& other) noexcept;
  ~SigningKey();
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] ByteView seed() const { return seed_; }
  [[nodiscard]] Bytes sign_framed(SignedType type, ByteView body) const;

 private:
  SigningKey() = default;
  std::array<std::uint8_t, 32> seed_{};
  PublicKey public_key_{};
};

// A framing whose signature holds. Views into the bytes it was opened from.
struct Opened {
  SignedType type{};
  PublicKey key{};
  ByteView body;
  std::size_t size = 0;  // whole framing: what follows may be the next one
};

// Checks magic, version, type, length, key, signature, in that order. `allow_rest`: bytes may follow.
// Refusals: SIGNATURE_INVALID, SIGNED_MALFORMED, SIGNED_UNSUPPORTED.
Outcome<Opened> open_signed(ByteView bytes, SignedType expected, bool allow_rest = false);

}  // namespace wayside::intent
