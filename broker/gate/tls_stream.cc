#include "broker/gate/tls_stream.h"

#include <algorithm>
#include <array>

#include "common/result.h"

namespace wayside::broker::gate {
namespace {

constexpr std::size_t kKeptBytesMax = 4U << 10U;

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
  ERR_clear_error();
  const int code = SSL_do_handshake(ssl_.get());
  if (code == 1) {
    resumed_ = SSL_session_reused(ssl_.get()) == 1;
    return TlsStatus::ok;
  }
  if (SSL_get_error(ssl_.get(), code) == SSL_ERROR_WANT_READ) return TlsStatus::need_more;
  ERR_clear_error();
  return TlsStatus::failed;
}

TlsStatus TlsStream::read(Bytes& out, std::size_t bytes_max) {
  const std::size_t before = out.size();
  std::array<std::uint8_t, 16U << 10U> record{};
  while (out.size() - before < bytes_max) {
    ERR_clear_error();
    const std::size_t room = std::min(record.size(), bytes_max - (out.size() - before));
    const int got = SSL_read(ssl_.get(), record.data(), static_cast<int>(room));
    if (state_->key_updates > kKeyUpdatesMax) return TlsStatus::failed;
    if (got > 0) {
      out.insert(out.end(), record.begin(), record.begin() + got);
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), got);
    ERR_clear_error();
    if (out.size() > before) return TlsStatus::ok;  // what follows is met again at the next call
    if (error == SSL_ERROR_WANT_READ) {
      in_ = fresh_if_grown(in_, true);
      return TlsStatus::need_more;
    }
    return error == SSL_ERROR_ZERO_RETURN ? TlsStatus::closed : TlsStatus::failed;
  }
  return TlsStatus::ok;
}

bool TlsStream::write(ByteView plaintext) {
  if (plaintext.empty()) return true;
  ERR_clear_error();
  const int wrote = SSL_write(ssl_.get(), plaintext.data(), static_cast<int>(plaintext.size()));
  ERR_clear_error();
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
  std::array<std::uint8_t, 16U << 10U> discarded{};
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
