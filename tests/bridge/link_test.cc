#include "bridge/link/claim.h"
#include "bridge/link/credit.h"
#include "bridge/link/messages.h"
#include "bridge/link/topics.h"

#include <catch2/catch_test_macros.hpp>

namespace wayside::bridge::link {
namespace {

SpoolUuid some_uuid() {
  SpoolUuid uuid;
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i) uuid.bytes[i] = static_cast<std::uint8_t>(i * 7 + 1);
  return uuid;
}

Next some_next() {
  Next next;
  next.spool = some_uuid();
  next.session = 42;
  next.lane = Lane::state;
  next.standing.next = {10};
  next.standing.digest.bytes.fill(0xAB);
  next.standing.totals = {6, 2, 1, 1, 1};
  next.standing.cohorts["model-x"] = {6, 2, 1, 1, 1};
  return next;
}

}  // namespace

TEST_CASE("link messages read back as they were written") {
  const auto next = decode_next(encode(some_next()));
  REQUIRE(next.ok());
  CHECK(next.value().spool == some_uuid());
  CHECK(next.value().session == 42);
  CHECK(next.value().lane == Lane::state);
  CHECK(next.value().standing.totals == some_next().standing.totals);
  CHECK(next.value().standing.cohorts == some_next().standing.cohorts);
  CHECK(next.value().standing.digest == some_next().standing.digest);

  Hello hello;
  hello.edge = "e1";
  hello.region = "r1";
  hello.spool = some_uuid();
  hello.session = 7;
  hello.lanes = {{Lane::ack, {3}, {5}}};
  const auto read = decode_hello(encode(hello));
  REQUIRE(read.ok());
  CHECK(read.value().edge == "e1");
  CHECK(read.value().lanes.at(0).synced == Offset{5});

  const auto down = decode_down_batch(encode(DownBatch{9, {{1, {1, 2, 3}}, {2, {4}}}}));
  REQUIRE(down.ok());
  CHECK(down.value().items.at(0).request == Bytes{1, 2, 3});
  const auto ack = decode_down_ack(encode(DownAck{9, {{1, false, "REVOKED"}}}));
  REQUIRE(ack.ok());
  CHECK(ack.value().answers.at(0).reason == "REVOKED");
}

TEST_CASE("a link message that is cut, damaged at its head or of another kind is refused") {
  const Bytes whole = encode(some_next());
  for (std::size_t size = 0; size < 12; ++size) {
    CHECK_FALSE(decode_next(ByteView(whole).first(size)).ok());
  }
  CHECK_FALSE(decode_credit(whole).ok());
  Bytes wrong = whole;
  wrong[4] ^= 1U;  // file identifier
  CHECK_FALSE(decode_next(wrong).ok());
}

TEST_CASE("a NEXT whose totals are not its offset is refused") {
  Next next = some_next();
  next.standing.totals.delivered += 1;
  CHECK(decode_next(encode(next)).reason() == Reason::LINK_MALFORMED);
  next = some_next();
  next.standing.totals.resent = next.standing.totals.compacted + 1;
  CHECK_FALSE(decode_next(encode(next)).ok());
  next = some_next();
  next.standing.totals.delivered = ~0ULL;  // would wrap round to the right sum
  next.standing.totals.compacted = 9;
  CHECK_FALSE(decode_next(encode(next)).ok());
}

TEST_CASE(
    "a NEXT that says by cohort something else than its totals is refused, one that says nothing by cohort is not") {
  const auto refused = [](const spool::CohortTotals& cohorts) {
    Next next = some_next();
    next.standing.cohorts = cohorts;
    return !decode_next(encode(next)).ok();
  };
  CHECK_FALSE(refused({{"model-x", {4, 2, 1, 1, 1}}, {"other", {2, 0, 0, 0, 0}}}));
  CHECK_FALSE(refused({}));
  CHECK(refused({{"model-x", {5, 2, 1, 1, 1}}}));
  CHECK(refused({{"model-x", {6, 2, 1, 1, 1}}, {"other", {1, 0, 0, 0, 0}}}));
  CHECK(refused({{"model-x", {6, 1, 1, 2, 1}}}));                              // the sum alone agrees
  CHECK(refused({{"model-x", {6, 2, 0, 1, 1}}}));                              // resent is told apart too
  CHECK(refused({{"model-x", {4, 2, 0, 1, 1}}, {"other", {2, 0, 1, 0, 0}}}));  // resent without compacted
  CHECK(refused({{"model-x", {1ULL << 63U, 1ULL << 63U, 0, 0, 0}}, {"other", {6, 2, 1, 1, 1}}}));  // wraps to nothing
}

TEST_CASE("topics of the link name edge, direction, channel and kind, and nothing else parses") {
  const std::string topic = up_topic("edge-1", {Channel::bulk, Kind::batch});
  CHECK(topic == "wayside/edge-1/up/bulk/batch");
  const auto parsed = parse_topic(topic);
  REQUIRE(parsed);
  CHECK(parsed->edge == "edge-1");
  CHECK(parsed->up);
  CHECK(parsed->address.channel == Channel::bulk);
  for (const char* bad : {"wayside/e/up/bulk/next", "wayside/e/down/urgent/batch", "wayside//up/urgent/hello",
                          "wayside/e/up/urgent/hello/x", "v1/e/up/urgent/hello", "wayside/e/up/slow/hello"}) {
    CHECK_FALSE(parse_topic(bad));
  }
}

TEST_CASE("credit is cumulative, never falls, and keeps its floor when the core log is full") {
  CreditIssuer issuer;
  CHECK(issuer.issue(1'000, 0, 5'000) == 1'000);
  CHECK(issuer.may_accept(1'000));
  CHECK_FALSE(issuer.may_accept(1'001));
  issuer.accept(600);
  CHECK(issuer.issue(1'000, 0, 5'000) == 1'600);
  CHECK(issuer.issue(1'000, 0, 0) == 1'600);
  issuer.accept(1'000);
  CHECK_FALSE(issuer.may_accept(1));
  CHECK(issuer.issue(1'000, 0, 0) == 1'600);
  CHECK(issuer.issue(1'000, 200, 0) == 1'800);
}

TEST_CASE("a credit beyond what could be meant is invalid, a restated one changes nothing") {
  CreditHolder holder(10'000);
  CHECK(holder.raise(4'000, 0) == CreditOutcome::raised);
  CHECK(holder.raise(4'000, 0) == CreditOutcome::unchanged);
  CHECK(holder.raise(3'000, 0) == CreditOutcome::unchanged);
  CHECK(holder.left(1'500) == 2'500);
  CHECK(holder.raise(20'001, 10'000) == CreditOutcome::invalid);
  CHECK(holder.left(0) == 4'000);
}

TEST_CASE("a credit says where it is counted from, and one of a core that does not say so is taken") {
  Credit credit{some_uuid(), 42, Lane::bulk, 9'000, Offset{0}};
  CHECK(decode_credit(encode(credit)).value().counted_from == Offset{0});
  credit.counted_from.reset();
  const Outcome<Credit> older = decode_credit(encode(credit));
  REQUIRE(older.ok());
  CHECK(older.value().limit_bytes == 9'000);
  CHECK_FALSE(older.value().counted_from.has_value());
}

TEST_CASE("bytes that are no batch claim nothing") {
  CHECK(claim_of(as_bytes("not zstd"), {}).reason() == Reason::BATCH_MALFORMED);
  CHECK_FALSE(claim_of({}, {}).ok());
}

}  // namespace wayside::bridge::link
