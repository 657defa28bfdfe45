#include "broker/gate/tls_policy.h"

#include <openssl/x509_vfy.h>

#include <array>
#include <string_view>

#include "broker/gate/openssl.h"

namespace wayside::broker::gate {
namespace {

// Handshake type of a KeyUpdate (RFC 8446 section 4).
constexpr unsigned char kKeyUpdate = 24;

int state_index() {
  static const int kIndex = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return kIndex;
}

Reason reason_of(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return Reason::CERTIFICATE_EXPIRED;
    default: return Reason::CERTIFICATE_INVALID;
  }
}

// The chain holds; is the leaf one that may speak here, and as whom?
Outcome<void> judge_leaf(X509_STORE_CTX* context, HandshakeState& state) {
  const X509* leaf = X509_STORE_CTX_get_current_cert(context);
  const Outcome<void> allowed = identity::leaf_allowed(leaf, true);
  if (!allowed.ok()) return allowed.reason();
  Outcome<std::string> id = identity::identity_of(leaf, state.trust->rule());
  if (!id.ok()) return id.reason();
  PeerProof& proof = state.proof;
  proof.id = std::move(id).value();
  proof.cohort = identity::cohort_of(leaf);
  proof.not_after = identity::not_after(leaf);
  proof.leaf = identity::leaf_hash(leaf);
  proof.proven_at = state.clock->wall();
  proof.name = std::make_shared<const LeafName>(LeafName{identity::serial_of(leaf), identity::issuer_of(leaf)});
  proof.chain.clear();
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const X509* one = sk_X509_value(chain, i);
    proof.chain.push_back(serial_key(X509_get_issuer_name(one), X509_get0_serialNumber(one)));
  }
  if (state.trust->revoked(proof.chain)) return Reason::REVOKED;
  return {};
}

// Dates are looked at when the signature holds: whose certificate it was can be told to operators.
void name_who_is_late(X509_STORE_CTX* context, HandshakeState& state) {
  if (X509_STORE_CTX_get_error_depth(context) != 0 || state.proof.refused != Reason::CERTIFICATE_EXPIRED) return;
  Outcome<std::string> id = identity::identity_of(X509_STORE_CTX_get_current_cert(context), state.trust->rule());
  if (id.ok()) state.proof.id = std::move(id).value();
}

int refuse(X509_STORE_CTX* context, HandshakeState& state, Reason reason) {
  state.proof.refused = reason;
  // The alert that the peer sees: 44 certificate_revoked, or 42 bad_certificate.
  X509_STORE_CTX_set_error(context, reason == Reason::REVOKED ? X509_V_ERR_CERT_REVOKED : X509_V_ERR_CERT_REJECTED);
  return 0;
}

// Called for each certificate from the root down to the leaf.
int verify(int preverified, X509_STORE_CTX* context) {
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  HandshakeState& state = *state_of(ssl);
  if (preverified != 1) {
    state.proof.refused = reason_of(X509_STORE_CTX_get_error(context));
    name_who_is_late(context, state);
    return 0;
  }
  const int depth = X509_STORE_CTX_get_error_depth(context);
  if (depth > kChainDepthMax) return refuse(context, state, Reason::CERTIFICATE_INVALID);
  if (depth > 0) return 1;
  const Outcome<void> judged = judge_leaf(context, state);
  return judged.ok() ? 1 : refuse(context, state, judged.reason());
}

// ALPN is absent or `mqtt`; anything else is somebody who speaks something else.
int choose_alpn(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void* /*argument*/) {
  static constexpr std::string_view kMqtt = "mqtt";
  for (unsigned int at = 0; at < in_size; at += 1U + in[at]) {
    const std::string_view name(reinterpret_cast<const char*>(in + at + 1),
                                std::min<std::size_t>(in[at], in_size - at - 1));
    if (name != kMqtt) continue;
    *out = in + at + 1;
    *out_size = in[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void count_key_updates(int written, int /*version*/, int content_type, const void* bytes, std::size_t size, SSL* ssl,
                       void* /*argument*/) {
  if (written != 0 || content_type != SSL3_RT_HANDSHAKE || size == 0) return;
  HandshakeState* state = state_of(ssl);
  if (state != nullptr && *static_cast<const unsigned char*>(bytes) == kKeyUpdate) ++state->key_updates;
}

void set_options(SSL_CTX* context) {
  // No resumption and no stateless ticket: Resumption::enable() allows a listener stateful ones. OpenSSL takes
  // no early data by default.
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, verify);
  SSL_CTX_set_verify_depth(context, kChainDepthMax - 1);  // OpenSSL counts what is between leaf and root
  SSL_CTX_set_alpn_select_cb(context, choose_alpn, nullptr);
  SSL_CTX_set_msg_callback(context, count_key_updates);
}

}  // namespace

Result<void> apply_tls_policy(SSL_CTX* context) {
  if (context == nullptr) return Error{Fault::internal, "no TLS context"};
  set_options(context);
  const bool spoken = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
                      SSL_CTX_set_cipher_list(context,
                                              "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                              "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                              "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305") == 1 &&
                      SSL_CTX_set_ciphersuites(
                          context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
                      SSL_CTX_set1_groups_list(context, "P-256:X25519") == 1;
  if (!spoken) return Error{Fault::internal, "TLS settings: " + openssl_error()};
  return {};
}

HandshakeState* state_of(const SSL* ssl) { return static_cast<HandshakeState*>(SSL_get_ex_data(ssl, state_index())); }

void attach(SSL* ssl, HandshakeState* state) { SSL_set_ex_data(ssl, state_index(), state); }

}  // namespace wayside::broker::gate
