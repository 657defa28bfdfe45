#include "broker/gate/tls_stream.h"

#include <malloc.h>

#include <algorithm>
#include <cstring>

#include "common/result.h"

namespace wayside::broker::gate {
namespace {

constexpr std::size_t kKeptBytesMax = 4U << 10U;
constexpr std::size_t kLineBytes = 64;

// An error that somebody left in the queue would be taken for that of the next call. The queue is nearly always empty,
// and emptying it costs more than looking.
void clear_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

Wire& wire_of(BIO* bio) { return *static_cast<Wire*>(BIO_get_data(bio)); }

int read_wire(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  Wire& wire = wire_of(bio);
  const std::size_t got = std::min(wire.in.size(), static_cast<std::size_t>(std::max(size, 0)));
  if (got == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(into, wire.in.data(), got);
  wire.in = wire.in.subspan(got);
  return static_cast<int>(got);
}

int write_wire(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  Bytes& out = wire_of(bio).out;
  out.insert(out.end(), from, from + size);
  return size;
}

long control_wire(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// One of the process, for ever: what reads and writes a Wire.
const BIO_METHOD* wire_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
    WAYSIDE_ASSERT(method != nullptr);
    BIO_meth_set_read(method, read_wire);
    BIO_meth_set_write(method, write_wire);
    BIO_meth_set_ctrl(method, control_wire);
    return method;
  }();
  return kMethod;
}

// Idle connections are many: what once grew is given back.
void empty(Bytes& bytes) {
  bytes.clear();
  if (bytes.capacity() > kKeptBytesMax) Bytes().swap(bytes);
}

// Most of an SSL are records of a pipeline that nobody uses: of what holds nothing after a handshake nothing is
// fetched, nor kept in the cache in the place of what is needed.
std::vector<std::uint16_t> lines_in_use(SSL* ssl) {
  std::vector<std::uint16_t> lines;
  const std::size_t bytes = ::malloc_usable_size(ssl);
  const auto* at = reinterpret_cast<const char*>(ssl);
  for (std::size_t line = 0; (line + 1) * kLineBytes <= bytes; ++line) {
    const ByteView held(reinterpret_cast<const std::uint8_t*>(at + line * kLineBytes), kLineBytes);
    if (std::any_of(held.begin(), held.end(), [](std::uint8_t byte) { return byte != 0; })) {
      lines.push_back(static_cast<std::uint16_t>(line));
    }
  }
  return lines;
}

}  // namespace

TlsStream::TlsStream(std::shared_ptr<const Trust> trust, const Clock& clock)
    : trust_(std::move(trust)), state_(std::make_unique<HandshakeState>()), ssl_(SSL_new(trust_->context())) {
  WAYSIDE_ASSERT(ssl_ != nullptr);
  state_->trust = trust_.get();
  state_->clock = &clock;
  attach(ssl_.get(), state_.get());
  BIO* bio = BIO_new(wire_method());
  WAYSIDE_ASSERT(bio != nullptr);
  BIO_set_data(bio, &wire_);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);  // owned by it, once
  SSL_set_accept_state(ssl_.get());
}

// A vehicle that lost its radio sent no close_notify: OpenSSL would take its session for spoilt, and a full
// handshake is what it least affords then. Fatal alerts have removed theirs before.
TlsStream::~TlsStream() { SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }

void TlsStream::feed(ByteView ciphertext) {
  if (kept_.empty()) {
    wire_.in = ciphertext;
    return;
  }
  kept_.insert(kept_.end(), ciphertext.begin(), ciphertext.end());
  wire_.in = kept_;
}

void TlsStream::keep_rest() {
  if (wire_.in.empty()) return empty(kept_);
  if (kept_.empty()) {
    kept_.assign(wire_.in.begin(), wire_.in.end());
  } else {
    kept_.erase(kept_.begin(), kept_.end() - static_cast<std::ptrdiff_t>(wire_.in.size()));
  }
  wire_.in = kept_;
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
    if (wire_.in.empty() && SSL_pending(ssl_.get()) == 0) return got > 0 ? TlsStatus::ok : TlsStatus::need_more;
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

void TlsStream::sent(std::size_t bytes) {
  sent_ += bytes;
  WAYSIDE_ASSERT(sent_ <= wire_.out.size());
  if (sent_ < wire_.out.size()) return;
  sent_ = 0;
  empty(wire_.out);
}

void TlsStream::prefetch() const {
  static const std::vector<std::uint16_t> kLines = lines_in_use(ssl_.get());  // all are of one layout
  const auto* at = reinterpret_cast<const char*>(ssl_.get());
  for (const std::uint16_t line : kLines) __builtin_prefetch(at + line * kLineBytes);
}

}  // namespace wayside::broker::gate
