// What leaves the connection. Plaintext waits here until the socket takes more; only then it becomes a TLS
// record, so that the deadline of a command is checked at the last moment there is.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "broker/gate/connection.h"

namespace wayside::broker::gate {
namespace {

constexpr std::size_t kRecordBytes = 64U << 10U;
constexpr int kRoundsMax = 8;

}  // namespace

void Connection::queue(Outgoing outgoing) {
  if (stage_ != Stage::serving) return;
  output_bytes_ += outgoing.command ? outgoing.command->bytes.size() : outgoing.bytes.size();
  output_.push_back(std::move(outgoing));
  if (output_bytes_ <= context_.shared.options.output_bytes_max) return;
  // It does not read what it asked for. Nothing more would reach it, a DISCONNECT neither.
  context_.counters.refused("output", Reason::NOT_DRAINING);
  transport_lost();
}

void Connection::flush() {
  for (int round = 0; round < kRoundsMax && stage_ != Stage::dead; ++round) {
    if (!send_ciphertext()) break;
    if (output_.empty()) {
      if (stage_ == Stage::closing) finish_closing();
      break;
    }
    fill_record();
  }
  if (!output_.empty() || !tls_.pending().empty()) write_blocked_ = true;  // the rest when there is room
  set_interest();
}

// True: all of it is with the kernel.
bool Connection::send_ciphertext() {
  while (stage_ != Stage::dead) {
    const ByteView pending = tls_.pending();
    if (pending.empty()) return true;
    const ssize_t sent = ::send(fd_, pending.data(), pending.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
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
  if (output_.size() == 1 && !output_.front().command) return send_whole(output_.front());
  Bytes plaintext;
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

// The usual case: acknowledgements of one step, in one piece already.
void Connection::send_whole(const Outgoing& outgoing) {
  context_.counters.bytes_out.add(static_cast<double>(outgoing.bytes.size()));
  output_bytes_ -= outgoing.bytes.size();
  const bool wrote = tls_.write(outgoing.bytes);
  output_.pop_front();
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
