#include "fleet/ledger.h"

#include <catch2/catch_test_macros.hpp>

#include "common/types.h"

using namespace wayside::fleet;

namespace {

struct Books {
  VolumeLedger edge{"u", {{"event", 12, 11, 0, 0, 0, 1, 0, 7}, {"state", 100, 90, 6, 5, 3, 1, 0, 8}}};
  VolumeLedger core = edge;
  std::map<std::string, std::uint64_t> ids{{"u/event", 11}, {"u/state", 90}};
  [[nodiscard]] LedgerCheck check() const { return check_ledgers(edge, core, ids, 5); }
};

bool holds(const LedgerCheck& check) { return check.residual == 0 && check.equal && check.differences.empty(); }

}  // namespace

TEST_CASE("a ledger that adds up, equals the core's and matches the sink holds") { CHECK(holds(Books{}.check())); }

TEST_CASE("an off-by-one planted in any ledger column, on either side or in the sink, is found") {
  using Column = std::uint64_t LaneLedger::*;
  for (const Column column : {&LaneLedger::received, &LaneLedger::delivered, &LaneLedger::compacted,
                              &LaneLedger::expired, &LaneLedger::lost, &LaneLedger::pending}) {
    for (const int step : {1, -1}) {
      Books books;
      books.edge.lanes[1].*column += static_cast<std::uint64_t>(step);
      CHECK_FALSE(holds(books.check()));
    }
  }
  for (const Column column : {&LaneLedger::delivered, &LaneLedger::compacted, &LaneLedger::resent, &LaneLedger::expired,
                              &LaneLedger::lost, &LaneLedger::cohorts}) {
    Books books;
    books.core.lanes[0].*column += 1;
    CHECK_FALSE(holds(books.check()));
  }
  Books more_resent;
  more_resent.edge.lanes[1].resent += 1;  // 6 of 6 compacted, but the cars sent only 5 again
  CHECK_FALSE(holds(more_resent.check()));
  Books sink;
  sink.ids["u/state"] = 89;
  CHECK_FALSE(holds(sink.check()));
}

TEST_CASE("two errors that cancel out in the sum are found by the count from the sink") {
  Books books;
  books.edge.lanes[1].delivered += 1;
  books.edge.lanes[1].expired -= 1;
  books.core = books.edge;
  const auto check = books.check();
  CHECK(check.lanes[1].residual == 0);
  CHECK(check.residual == 1);
  CHECK_FALSE(holds(check));
}

TEST_CASE("the core's account is read by edge and spool: that of a replaced volume is another one") {
  std::string text;
  for (const auto& [spool, n] : {std::pair<std::string, int>{"old", 1000}, {"new", 1}}) {
    const std::string labels = "{edge=\"e1\",lane=\"state\",spool=\"" + spool + "\"";
    const auto line = [&](const std::string& name, const std::string& more, int value) {
      text += name + labels + more + "} " + std::to_string(value) + "\n";
    };
    line("wayside_ledger_records_total", ",outcome=\"delivered\"", 10 * n);
    line("wayside_ledger_records_total", ",outcome=\"compacted\"", 3 * n);
    line("wayside_ledger_resent_records_total", "", 2 * n);
    line("wayside_ledger_cohorts_checksum", "", 4'000'000 + n);
  }
  const auto ledger = core_ledger(text, "e1", "new");
  REQUIRE(ledger.lanes.size() == wayside::kAllLanes.size());
  const auto& state = ledger.lanes[3];
  CHECK(state.lane == "state");
  CHECK(state.received == 13);
  CHECK(state.delivered == 10);
  CHECK(state.compacted == 3);
  CHECK(state.resent == 2);
  CHECK(state.cohorts == 4'000'001);
}
