// Bodies of the signed framing: strict in what they accept, one way to write them. Internal to intent/.
#pragma once

#include "intent/intent.h"

namespace wayside::intent {

Bytes encode_body(const Intent& intent);
Bytes encode_body(const Grant& grant);
Bytes encode_body(const TrustList& list);
Bytes encode_body(const RevocationList& list);

// Structure, known fields only, version 1, the framing's key, ranges. SIGNED_MALFORMED,
// SIGNED_UNSUPPORTED, SIGNATURE_INVALID (the body names another key than the one that signed).
Outcome<Intent> decode_intent(ByteView body, const PublicKey& key);
Outcome<Grant> decode_grant(ByteView body, const PublicKey& key);
Outcome<TrustList> decode_trust_list(ByteView body, const PublicKey& key);
Outcome<RevocationList> decode_revocation_list(ByteView body, const PublicKey& key);

}  // namespace wayside::intent
