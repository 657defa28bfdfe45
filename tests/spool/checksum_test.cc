#include <xxhash.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "common/rng.h"
#include "spool/chain.h"
#include "spool/crc32c.h"

using namespace wayside;
using namespace wayside::spool;

TEST_CASE("crc32c gives the check values of RFC 3720, in hardware and in tables") {
  const Bytes zeros(32, 0);
  const Bytes ones(32, 0xFF);
  for (auto* function : {&crc32c, &crc32c_portable}) {
    CHECK(function(0, as_bytes("123456789")) == 0xE3069283U);
    CHECK(function(0, zeros) == 0x8A9136AAU);
    CHECK(function(0, ones) == 0x62A8AB43U);
    CHECK(function(0, {}) == 0U);
  }
}

TEST_CASE("crc32c of parts continues to the crc of the whole, at every split and alignment") {
  SeededRng rng(11);
  Bytes bytes(257);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
  const std::uint32_t whole = crc32c_portable(0, bytes);
  for (std::size_t split = 0; split <= bytes.size(); ++split) {
    const ByteView view(bytes);
    REQUIRE(crc32c(crc32c(0, view.first(split)), view.subspan(split)) == whole);
  }
}

TEST_CASE("crc32c in hardware is the one of the tables at every length, seed and alignment") {
  SeededRng rng(12);
  Bytes bytes(3000);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
  const auto seed = static_cast<std::uint32_t>(rng.next());
  for (std::size_t size = 0; size + 8 <= bytes.size(); ++size) {
    const ByteView view = ByteView(bytes).subspan(size % 8, size);
    REQUIRE(crc32c(seed, view) == crc32c_portable(seed, view));
  }
}

TEST_CASE("a link of the chain does not depend on how it is computed: short and long bodies, byte for byte") {
  // Lengths on both sides of where one call gives way to a state, and their digests from the format's definition.
  const auto link_of = [](std::size_t size) { return to_string(chain({}, {7}, {9}, Bytes(size, 0x5A))); };
  CHECK(link_of(0) == "c2e2ad925a355e95e2dbd983249c898b");
  CHECK(link_of(40) == "a695e6d3d5b3e16acfe9d2c18ce11962");
  CHECK(link_of(208) == "de7a199c6e9094ae8f57e384d7179732");
  CHECK(link_of(209) == "48d64198c0054521f9309abb6e8c9d4c");
  CHECK(link_of(2015) == "127ebb07675cedf497a7b1f0cbf53073");
  CHECK(link_of(2016) == "ebc1188e85ea815db346945c846742c2");
  CHECK(link_of(2017) == "784ac70fe4c7699370329cdac28badc2");
  CHECK(link_of(100000) == "ab8a22634cab8f5fb727405e8732c313");
}

TEST_CASE("the chain digest depends on the digest before, the offset, the time and the body") {
  const Bytes body = {1, 2, 3};
  const Bytes other = {1, 2, 4};
  const Digest first = chain({}, {0}, {5}, body);
  CHECK(first == chain({}, {0}, {5}, body));
  CHECK(first != chain(first, {0}, {5}, body));
  CHECK(first != chain({}, {1}, {5}, body));
  CHECK(first != chain({}, {0}, {6}, body));
  CHECK(first != chain({}, {0}, {5}, other));
  CHECK(first != chain_lost({}, {0}));
}

TEST_CASE("the chain digest is XXH3-128 over digest, offset, time and body, for bodies of every size") {
  SeededRng rng(12);
  Digest before;
  for (auto& byte : before.bytes) byte = static_cast<std::uint8_t>(rng.next());
  for (const std::size_t size : {0, 1, 15, 207, 208, 209, 4095, 4096, 4097, 70'000}) {
    Bytes linked(before.bytes.begin(), before.bytes.end());
    for (std::size_t i = 0; i < 8; ++i) linked.push_back(i == 0 ? 9 : 0);
    for (std::size_t i = 0; i < 8; ++i) linked.push_back(i == 1 ? 1 : 0);
    for (std::size_t i = 0; i < size; ++i) linked.push_back(static_cast<std::uint8_t>(rng.next()));
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(linked.data(), linked.size()));
    Digest expected;
    std::copy(std::begin(canonical.digest), std::end(canonical.digest), expected.bytes.begin());
    CHECK(chain(before, {9}, {256}, ByteView(linked).subspan(32)) == expected);
  }
}
