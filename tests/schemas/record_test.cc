#include "schemas/record.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "common/rng.h"

namespace wayside::schemas {
namespace {

const Bytes kPayload = {0, 1, 2, 255};

RecordView full_record() {
  RecordView record;
  record.vehicle = "WAYSDE00000000001";
  record.topic = "v1/WAYSDE00000000001/event/door";
  record.payload = kPayload;
  record.cohort = "alpha-7";
  record.mid = "m-1";
  record.qos2_session = "WAYSDE00000000001";
  record.packet_id = 0xBEEF;
  record.epoch = 0x0102030405060708;
  record.sequence = UINT64_MAX;
  record.source_time = {1'637'291'564'120};
  record.signal_batch = true;
  return record;
}

}  // namespace

TEST_CASE("a record comes back as it was encoded") {
  const RecordView record = full_record();
  Bytes bytes = {9, 9, 9};
  encode_record(record, bytes);
  const auto decoded = decode_record(bytes);
  REQUIRE(decoded.ok());
  CHECK(decoded->vehicle == record.vehicle);
  CHECK(decoded->topic == record.topic);
  CHECK(std::ranges::equal(decoded->payload, kPayload));
  CHECK(decoded->cohort == record.cohort);
  CHECK(decoded->tenant == "default");
  CHECK(decoded->mid == record.mid);
  CHECK(decoded->qos2_session == record.qos2_session);
  CHECK(decoded->packet_id == record.packet_id);
  CHECK(decoded->epoch == record.epoch);
  CHECK(decoded->sequence == record.sequence);
  CHECK(decoded->source_time == record.source_time);
  CHECK(decoded->signal_batch);
}

TEST_CASE("the record layout of version 1 does not change") {
  RecordView record;
  record.vehicle = "V";
  record.topic = "t/u";
  record.payload = kPayload;
  record.packet_id = 0x0201;
  record.epoch = 3;
  record.sequence = 4;
  record.source_time = {5};
  Bytes bytes;
  encode_record(record, bytes);
  CHECK(to_hex(bytes) ==
        "01000102"            // version, flags, packet id
        "0500000000000000"    // source time
        "0300000000000000"    // epoch
        "0400000000000000"    // sequence
        "0156"                // vehicle
        "0300742f75"          // topic
        "00"                  // cohort
        "0764656661756c74"    // tenant
        "0000"                // mid, session
        "04000000000102ff");  // payload
}

TEST_CASE("a record that is cut, longer, newer or flagged otherwise does not decode") {
  Bytes bytes;
  encode_record(full_record(), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = decode_record(ByteView(bytes).first(size));
    REQUIRE_FALSE(cut.ok());
    CHECK(cut.error().fault == Fault::malformed);
  }
  Bytes longer = bytes;
  longer.push_back(0);
  CHECK(decode_record(longer).error().fault == Fault::malformed);
  Bytes newer = bytes;
  newer[0] = 2;
  CHECK(decode_record(newer).error().fault == Fault::unsupported);
  Bytes flagged = bytes;
  flagged[1] = 2;
  CHECK(decode_record(flagged).error().fault == Fault::unsupported);
}

TEST_CASE("no random bytes are read outside their end") {
  SeededRng rng(7);
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes(rng.below(96));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.below(8));
    if (!bytes.empty()) bytes[0] = 1;
    const auto decoded = decode_record(bytes);
    if (decoded.ok()) {
      Bytes again;
      encode_record(*decoded, again);
      CHECK(again == bytes);
    }
  }
}

}  // namespace wayside::schemas
