#include "schemas/json/json.h"

#include <zstd.h>

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/rng.h"
#include "schemas/gen/batch_generated.h"
#include "schemas/gen/command_generated.h"
#include "schemas/gen/credit_generated.h"
#include "schemas/gen/downack_generated.h"
#include "schemas/gen/downbatch_generated.h"
#include "schemas/gen/hello_generated.h"
#include "schemas/gen/next_generated.h"
#include "schemas/gen/rejected_generated.h"
#include "schemas/gen/settlement_generated.h"
#include "schemas/ids.h"
#include "schemas/messages.h"
#include "schemas/verified.h"
#include "tests/intent/signed_fixture.h"

namespace wayside::schemas {
namespace {

using nlohmann::json;
constexpr WallMs kTime{1'637'291'564'120};
constexpr CommandIdBytes kId = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF};

std::string text_of(ByteView payload) {
  const auto text = to_json(payload);
  REQUIRE(text.ok());
  CHECK(text->find('\n') == std::string::npos);
  return *text;
}
json parsed(ByteView payload) { return json::parse(text_of(payload)); }

template <typename Build>
Bytes built(Build build) {
  flatbuffers::FlatBufferBuilder builder;
  build(builder);
  return take(builder);
}

const Uuid kSpool = uuid_struct({kId});
const Digest128 kDigest = digest_struct({kId});
constexpr const char* kSpoolText = "00112233-4455-6677-8899-aabbccddeeff";

}  // namespace

TEST_CASE("a SignalBatch as JSON has one object a signal, 64-bit integers as strings") {
  const std::vector<SignalValue> signals = {
      {"Vehicle.Speed", kTime, 12.5},          {"Vehicle.Odometer", kTime, std::uint64_t{18446744073709551615ULL}},
      {"Vehicle.Trim", {1}, std::int64_t{-1}}, {"Vehicle.Temperature", kTime, 0.1F},
      {"Vehicle.IsMoving", kTime, true},       {"Vehicle.Label", kTime, std::string("a\"\\\n\x01\xC3\xA9")}};
  CHECK(text_of(build_signal_batch(42, "vss-6.0", signals)) ==
        R"({"format":"SignalBatch","sequence":"42","catalogue":"vss-6.0","signals":[)"
        R"({"path":"Vehicle.Speed","t":"2021-11-19T03:12:44.120Z","v":12.5},)"
        R"({"path":"Vehicle.Odometer","t":"2021-11-19T03:12:44.120Z","v":"18446744073709551615"},)"
        R"({"path":"Vehicle.Trim","t":"1970-01-01T00:00:00.001Z","v":"-1"},)"
        R"({"path":"Vehicle.Temperature","t":"2021-11-19T03:12:44.120Z","v":0.1},)"
        R"({"path":"Vehicle.IsMoving","t":"2021-11-19T03:12:44.120Z","v":true},)"
        R"({"path":"Vehicle.Label","t":"2021-11-19T03:12:44.120Z","v":"a\"\\\n\u0001)"
        "\xC3\xA9"
        R"("}]})");
}

TEST_CASE("every finite double and float reads back from JSON with the same bits") {
  SeededRng rng(1119);
  std::vector<double> values = {0.0,
                                -0.0,
                                1e22,
                                1e-7,
                                5e-324,
                                123456789012345680.0,
                                std::numeric_limits<double>::max(),
                                std::numeric_limits<double>::min()};
  for (int i = 0; i < 5'000; ++i) values.push_back(std::bit_cast<double>(rng.next()));
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    std::string out;
    JsonWriter(out).real(value);
    const double back = json::parse(out).get<double>();
    CAPTURE(out);
    REQUIRE(std::bit_cast<std::uint64_t>(back) == std::bit_cast<std::uint64_t>(value));
  }
  for (int i = 0; i < 5'000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(rng.next()));
    if (!std::isfinite(value)) continue;
    std::string out;
    JsonWriter(out).real(value);
    CAPTURE(out);
    REQUIRE(std::bit_cast<std::uint32_t>(std::strtof(out.c_str(), nullptr)) == std::bit_cast<std::uint32_t>(value));
  }
}

TEST_CASE("what JSON has no number for is a string") {
  const auto written = [](double value) {
    std::string out;
    JsonWriter(out).real(value);
    return out;
  };
  CHECK(written(std::numeric_limits<double>::quiet_NaN()) == "\"NaN\"");
  CHECK(written(std::numeric_limits<double>::infinity()) == "\"Infinity\"");
  CHECK(written(-std::numeric_limits<double>::infinity()) == "\"-Infinity\"");
}

TEST_CASE("text of a peer is escaped, and what is not UTF-8 is replaced") {
  for (const std::string& hostile :
       {std::string("\xFF\xFE"), std::string("ok\x1B[31m\x7F"), std::string("\xED\xA0\x80"), std::string("a\0b", 3),
        std::string("\xF0\x9F\x9A\x97"), std::string("x\xE2\x82"), std::string("\",\"admin\":true,\"")}) {
    std::string out;
    JsonWriter(out).begin_object().key(hostile).text(hostile).end_object();
    const json read = json::parse(out);
    REQUIRE(read.size() == 1);
    CHECK(read.begin().key() == read.begin().value().get<std::string>());
    for (const char c : out) CHECK((static_cast<unsigned char>(c) >= 0x20 && c != 0x7F));
  }
}

TEST_CASE("commands, presence, events and answers as JSON name their states and times") {
  const json status = parsed(build_command_status(
      {kId, "V-1", 3, CommandState::UNKNOWN_OUTCOME, "DEADLINE_PASSED", "unlock", "doors", kTime, kTime, "edge-1"}));
  CHECK(status["format"] == "CommandStatus");
  CHECK(status["command_id"] == "aaisem2ekvthpcezvk54zxpo74");
  CHECK(status["state"] == "UNKNOWN_OUTCOME");
  CHECK(status["version"] == 3);
  CHECK(status["deadline"] == "2021-11-19T03:12:44.120Z");
  const json ack = parsed(build_command_ack({kId, CommandState::FAILED, "DOOR_AJAR", kTime}));
  CHECK(ack["state"] == "FAILED");
  CHECK(ack["reason"] == "DOOR_AJAR");
  const json presence = parsed(build_presence({"V-1", false, 7, kTime, "edge-1", "KEEP_ALIVE_TIMEOUT"}));
  CHECK(presence["state"] == "OFFLINE");
  CHECK(presence["epoch"] == "7");
  const json event = parsed(build_event({1, "door", kTime, 2, "open", {{"A.B", kTime, false}}}));
  CHECK(event["severity"] == 2);
  CHECK(event["signals"][0]["v"] == false);
  const json answer = parsed(build_answer({kId, "FORWARDED", "", ""}));
  CHECK(answer["outcome"] == "FORWARDED");
  CHECK_FALSE(answer.contains("reason"));
}

TEST_CASE("signed things as JSON show key, signature and body, and say that nothing was checked") {
  const intent::Fixture f;
  const json request = parsed(f.request());
  REQUIRE(request["signed"].size() == 2);
  CHECK(request["signed"][0]["signature_checked"] == false);
  CHECK(request["signed"][0]["key"] == to_hex(f.issuer.public_key()));
  CHECK(request["signed"][0]["body"]["format"] == "Intent");
  CHECK(request["signed"][0]["body"]["arguments"]["door"] == "all");
  CHECK(request["signed"][0]["body"]["command_id"] == intent::to_base32(f.intent.command_id));
  CHECK(request["signed"][1]["body"]["vehicles"].size() == 2);
  const json list = parsed(intent::sign_trust_list(f.root, *f.trust.trust_list));
  CHECK(list["signed"][0]["body"]["grant_keys"][0] == to_hex(f.grant_key.public_key()));
  intent::RevocationList revocations;
  revocations.grant_key = f.grant_key.public_key();
  revocations.number = 2;
  revocations.grants.emplace(f.grant_key.public_key(), 5);
  const json revoked = parsed(intent::sign_revocation_list(f.grant_key, revocations));
  CHECK(revoked["signed"][0]["body"]["grants"][0]["serial"] == "5");
  Bytes cut = f.request();
  cut.pop_back();
  CHECK(to_json(cut).error().fault == Fault::malformed);
}

TEST_CASE("link messages as JSON") {
  const Totals totals(5, 4, 3, 2, 1);
  const json hello = parsed(built([&](auto& b) {
    const auto edge = b.CreateString("edge-1");
    const auto region = b.CreateString("eu-1");
    const auto product = b.CreateString("wayside-bridge 0.1.0");
    const Branch branch(3, ~0ULL);
    const auto branches = b.CreateVectorOfStructs(&branch, 1);
    const auto head = CreateLaneHead(b, LaneId::state, 3, 9, branches);
    const auto lanes = b.CreateVector(&head, 1);
    FinishHelloBuffer(b, CreateHello(b, 1, 1, edge, region, &kSpool, 77, product, lanes, false, true, &kSpool));
  }));
  CHECK(hello["spool"] == kSpoolText);
  CHECK(hello["lanes"][0]["lane"] == "state");
  CHECK(hello["lanes"][0]["synced"] == "9");
  CHECK(hello["lanes"][0]["branches"][0]["id"] == "18446744073709551615");
  CHECK(hello["closing"] == true);
  CHECK(hello["previous"] == kSpoolText);
  const json next = parsed(built([&](auto& b) {
    const auto name = b.CreateString("alpha");
    const auto cohort = CreateCohortTotals(b, name, &totals);
    const auto cohorts = b.CreateVector(&cohort, 1);
    FinishNextBuffer(b, CreateNext(b, &kSpool, 77, LaneId::bulk, 12, &kDigest, &totals, cohorts, true, true, 7, true));
  }));
  CHECK(next["next"] == "12");
  CHECK(next["digest"] == "00112233445566778899aabbccddeeff");
  CHECK(next["totals"]["compacted"] == "4");
  CHECK(next["cohorts"]["alpha"]["lost"] == "1");
  CHECK(next["forked"] == true);
  CHECK(next["common"] == "7");
  CHECK(next["common_exact"] == true);
  const json credit =
      parsed(built([&](auto& b) { FinishCreditBuffer(b, CreateCredit(b, &kSpool, 1, LaneId::ack, 99)); }));
  CHECK(credit["limit_bytes"] == "99");
  CHECK_FALSE(credit.contains("counted_from"));  // of a core before 0.2.0
  const json counted =
      parsed(built([&](auto& b) { FinishCreditBuffer(b, CreateCredit(b, &kSpool, 1, LaneId::ack, 99, 0)); }));
  CHECK(counted["counted_from"] == "0");
  const json rejected = parsed(built([&](auto& b) {
    const auto reason = b.CreateString("BATCH_MALFORMED");
    FinishRejectedBuffer(b, CreateRejected(b, &kSpool, 1, LaneId::event, 5, 2, reason));
  }));
  CHECK(rejected["reason"] == "BATCH_MALFORMED");
  const json settlement = parsed(built([&](auto& b) {
    FinishSettlementBuffer(b, CreateSettlement(b, &kSpool, LaneId::event, 5, 7, &totals, &totals, 0, &kDigest));
  }));
  CHECK(settlement["running"]["delivered"] == "5");
  const json down_ack = parsed(built([&](auto& b) {
    const auto reason = b.CreateString("GRANT_EXPIRED");
    const auto answer = CreateDownAnswer(b, 4, false, reason);
    const auto answers = b.CreateVector(&answer, 1);
    FinishDownAckBuffer(b, CreateDownAck(b, 1, answers));
  }));
  CHECK(down_ack["answers"][0]["reason"] == "GRANT_EXPIRED");
  const Bytes request = intent::Fixture().request();
  const json down = parsed(built([&](auto& b) {
    const auto bytes = b.CreateVector(request);
    const auto item = CreateDownItem(b, 4, bytes);
    const auto items = b.CreateVector(&item, 1);
    FinishDownBatchBuffer(b, CreateDownBatch(b, 1, items));
  }));
  CHECK(down["items"][0]["request"]["signed"][0]["body"]["name"] == "doors");
}

TEST_CASE("a batch as JSON tells what it covers, packed in its zstd frame or not") {
  const Bytes raw = built([&](auto& b) {
    const auto run = CreateRun(b, Outcome::COMPACTED, 3);
    const auto runs = b.CreateVector(&run, 1);
    const auto path = b.CreateString("Vehicle.Speed");
    const auto signal = CreateSignalColumn(b, path, ColumnType::DOUBLE, ColumnEncoding::XOR, 0, 2);
    const auto signals = b.CreateVector(&signal, 1);
    BatchBuilder batch(b);
    batch.add_spool(&kSpool);
    batch.add_lane(LaneId::state);
    batch.add_first(10);
    batch.add_count(3);
    batch.add_before(&kDigest);
    batch.add_after(&kDigest);
    batch.add_runs(runs);
    batch.add_signals(signals);
    FinishBatchBuffer(b, batch.Finish());
  });
  Bytes packed(ZSTD_compressBound(raw.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), raw.data(), raw.size(), 3));
  const json batch = parsed(raw);
  CHECK(batch == parsed(packed));
  CHECK(batch["first"] == "10");
  CHECK(batch["runs"][0]["outcome"] == "COMPACTED");
  CHECK(batch["signals"][0]["samples"] == 2);
  packed.pop_back();
  CHECK(to_json(packed).error().fault == Fault::malformed);
}

TEST_CASE("what claims nothing is unsupported, what claims and does not verify is malformed") {
  CHECK(to_json({}).error().fault == Fault::unsupported);
  CHECK(to_json(as_bytes("{\"speed\":12}")).error().fault == Fault::unsupported);
  CHECK(to_json(as_bytes("1234WSSB")).error().fault == Fault::malformed);
  CHECK(to_json(as_bytes("1234WSNX")).error().fault == Fault::malformed);
  CHECK(to_json(as_bytes("WSSG")).error().fault == Fault::malformed);
}

TEST_CASE("no damaged message of any format is read outside its bytes, and what comes out is JSON") {
  const intent::Fixture f;
  const std::vector<SignalValue> signals = {{"A.B", kTime, 1.5}, {"C", kTime, std::string("x")}};
  const std::vector<Bytes> messages = {
      build_signal_batch(1, "vss", signals), build_event({1, "e", kTime, 0, "t", signals}),
      build_command_status({kId, "V", 1, CommandState::SENT, "", "g", "n", kTime, kTime, "e"}),
      build_presence({"V", true, 1, kTime, "e", ""}), f.request()};
  SeededRng rng(99);
  for (const Bytes& message : messages) {
    for (int round = 0; round < 3'000; ++round) {
      Bytes damaged = message;
      damaged[rng.below(damaged.size())] = static_cast<std::uint8_t>(rng.next());
      damaged[rng.below(damaged.size())] ^= static_cast<std::uint8_t>(1U << rng.below(8));
      const auto text = to_json(damaged);
      if (text.ok()) REQUIRE(json::accept(*text));
    }
  }
}

}  // namespace wayside::schemas
