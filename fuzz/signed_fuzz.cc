// Signed requests and lists from a hostile sender. Two ways in: the bytes as they are, and the bytes as a
// body that a real issuer signed (a fuzzer forges no signature, so the body parsers would stay unseen).
#include <cstddef>
#include <cstdint>

#include "intent/trust_lists.h"

namespace {

using namespace wayside;
using namespace wayside::intent;

const SigningKey& signer() {
  static auto key = SigningKey::from_seed(Bytes(32, 7));
  WAYSIDE_ASSERT(key.ok());
  return *key;
}

void as_they_are(ByteView bytes) {
  Trust trust;
  trust.root_key = signer().public_key();
  const auto request = open_request(bytes);
  if (request.ok()) (void)judge(request.value(), trust, "eu-1", WallMs{1'700'000'000'000}, 3'600'000);
  const ListFile file{"fuzz", Bytes(bytes.begin(), bytes.end())};
  (void)accept_lists(trust, {&file, 1});
}

// A body that opens is opened again from our own encoding of its values: nothing gets lost on the way.
void as_a_signed_body(SignedType type, ByteView body) {
  const Bytes framed = signer().sign_framed(type, body);
  if (type == SignedType::intent) {
    const auto intent = open_intent(framed);
    if (intent.ok()) WAYSIDE_ASSERT(open_intent(sign_intent(signer(), intent.value())).ok());
  } else if (type == SignedType::grant) {
    const auto grant = open_grant(framed);
    if (grant.ok()) WAYSIDE_ASSERT(open_grant(sign_grant(signer(), grant.value())).ok());
  } else if (type == SignedType::trust_list) {
    (void)open_trust_list(framed);
  } else {
    (void)open_revocation_list(framed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView rest(data + 1, size - 1);
  const std::uint8_t way = data[0] % 5;
  if (way == 0) as_they_are(rest);
  if (way != 0) as_a_signed_body(static_cast<SignedType>(way), rest);
  return 0;
}
