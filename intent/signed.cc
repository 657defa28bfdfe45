#include "intent/signed.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>

#include "common/freed.h"

namespace wayside::intent {
namespace {

constexpr std::string_view kMagic = "WSSG";
constexpr std::uint8_t kVersion = 1;

using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;

// Domain separation: a signature over one type never passes as one over another, nor as one of any
// other protocol. The terminating NUL is part of the prefix, so that none is a prefix of another.
std::string_view domain_prefix(SignedType type) {
  using namespace std::string_view_literals;
  switch (type) {
    case SignedType::intent: return "wayside/intent/1\0"sv;
    case SignedType::grant: return "wayside/grant/1\0"sv;
    case SignedType::trust_list: return "wayside/trust-list/1\0"sv;
    case SignedType::revocation_list: return "wayside/revocation-list/1\0"sv;
  }
  return {};
}

std::size_t body_bytes_max(SignedType type) {
  const bool large = type == SignedType::grant || type == SignedType::revocation_list;
  return large ? kGrantBodyBytesMax : kSignedBodyBytesMax;
}

Bytes signed_message(SignedType type, ByteView body) {
  const ByteView prefix = as_bytes(domain_prefix(type));
  Bytes message;
  message.reserve(prefix.size() + body.size());
  message.insert(message.end(), prefix.begin(), prefix.end());
  message.insert(message.end(), body.begin(), body.end());
  return message;
}

// a >= b for little-endian numbers of 32 bytes.
bool at_least(ByteView a, const PublicKey& b) {
  for (std::size_t i = b.size(); i-- > 0;) {
    if (a[i] != b[i]) return a[i] > b[i];
  }
  return true;
}

PublicKey little_endian(std::string_view hex) {
  Bytes bytes;
  WAYSIDE_ASSERT(from_hex(hex, bytes) && bytes.size() == 32);
  PublicKey out{};
  std::ranges::copy(bytes, out.begin());
  return out;
}

// RFC 8032 section 5.1: p = 2^255 - 19, and the order L of the base point.
const PublicKey& field_prime() {
  static const PublicKey kPrime = little_endian("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
  return kPrime;
}
const PublicKey& group_order() {
  static const PublicKey kOrder = little_endian("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  return kOrder;
}

// The y coordinates of the eight points of small order; a signature under such a key proves nothing.
bool small_order(const PublicKey& y) {
  static const std::array<PublicKey, 5> kSmall = {
      little_endian("0000000000000000000000000000000000000000000000000000000000000000"),
      little_endian("0100000000000000000000000000000000000000000000000000000000000000"),
      little_endian("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
      little_endian("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
      little_endian("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")};
  return std::ranges::find(kSmall, y) != kSmall.end();
}

bool key_acceptable(const PublicKey& key) {
  PublicKey y = key;
  y[31] &= 0x7FU;  // the top bit is the sign of x
  return !at_least(y, field_prime()) && !small_order(y);
}

bool signature_holds(SignedType type, const PublicKey& key, ByteView signature, ByteView body) {
  if (!key_acceptable(key) || at_least(signature.subspan(32), group_order())) return false;
  const Key public_key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const Context context(EVP_MD_CTX_new());
  if (!public_key || !context) return false;
  const Bytes message = signed_message(type, body);
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

bool known_type(std::uint8_t type) { return type >= 1 && type <= 4; }

std::uint32_t read_u32(ByteView bytes) {
  return static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8U |
         static_cast<std::uint32_t>(bytes[2]) << 16U | static_cast<std::uint32_t>(bytes[3]) << 24U;
}

}  // namespace

Result<SigningKey> SigningKey::generate() {
  std::array<std::uint8_t, 32> seed{};
  if (RAND_priv_bytes(seed.data(), static_cast<int>(seed.size())) != 1) {
    return Error{Fault::internal, "the random generator gave no key"};
  }
  auto key = from_seed(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return key;
}

Result<SigningKey> SigningKey::from_seed(ByteView seed32) {
  SigningKey key;
  if (seed32.size() != key.seed_.size()) return Error{Fault::malformed, "an Ed25519 seed has 32 bytes"};
  std::ranges::copy(seed32, key.seed_.begin());
  const Key private_key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed32.data(), seed32.size()));
  std::size_t size = key.public_key_.size();
  if (!private_key || EVP_PKEY_get_raw_public_key(private_key.get(), key.public_key_.data(), &size) != 1) {
    return Error{Fault::internal, "OpenSSL derives no Ed25519 key"};
  }
  return key;
}

SigningKey::SigningKey(SigningKey&& other) noexcept : seed_(other.seed_), public_key_(other.public_key_) {
  OPENSSL_cleanse(other.seed_.data(), other.seed_.size());
}

SigningKey& SigningKey::operator=(SigningKey&& other) noexcept {
  if (this != &other) {
    seed_ = other.seed_;
    public_key_ = other.public_key_;
    OPENSSL_cleanse(other.seed_.data(), other.seed_.size());
  }
  return *this;
}

SigningKey::~SigningKey() { OPENSSL_cleanse(seed_.data(), seed_.size()); }

Bytes SigningKey::sign_framed(SignedType type, ByteView body) const {
  const Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(), seed_.size()));
  const Context context(EVP_MD_CTX_new());
  const Bytes message = signed_message(type, body);
  Signature signature{};
  std::size_t size = signature.size();
  WAYSIDE_ASSERT(key && context);
  WAYSIDE_ASSERT(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  WAYSIDE_ASSERT(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1);

  Bytes framed;
  framed.reserve(kSignedHeaderBytes + body.size());
  const ByteView magic = as_bytes(kMagic);
  framed.insert(framed.end(), magic.begin(), magic.end());
  framed.push_back(kVersion);
  framed.push_back(static_cast<std::uint8_t>(type));
  framed.insert(framed.end(), public_key_.begin(), public_key_.end());
  framed.insert(framed.end(), signature.begin(), signature.end());
  for (unsigned shift = 0; shift < 32; shift += 8) framed.push_back(static_cast<std::uint8_t>(body.size() >> shift));
  framed.insert(framed.end(), body.begin(), body.end());
  return framed;
}

Outcome<Opened> open_signed(ByteView bytes, SignedType expected, bool allow_rest) {
  if (bytes.size() < kSignedHeaderBytes || as_text(bytes.first(4)) != kMagic) return Reason::SIGNED_MALFORMED;
  if (bytes[4] != kVersion || !known_type(bytes[5])) return Reason::SIGNED_UNSUPPORTED;
  if (bytes[5] != static_cast<std::uint8_t>(expected)) return Reason::SIGNED_MALFORMED;
  const std::size_t body_bytes = read_u32(bytes.subspan(kSignedHeaderBytes - 4, 4));
  const std::size_t rest_bytes = bytes.size() - kSignedHeaderBytes;
  if (body_bytes > body_bytes_max(expected) || body_bytes > rest_bytes) return Reason::SIGNED_MALFORMED;
  if (body_bytes < rest_bytes && !allow_rest) return Reason::SIGNED_MALFORMED;

  Opened opened;
  opened.type = expected;
  std::ranges::copy(bytes.subspan(6, 32), opened.key.begin());
  opened.body = bytes.subspan(kSignedHeaderBytes, body_bytes);
  opened.size = kSignedHeaderBytes + body_bytes;
  if (!signature_holds(expected, opened.key, bytes.subspan(38, 64), opened.body)) return Reason::SIGNATURE_INVALID;
  return opened;
}

}  // namespace wayside::intent
