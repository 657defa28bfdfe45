#include "broker/gate/resumption.h"

#include <openssl/asn1.h>

#include <algorithm>

#include "broker/gate/openssl.h"
#include "broker/gate/tls_policy.h"
#include "common/result.h"

namespace wayside::broker::gate {
namespace {

constexpr std::int64_t kMsPerSecond = 1'000;
constexpr std::string_view kContextName = "wayside vehicles";
constexpr int kPeerTag = 3;  // [3] EXPLICIT Certificate of OpenSSL's SSL_SESSION

int resumption_index() {
  static const int kIndex = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return kIndex;
}

Resumption* resumption_of(const SSL_CTX* context) {
  return static_cast<Resumption*>(SSL_CTX_get_ex_data(context, resumption_index()));
}

std::optional<TlsSessionId> id_of(const unsigned char* bytes, std::size_t size) {
  TlsSessionId id{};
  if (size != id.size()) return std::nullopt;  // ours all have this size
  std::copy_n(bytes, size, id.begin());
  return id;
}

std::optional<TlsSessionId> id_of(const SSL_SESSION* session) {
  unsigned int size = 0;
  const unsigned char* bytes = SSL_SESSION_get_id(session, &size);
  return id_of(bytes, size);
}

// A DER SEQUENCE without its element [3]. Decoding the certificate again would be half of what a resumption
// saves, and it is most of the bytes; who it named is kept beside it. Empty: not such a sequence.
Bytes without_peer(ByteView der) {
  const unsigned char* at = der.data();
  long size = 0;
  int tag = 0;
  int kind = 0;
  const int head = ASN1_get_object(&at, &size, &tag, &kind, static_cast<long>(der.size()));
  if ((head & 0x80) != 0 || tag != V_ASN1_SEQUENCE) return {};
  const unsigned char* const end = at + size;
  Bytes kept;
  while (at < end) {
    const unsigned char* const begin = at;
    if ((ASN1_get_object(&at, &size, &tag, &kind, end - at) & 0x80) != 0) return {};
    at += size;
    const bool peer = kind == V_ASN1_CONTEXT_SPECIFIC && tag == kPeerTag;
    if (!peer) kept.insert(kept.end(), begin, at);
  }
  const int body = static_cast<int>(kept.size());
  Bytes out(static_cast<std::size_t>(ASN1_object_size(1, body, V_ASN1_SEQUENCE)));
  unsigned char* put = out.data();
  ASN1_put_object(&put, 1, body, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
  std::ranges::copy(kept, put);
  OPENSSL_cleanse(kept.data(), kept.size());
  return out;
}

Bytes secret_of(SSL_SESSION* session) {
  const int size = i2d_SSL_SESSION(session, nullptr);
  if (size <= 0) return {};
  Bytes der(static_cast<std::size_t>(size));
  unsigned char* put = der.data();
  i2d_SSL_SESSION(session, &put);
  Bytes secret = without_peer(der);
  OPENSSL_cleanse(der.data(), der.size());
  return secret;
}

int on_new(SSL* ssl, SSL_SESSION* session) {
  resumption_of(SSL_get_SSL_CTX(ssl))->keep(ssl, session, *state_of(ssl));
  return 0;  // we took bytes, not the reference
}

SSL_SESSION* on_get(SSL* ssl, const unsigned char* bytes, int size, int* copy) {
  *copy = 0;  // the reference becomes OpenSSL's
  const std::optional<TlsSessionId> id = id_of(bytes, static_cast<std::size_t>(size));
  return id ? resumption_of(SSL_get_SSL_CTX(ssl))->take(*id, *state_of(ssl)) : nullptr;
}

// After a fatal alert (RFC 5246 section 7.2.2). A connection that is merely lost keeps its session: see
// ~TlsStream.
void on_remove(SSL_CTX* context, SSL_SESSION* session) {
  if (const std::optional<TlsSessionId> id = id_of(session)) resumption_of(context)->remove(*id);
}

}  // namespace

Resumption::Resumption(Options options, const Held<Trust>& trust, const Held<DenyList>& denied, const Clock& clock,
                       metrics::Registry& registry)
    : options_(options), trust_(trust), denied_(denied), clock_(clock), sessions_(options.sessions_max) {
  const auto counter = [&](Ticket ticket, const char* outcome) {
    counters_[ticket] = &registry.counter("wayside_gate_tickets_total", "TLS sessions that vehicles came back with",
                                          {{"outcome", outcome}});
  };
  counter(Ticket::taken, "taken");
  counter(Ticket::unknown, "unknown");
  counter(Ticket::too_old, "too_old");
  counter(Ticket::other_trust, "other_trust");
  counter(Ticket::revoked, "revoked");
  counter(Ticket::blocked, "blocked");
}

void Resumption::enable(SSL_CTX* context) {
  SSL_CTX_set_ex_data(context, resumption_index(), this);
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(kContextName.data()),
                                 static_cast<unsigned int>(kContextName.size()));
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_timeout(context, static_cast<long>(options_.lifetime_s));
  SSL_CTX_sess_set_new_cb(context, on_new);
  SSL_CTX_sess_set_get_cb(context, on_get);
  SSL_CTX_sess_set_remove_cb(context, on_remove);
}

// TLS 1.3 issues a new ticket at each resumption, TLS 1.2 does not. Both live from the full handshake on.
void Resumption::keep(const SSL* ssl, SSL_SESSION* session, const HandshakeState& state) {
  const std::optional<TlsSessionId> id = id_of(session);
  if (!id) return;
  TlsSession kept;
  kept.secret = secret_of(session);
  if (kept.secret.empty()) return;
  kept.proof = SSL_session_reused(ssl) == 1 ? state.offered : state.proof;
  kept.trust_epoch = state.trust->epoch();
  sessions_.add(*id, std::move(kept));
}

SSL_SESSION* Resumption::take(const TlsSessionId& id, HandshakeState& state) {
  state.offered = {};
  const std::optional<TlsSession> found = sessions_.find(id);
  const Ticket outcome = found ? judge(*found, *state.trust) : Ticket::unknown;
  counters_.at(outcome)->add();
  if (outcome != Ticket::taken) {
    if (found) sessions_.remove(id);
    return nullptr;
  }
  const unsigned char* at = found->secret.data();
  SSL_SESSION* session = d2i_SSL_SESSION(nullptr, &at, static_cast<long>(found->secret.size()));
  if (session != nullptr) state.offered = found->proof;
  ERR_clear_error();
  return session;
}

// A clock that was set back makes a session too old, never younger.
Ticket Resumption::judge(const TlsSession& session, const Trust& accepted_by) const {
  const std::shared_ptr<const Trust> trust = trust_.get();
  const PeerProof& proof = session.proof;
  const WallMs now = clock_.wall();
  if (session.trust_epoch != trust->epoch() || accepted_by.epoch() != trust->epoch()) return Ticket::other_trust;
  const std::int64_t age_ms = now.value - proof.proven_at.value;
  if (age_ms < 0 || age_ms >= options_.lifetime_s * kMsPerSecond || proof.not_after <= now) return Ticket::too_old;
  if (trust->revoked(proof.chain)) return Ticket::revoked;
  if (denied_.get()->contains(proof.id)) return Ticket::blocked;
  return Ticket::taken;
}

}  // namespace wayside::broker::gate
