// Hostile requests: whatever is changed after signing, left out or added, nothing is accepted.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "schemas/gen/grant_generated.h"
#include "schemas/gen/intent_generated.h"
#include "schemas/ids.h"
#include "schemas/verified.h"
#include "tests/intent/signed_fixture.h"

namespace wayside::intent {
namespace {

Reason refusal(const Bytes& request) {
  const auto outcome = open_request(request);
  REQUIRE_FALSE(outcome.ok());
  return outcome.reason();
}

constexpr std::size_t kKeyAt = 6;
constexpr std::size_t kSignatureAt = 38;
constexpr std::size_t kLengthAt = 102;

// The order of the base point, added to S: the same signature to a verifier that does not check S < L.
void add_group_order(Bytes& framed) {
  Bytes order;
  REQUIRE(from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order));
  unsigned carry = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const unsigned sum = framed[kSignatureAt + 32 + i] + order[i] + carry;
    framed[kSignatureAt + 32 + i] = static_cast<std::uint8_t>(sum);
    carry = sum >> 8U;
  }
  REQUIRE(carry == 0);
}

void put(Bytes& framed, std::size_t at, std::string_view hex) {
  Bytes bytes;
  REQUIRE(from_hex(hex, bytes));
  std::ranges::copy(bytes, framed.begin() + static_cast<std::ptrdiff_t>(at));
}

// An intent body as intent/encode.cc writes it, with whatever a test adds.
Bytes intent_body(const Fixture& f, std::uint16_t version, bool extra_field, bool extra_argument_field) {
  flatbuffers::FlatBufferBuilder b;
  const auto vehicle = b.CreateString(f.intent.vehicle);
  const auto region = b.CreateString(f.intent.region);
  const auto group = b.CreateString(f.intent.group);
  const auto name = b.CreateString(f.intent.name);
  const auto argument_name = b.CreateString("door");
  const auto argument_value = b.CreateString("all");
  const auto argument_start = b.StartTable();
  b.AddOffset(schemas::Argument::VT_NAME, argument_name);
  b.AddOffset(schemas::Argument::VT_VALUE, argument_value);
  if (extra_argument_field) b.AddElement<std::uint8_t>(schemas::Argument::VT_VALUE + 2, 1, 0);
  const flatbuffers::Offset<schemas::Argument> argument(b.EndTable(argument_start));
  const auto arguments = b.CreateVector(&argument, 1);
  const auto id = schemas::id_struct(f.intent.command_id);
  const auto key = schemas::key_struct(f.intent.issuer_key);
  const auto start = b.StartTable();
  b.AddElement<std::uint16_t>(schemas::Intent::VT_VERSION, version, 1);
  b.AddOffset(schemas::Intent::VT_VEHICLE, vehicle);
  b.AddStruct(schemas::Intent::VT_COMMAND_ID, &id);
  b.AddStruct(schemas::Intent::VT_ISSUER_KEY, &key);
  b.AddElement<std::uint64_t>(schemas::Intent::VT_GRANT_SERIAL, f.intent.grant_serial, 0);
  b.AddOffset(schemas::Intent::VT_REGION, region);
  b.AddOffset(schemas::Intent::VT_GROUP, group);
  b.AddOffset(schemas::Intent::VT_NAME, name);
  b.AddOffset(schemas::Intent::VT_ARGUMENTS, arguments);
  b.AddElement<std::int64_t>(schemas::Intent::VT_CREATED_MS, f.intent.created.value, 0);
  b.AddElement<std::int64_t>(schemas::Intent::VT_DEADLINE_MS, f.intent.deadline.value, 0);
  if (extra_field) b.AddElement<std::uint64_t>(schemas::Intent::VT_COUNTER + 2, 99, 0);
  const flatbuffers::Offset<schemas::Intent> root(b.EndTable(start));
  b.Finish(root, schemas::IntentIdentifier());
  return schemas::take(b);
}

Bytes signed_request(const Fixture& f, const Bytes& body) {
  return Fixture::join(f.issuer.sign_framed(SignedType::intent, body), sign_grant(f.grant_key, f.grant));
}

}  // namespace

TEST_CASE("a request without its grant is refused") {
  const Fixture f;
  CHECK(refusal(sign_intent(f.issuer, f.intent)) == Reason::SIGNED_MALFORMED);
  CHECK(refusal(sign_grant(f.grant_key, f.grant)) == Reason::SIGNED_MALFORMED);
  CHECK(refusal({}) == Reason::SIGNED_MALFORMED);
}

TEST_CASE("a trailing byte is refused") {
  const Fixture f;
  REQUIRE(open_request(f.request()).ok());
  Bytes request = f.request();
  request.push_back(0);
  CHECK(refusal(request) == Reason::SIGNED_MALFORMED);
  Bytes between = sign_intent(f.issuer, f.intent);
  between.push_back(0);
  CHECK(refusal(Fixture::join(between, sign_grant(f.grant_key, f.grant))) == Reason::SIGNED_MALFORMED);
}

TEST_CASE("an unknown field is refused, in the intent and in its arguments, although its issuer signed it") {
  const Fixture f;
  REQUIRE(open_request(signed_request(f, intent_body(f, 1, false, false))).ok());
  CHECK(refusal(signed_request(f, intent_body(f, 1, true, false))) == Reason::SIGNED_UNSUPPORTED);
  CHECK(refusal(signed_request(f, intent_body(f, 1, false, true))) == Reason::SIGNED_UNSUPPORTED);
}

TEST_CASE("an unknown version is refused, of the body and of the framing") {
  const Fixture f;
  for (const std::uint16_t version : {std::uint16_t{0}, std::uint16_t{2}, std::uint16_t{65'535}}) {
    CHECK(refusal(signed_request(f, intent_body(f, version, false, false))) == Reason::SIGNED_UNSUPPORTED);
  }
  Bytes request = f.request();
  request[4] = 2;
  CHECK(refusal(request) == Reason::SIGNED_UNSUPPORTED);
  request[4] = 1;
  for (const std::uint8_t type : {std::uint8_t{0}, std::uint8_t{5}, std::uint8_t{255}}) {
    request[5] = type;
    CHECK(refusal(request) == Reason::SIGNED_UNSUPPORTED);
  }
}

TEST_CASE("a signature over one type is none over another") {
  const Fixture f;
  const auto types = {SignedType::intent, SignedType::grant, SignedType::trust_list, SignedType::revocation_list};
  const Bytes body = intent_body(f, 1, false, false);
  for (const auto signed_as : types) {
    for (const auto claimed : types) {
      Bytes framed = f.issuer.sign_framed(signed_as, body);
      framed[5] = static_cast<std::uint8_t>(claimed);
      const auto opened = open_signed(framed, claimed);
      CHECK(opened.ok() == (signed_as == claimed));
      if (!opened.ok()) CHECK(opened.reason() == Reason::SIGNATURE_INVALID);
    }
  }
  Bytes grant_first = Fixture::join(sign_grant(f.grant_key, f.grant), sign_intent(f.issuer, f.intent));
  CHECK(refusal(grant_first) == Reason::SIGNED_MALFORMED);
}

TEST_CASE("a key of small order or not canonical is refused, whatever the signature") {
  // With A of small order and S = 0, R of small order, the equation holds for some messages: a forgery
  // that needs no private key.
  const Fixture f;
  const std::string key = GENERATE("0000000000000000000000000000000000000000000000000000000000000000",
                                   "0100000000000000000000000000000000000000000000000000000000000000",
                                   "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                                   "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
                                   "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                                   "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
                                   "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                   "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                   "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                   "0100000000000000000000000000000000000000000000000000000000000080",
                                   "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
  CAPTURE(key);
  Bytes request = f.request();
  put(request, kKeyAt, key);
  for (const char* r : {"0100000000000000000000000000000000000000000000000000000000000000",
                        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                        "0000000000000000000000000000000000000000000000000000000000000000"}) {
    put(request, kSignatureAt, r);
    put(request, kSignatureAt + 32, std::string(64, '0'));
    for (int salt = 0; salt < 64; ++salt) {  // of 8 torsion points, some message hits
      request[kSignedHeaderBytes + 20] = static_cast<std::uint8_t>(salt);
      CHECK(refusal(request) == Reason::SIGNATURE_INVALID);
    }
  }
}

TEST_CASE("S at or above the group order is refused") {
  const Fixture f;
  Bytes request = f.request();
  add_group_order(request);
  CHECK(refusal(request) == Reason::SIGNATURE_INVALID);
  put(request, kSignatureAt + 32, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  CHECK(refusal(request) == Reason::SIGNATURE_INVALID);
  put(request, kSignatureAt + 32, std::string(64, 'f'));
  CHECK(refusal(request) == Reason::SIGNATURE_INVALID);
}

TEST_CASE("an intent or a grant for another region is refused") {
  Fixture f;
  const auto judged = [&] {
    const auto request = f.request();
    const auto opened = open_request(request);
    REQUIRE(opened.ok());
    return judge(opened.value(), f.trust, kRegion, kNow, kHourMs);
  };
  REQUIRE(judged().ok());
  f.intent.region = "us-1";
  CHECK(judged().reason() == Reason::REGION_MISMATCH);
  f.intent.region = kRegion;
  f.grant.region = "us-1";
  CHECK(judged().reason() == Reason::REGION_MISMATCH);
}

TEST_CASE("a body that names another key than the one that signed is refused") {
  Fixture f;
  f.intent.issuer_key = key_from(9).public_key();
  CHECK(refusal(f.request()) == Reason::SIGNATURE_INVALID);
  f.intent.issuer_key = f.issuer.public_key();
  f.grant.grant_key = f.issuer.public_key();
  CHECK(refusal(f.request()) == Reason::SIGNATURE_INVALID);
}

TEST_CASE("no single changed bit of a request is accepted") {
  const Fixture f;
  const Bytes request = f.request();
  for (std::size_t bit = 0; bit < request.size() * 8; ++bit) {
    Bytes changed = request;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    CAPTURE(bit);
    REQUIRE_FALSE(open_request(changed).ok());
  }
}

TEST_CASE("no cut request is accepted, and no length claim is believed") {
  const Fixture f;
  const Bytes request = f.request();
  for (std::size_t size = 0; size < request.size(); ++size) {
    const Bytes cut(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(size));
    REQUIRE_FALSE(open_request(cut).ok());
  }
  Bytes huge = request;
  put(huge, kLengthAt, "ffffffff");
  CHECK(refusal(huge) == Reason::SIGNED_MALFORMED);
  const Bytes large = f.issuer.sign_framed(SignedType::intent, Bytes(kSignedBodyBytesMax + 1, 0));
  CHECK(open_signed(large, SignedType::intent).reason() == Reason::SIGNED_MALFORMED);
}

TEST_CASE("signed values out of range are refused") {
  const Fixture good;
  const auto with_intent = [&](auto change) {
    Fixture f;
    change(f.intent);
    return open_request(f.request());
  };
  const auto with_grant = [&](auto change) {
    Fixture f;
    change(f.grant);
    return open_request(f.request());
  };
  CHECK(with_intent([](Intent& i) { i.vehicle = ""; }).reason() == Reason::SIGNED_MALFORMED);
  CHECK(with_intent([](Intent& i) { i.vehicle = "v/+"; }).reason() == Reason::SIGNED_MALFORMED);
  CHECK(with_intent([](Intent& i) { i.group = std::string(65, 'g'); }).reason() == Reason::SIGNED_MALFORMED);
  CHECK(with_intent([](Intent& i) { i.arguments.resize(17, {"a", "b"}); }).reason() == Reason::SIGNED_MALFORMED);
  CHECK(with_intent([](Intent& i) { i.arguments = {{"a", std::string(1025, 'x')}}; }).reason() ==
        Reason::SIGNED_MALFORMED);
  CHECK(with_intent([](Intent& i) { i.arguments = {{"a", "\xFF"}}; }).reason() == Reason::SIGNED_MALFORMED);
  CHECK(with_intent([](Intent& i) { i.deadline = {-1}; }).reason() == Reason::SIGNED_MALFORMED);
  CHECK(with_grant([](Grant& g) { g.vehicles = {"*"}; }).reason() == Reason::SIGNED_MALFORMED);
  CHECK(with_grant([](Grant& g) { g.vehicles = {}; }).reason() == Reason::SIGNED_MALFORMED);
  CHECK(with_grant([](Grant& g) { g.vehicles = {"b", "a"}; }).reason() == Reason::SIGNED_MALFORMED);
  CHECK(with_grant([](Grant& g) { g.groups = {"a", "a"}; }).reason() == Reason::SIGNED_MALFORMED);
  CHECK(with_grant([](Grant& g) { g.not_after = {g.not_before.value - 1}; }).reason() == Reason::SIGNED_MALFORMED);
}

}  // namespace wayside::intent
