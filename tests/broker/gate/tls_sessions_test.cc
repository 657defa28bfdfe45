// The table of TLS sessions by itself: bounds, one session a leaf, many threads.
#include "broker/gate/tls_sessions.h"

#include <catch2/catch_test_macros.hpp>
#include <thread>

namespace wayside {
namespace {

using broker::gate::LeafHash;
using broker::gate::TlsSession;
using broker::gate::TlsSessionId;
using broker::gate::TlsSessions;

// Spread over all bytes, as real ids and hashes are.
template <typename T>
T spread(std::uint64_t number) {
  T out{};
  for (std::uint8_t& byte : out) {
    number = number * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
    byte = static_cast<std::uint8_t>(number >> 56U);
  }
  return out;
}
TlsSessionId id_of(std::uint64_t number) { return spread<TlsSessionId>(number); }

TlsSession session_of(std::uint64_t leaf) {
  TlsSession session;
  session.proof.leaf = spread<LeafHash>(leaf);
  session.trust_epoch = leaf;
  return session;
}

TEST_CASE("the table stays within its bound under ten times its size, and the oldest gives way") {
  TlsSessions table(100);
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    table.add(id_of(i), session_of(i));
    CHECK(table.size() <= 100);
  }
  CHECK(table.size() == 100);
  CHECK_FALSE(table.find(id_of(899)));
  REQUIRE(table.find(id_of(900)));
  CHECK(table.find(id_of(999))->trust_epoch == 999);
}

TEST_CASE("a large table is cut in shares and still within its bound") {
  TlsSessions table(5'000);
  for (std::uint64_t i = 0; i < 50'000; ++i) table.add(id_of(i), session_of(i));
  CHECK(table.size() <= 5'000);
  CHECK(table.size() > 4'500);
  CHECK(table.find(id_of(49'999)));
}

TEST_CASE("a leaf has one session: a vehicle that comes again and again takes nobody's place") {
  TlsSessions table(10);
  table.add(id_of(1), session_of(1));
  for (std::uint64_t i = 100; i < 200; ++i) table.add(id_of(i), session_of(2));
  CHECK(table.size() == 2);
  CHECK(table.find(id_of(1)));
  CHECK_FALSE(table.find(id_of(198)));
  CHECK(table.find(id_of(199)));
  table.remove(id_of(199));
  table.remove(id_of(199));
  CHECK(table.size() == 1);
}

TEST_CASE("threads that add, find and remove keep the table within its bound") {
  TlsSessions table(64);
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&table, thread] {
      for (std::uint64_t i = 0; i < 5'000; ++i) {
        table.add(id_of(i * 4 + thread), session_of(i % 100));
        static_cast<void>(table.find(id_of(i * 4)));
        if (i % 7 == 0) table.remove(id_of(i * 4 + (thread + 1) % 4));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(table.size() <= 64);
  CHECK(table.size() > 0);
}

}  // namespace
}  // namespace wayside
