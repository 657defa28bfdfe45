// One TLS connection without a socket: ciphertext in, plaintext out, and back.
//
// Owns: the SSL and its two memory buffers. Thread: the connection's. Limits: the ciphertext that came in
// is bounded by one receive; what goes out by the caller, who writes only when nothing is left to send.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "broker/gate/openssl.h"
#include "broker/gate/tls_policy.h"
#include "common/types.h"

namespace wayside::broker::gate {

enum class TlsStatus : std::uint8_t { ok, need_more, closed, failed };

class TlsStream {
 public:
  TlsStream(std::shared_ptr<const Trust> trust, const Clock& clock);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  void feed(ByteView ciphertext);
  // ok: the handshake is over and proof() says with whom; need_more: feed it.
  TlsStatus handshake();
  // Plaintext of as many records as fit, at least one record's; `got`: how much. ok: some came; need_more: all of what
  // was fed is read; closed: close_notify.
  TlsStatus read(std::span<std::uint8_t> into, std::size_t& got);
  bool write(ByteView plaintext);
  void close_notify();

  // Ciphertext to send, and what was sent of it.
  [[nodiscard]] ByteView pending() const;
  void sent(std::size_t bytes);

  // Who the peer is; for a resumed session what its full handshake proved.
  [[nodiscard]] const PeerProof& proof() const { return resumed_ ? state_->offered : state_->proof; }
  [[nodiscard]] bool resumed() const { return resumed_; }
  [[nodiscard]] std::uint64_t trust_epoch() const { return trust_->epoch(); }

 private:
  BIO* fresh_if_grown(BIO* bio, bool reads);
  std::shared_ptr<const Trust> trust_;
  std::unique_ptr<HandshakeState> state_;
  SslPtr ssl_;
  bool resumed_ = false;
  std::optional<TlsStatus> end_;  // closed or failed: said once what came before it is read
  BIO* in_ = nullptr;             // owned by ssl_
  BIO* out_ = nullptr;            // owned by ssl_
};

}  // namespace wayside::broker::gate
