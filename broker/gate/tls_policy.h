// How we speak TLS: versions, ciphers, groups, and who is let through the handshake (design section 4).
#pragma once

#include <openssl/ssl.h>

#include "broker/gate/trust.h"
#include "common/clock.h"
#include "common/result.h"

namespace wayside::broker::gate {

inline constexpr int kChainDepthMax = 3;             // the leaf is 0
inline constexpr std::uint32_t kKeyUpdatesMax = 64;  // of one connection, by the peer

// What the callbacks of one handshake see and fill in.
struct HandshakeState {
  const Trust* trust = nullptr;
  PeerProof proof;
  PeerProof offered;  // of the session that the peer wants to resume
  const Clock* clock = nullptr;
  std::uint32_t key_updates = 0;
};

Result<void> apply_tls_policy(SSL_CTX* context);
void attach(SSL* ssl, HandshakeState* state);
HandshakeState* state_of(const SSL* ssl);

}  // namespace wayside::broker::gate
