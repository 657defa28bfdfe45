#include "broker/gate/tls_stream.h"

#include <algorithm>
#include <array>

#include "common/result.h"

namespace wayside::broker::gate {
namespace {

constexpr std::size_t kKeptBytesMax = 4U << 10U;

// An error that somebody left in the queue would be taken for that of the next call. The queue is nearly always empty,
// and emptying it costs more than looking.
void clear_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

TlsStream::TlsStream(std::shared_ptr<const Trust> trust, const Clock& clock)
    : trust_(std::move(trust)), state_(std::make_unique<HandshakeState>()), ssl_(SSL_new(trust_->context())) {
  WAYSIDE_ASSERT(ssl_ != nullptr);
  state_->trust = trust_.get();
  state_->clock = &clock;
  attach(ssl_.get(), state_.get());
  in_ = BIO_new(BIO_s_mem());
  out_ = BIO_new(BIO_s_mem());
  WAYSIDE_ASSERT(in_ != nullptr && out_ != nullptr);
  BIO_set_mem_eof_return(in_, -1);
  SSL_set_bio(ssl_.get(), in_, out_);
  SSL_set_accept_state(ssl_.get());
}

// A vehicle that lost its radio sent no close_notify: OpenSSL would take its session for spoilt, and a full
// handshake is what it least affords then. Fatal alerts have removed theirs before.
TlsStream::~TlsStream() { SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }

void TlsStream::feed(ByteView ciphertext) {
  const int taken = BIO_write(in_, ciphertext.data(), static_cast<int>(ciphertext.size()));
  WAYSIDE_ASSERT(taken == static_cast<int>(ciphertext.size()));
}

TlsStatus TlsStream::handshake() {
  clear_errors();
  const int code = SSL_do_handshake(ssl_.get());
  if (code == 1) {
    resumed_ = SSL_session_reused(ssl_.get()) == 1;
    return TlsStatus::ok;
  }
  if (SSL_get_error(ssl_.get(), code) == SSL_ERROR_WANT_READ) return TlsStatus::need_more;
  clear_errors();
  return TlsStatus::failed;
}

TlsStatus TlsStream::read(std::span<std::uint8_t> into, std::size_t& got) {
  got = 0;
  if (end_) return *end_;
  while (got < into.size()) {
    // Asking OpenSSL for what cannot be there costs as much as a small record.
    if (BIO_ctrl_pending(in_) == 0 && SSL_pending(ssl_.get()) == 0) {
      in_ = fresh_if_grown(in_, true);
      return got > 0 ? TlsStatus::ok : TlsStatus::need_more;
    }
    clear_errors();
    const int size = SSL_read(ssl_.get(), into.data() + got, static_cast<int>(into.size() - got));
    if (state_->key_updates > kKeyUpdatesMax) return TlsStatus::failed;
    if (size > 0) {
      got += static_cast<std::size_t>(size);
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), size);
    clear_errors();
    if (error == SSL_ERROR_WANT_READ) return got > 0 ? TlsStatus::ok : TlsStatus::need_more;
    end_ = error == SSL_ERROR_ZERO_RETURN ? TlsStatus::closed : TlsStatus::failed;
    return got > 0 ? TlsStatus::ok : *end_;
  }
  return TlsStatus::ok;
}

bool TlsStream::write(ByteView plaintext) {
  if (plaintext.empty()) return true;
  clear_errors();
  const int wrote = SSL_write(ssl_.get(), plaintext.data(), static_cast<int>(plaintext.size()));
  return wrote == static_cast<int>(plaintext.size());
}

void TlsStream::close_notify() {
  ERR_clear_error();
  if (SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

ByteView TlsStream::pending() const {
  char* data = nullptr;
  const long size = BIO_get_mem_data(out_, &data);
  return {reinterpret_cast<const std::uint8_t*>(data), size > 0 ? static_cast<std::size_t>(size) : 0};
}

void TlsStream::sent(std::size_t bytes) {
  std::array<std::uint8_t, 16U << 10U> discarded;  // written before it is read: zeroing it would cost more
  while (bytes > 0) {
    const int got = BIO_read(out_, discarded.data(), static_cast<int>(std::min(bytes, discarded.size())));
    WAYSIDE_ASSERT(got > 0);
    bytes -= static_cast<std::size_t>(got);
  }
  out_ = fresh_if_grown(out_, false);
}

// A memory BIO keeps what it once grew to: an empty one that has grown gives way to a small one, because
// idle connections are many.
BIO* TlsStream::fresh_if_grown(BIO* bio, bool reads) {
  BUF_MEM* memory = nullptr;
  BIO_get_mem_ptr(bio, &memory);
  if (BIO_ctrl_pending(bio) > 0 || memory->max <= kKeptBytesMax) return bio;
  BIO* fresh = BIO_new(BIO_s_mem());
  WAYSIDE_ASSERT(fresh != nullptr);
  BIO_set_mem_eof_return(fresh, -1);
  if (reads) {
    SSL_set0_rbio(ssl_.get(), fresh);
  } else {
    SSL_set0_wbio(ssl_.get(), fresh);
  }
  return fresh;
}

}  // namespace wayside::broker::gate
