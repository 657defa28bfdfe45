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
