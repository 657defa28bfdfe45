// Whether a returning vehicle may skip the full handshake. OpenSSL asks no verify callback then: what the
// certificate proved is judged here again, by the trust, CRL and deny list in force now.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <map>

#include "broker/gate/deny_list.h"
#include "broker/gate/held.h"
#include "broker/gate/tls_sessions.h"
#include "common/clock.h"
#include "common/metrics/metrics.h"

namespace wayside::broker::gate {

struct HandshakeState;

enum class Ticket : std::uint8_t { taken, unknown, too_old, other_trust, revoked, blocked };

// Owns: the table. Thread: any. Durable: nothing. Limits: `sessions_max` sessions, `lifetime_s` from the full
// handshake (renewals do not extend it) and the leaf's notAfter.
class Resumption {
 public:
  struct Options {
    std::size_t sessions_max = 0;
    std::uint32_t lifetime_s = 0;
  };
  Resumption(Options options, const Held<Trust>& trust, const Held<DenyList>& denied, const Clock& clock,
             metrics::Registry& registry);

  // The context issues one stateful ticket a handshake and asks this object for what it issued.
  void enable(SSL_CTX* context);

  // What the callbacks of OpenSSL call. `keep`: the handshake of `state` is through and proven.
  void keep(const SSL* ssl, SSL_SESSION* session, const HandshakeState& state);
  SSL_SESSION* take(const TlsSessionId& id, HandshakeState& state);
  void remove(const TlsSessionId& id) { sessions_.remove(id); }

  [[nodiscard]] std::size_t size() const { return sessions_.size(); }

 private:
  [[nodiscard]] Ticket judge(const TlsSession& session, const Trust& accepted_by) const;

  const Options options_;
  const Held<Trust>& trust_;
  const Held<DenyList>& denied_;
  const Clock& clock_;
  TlsSessions sessions_;
  std::map<Ticket, metrics::Counter*> counters_;  // filled at the start
};

}  // namespace wayside::broker::gate
