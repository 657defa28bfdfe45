// What leaves the connection. Plaintext waits here until the socket takes more; only then it becomes a TLS
// record, so that the deadline of a command is checked at the last moment there is.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "broker/gate/connection.h"
#include "common/os/socket_io.h"

namespace wayside::broker::gate {
namespace {

constexpr std::size_t kRecordBytes = 64U << 10U;
constexpr int kRoundsMax = 8;

}  // namespace

void Connection::queue(Outgoing outgoing) {
  if (stage_ != Stage::serving) return;
  output_bytes_ += outgoing.command ? outgoing.command->bytes.size() : outgoing.bytes.size();
  if (outgoing.command || !output_.empty()) {
    output_.push_back(std::move(outgoing));
  } else if (plain_.empty()) {
    plain_.swap(outgoing.bytes);
  } else {
    plain_.insert(plain_.end(), outgoing.bytes.begin(), outgoing.bytes.end());
  }
  if (output_bytes_ <= context_.shared.options.output_bytes_max) return;
  // It does not read what it asked for. Nothing more would reach it, a DISCONNECT neither.
  refused("output", Reason::NOT_DRAINING);
  transport_lost();
}

void Connection::flush() {
  for (int round = 0; round < kRoundsMax && stage_ != Stage::dead; ++round) {
    if (!send_ciphertext()) break;
    if (output_bytes_ == 0) {
      if (stage_ == Stage::closing) finish_closing();
      break;
    }
    fill_record();
  }
  if (output_bytes_ > 0 || !tls_.pending().empty()) write_blocked_ = true;  // the rest when there is room
  set_interest();
}

// True: all of it is with the kernel.
bool Connection::send_ciphertext() {
  while (stage_ != Stage::dead) {
    const ByteView pending = tls_.pending();
    if (pending.empty()) return true;
    const ssize_t sent = os::send(fd_, pending);
    if (sent < 0 && errno == EAGAIN) {
      write_blocked_ = true;
      return false;
    }
    if (sent < 0) {
      transport_lost();
      return false;
    }
    tls_.sent(static_cast<std::size_t>(sent));
  }
  return false;
}

void Connection::fill_record() {
  if (output_.empty() || plain_.size() >= kRecordBytes) return send_plain();
  Bytes plaintext;
  plaintext.swap(plain_);
  output_bytes_ -= plaintext.size();
  while (!output_.empty() && plaintext.size() < kRecordBytes) {
    Outgoing next = std::move(output_.front());
    output_.pop_front();
    const Bytes& bytes = next.command ? next.command->bytes : next.bytes;
    output_bytes_ -= bytes.size();
    const bool late = next.command && next.command->deadline <= context_.shared.clock.wall();
    if (!late) plaintext.insert(plaintext.end(), bytes.begin(), bytes.end());
    if (next.command && session_) {
      run([&](session::Actions& out) { session_->command_entered(*next.command, !late, context_.shared.now(), out); });
    }
  }
  context_.counters.bytes_out.add(static_cast<double>(plaintext.size()));
  if (!tls_.write(plaintext)) transport_lost();
}

// The usual case: acknowledgements.
void Connection::send_plain() {
  const std::size_t size = std::min(plain_.size(), kRecordBytes);
  context_.counters.bytes_out.add(static_cast<double>(size));
  output_bytes_ -= size;
  const bool wrote = tls_.write(ByteView(plain_).first(size));
  if (size == plain_.size()) {
    Bytes().swap(plain_);
  } else {
    plain_.erase(plain_.begin(), plain_.begin() + static_cast<std::ptrdiff_t>(size));
  }
  if (!wrote) transport_lost();
}

void Connection::finish_closing() {
  tls_.close_notify();
  if (!send_ciphertext()) return;
  ::shutdown(fd_, SHUT_WR);
  stage_ = Stage::lingering;
  stage_since_ = context_.shared.clock.mono();
}

}  // namespace wayside::broker::gate
