// One TLS connection without a socket: ciphertext in, plaintext out, and back.
//
// Owns: the SSL, what it has not read yet and what is to be sent. Thread: the connection's. Limits: the ciphertext that
// came in is bounded by one receive; what goes out by the caller, who writes only when nothing is left to send.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "broker/gate/openssl.h"
#include "broker/gate/tls_policy.h"
#include "common/types.h"

namespace wayside::broker::gate {

enum class TlsStatus : std::uint8_t { ok, need_more, closed, failed };

// What OpenSSL reads from and writes to, by a BIO of ours: a BIO of memory would copy everything once more.
struct Wire {
  ByteView in;
  Bytes out;
};

class TlsStream {
 public:
  TlsStream(std::shared_ptr<const Trust> trust, const Clock& clock);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // Ciphertext stays where it is, the caller's, until keep_rest(), which copies what has not been read.
  void feed(ByteView ciphertext);
  void keep_rest();
  // ok: the handshake is over and proof() says with whom; need_more: feed it.
  TlsStatus handshake();
  // Plaintext of as many records as fit, at least one record's; `got`: how much. ok: some came; need_more: all of what
  // was fed is read; closed: close_notify.
  TlsStatus read(std::span<std::uint8_t> into, std::size_t& got);
  bool write(ByteView plaintext);
  void close_notify();

  // Ciphertext to send, and what was sent of it.
  [[nodiscard]] ByteView pending() const { return ByteView(wire_.out).subspan(sent_); }
  void sent(std::size_t bytes);

  // A hint that it will be read or written soon: what OpenSSL keeps of a connection lies on a hundred lines of the
  // cache.
  void prefetch() const;

  // Who the peer is; for a resumed session what its full handshake proved.
  [[nodiscard]] const PeerProof& proof() const { return resumed_ ? state_->offered : state_->proof; }
  [[nodiscard]] bool resumed() const { return resumed_; }
  [[nodiscard]] std::string version() const { return SSL_get_version(ssl_.get()); }
  [[nodiscard]] std::uint64_t trust_epoch() const { return trust_->epoch(); }

 private:
  std::shared_ptr<const Trust> trust_;
  std::unique_ptr<HandshakeState> state_;
  SslPtr ssl_;
  bool resumed_ = false;
  std::optional<TlsStatus> end_;  // closed or failed: said once what came before it is read
  Wire wire_;
  Bytes kept_;            // of what was fed
  std::size_t sent_ = 0;  // of wire_.out
};

}  // namespace wayside::broker::gate
