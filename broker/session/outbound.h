// Messages that we send: all packet identifiers that a peer sees downstream are made here.
//
// Owns: the identifiers in flight and what waits for the peer's Receive Maximum. Limits: sent_max in
// flight, waiting_max waiting; a message beyond is dropped and counted by the session.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "broker/ports.h"
#include "broker/session/proxy_port.h"

namespace wayside::broker::session {

struct SentCommand {
  intent::CommandId id{};
  WallMs deadline{};
  bool written = false;  // entered the TLS record
};
struct SentMessage {};  // status or presence: nobody waits for its acknowledgement
struct SentProxied {
  std::uint64_t token = 0;  // of the upstream; 0 once that upstream is gone
};
using Sent = std::variant<SentCommand, SentMessage, SentProxied>;
using WaitingMessage = std::variant<Deliver, ServiceEvent, ProxyReceived>;

class Outbound {
 public:
  // `start`: identifiers begin there, so that those of one connection differ from the last one's.
  Outbound(std::uint32_t sent_max, std::uint32_t waiting_max) : sent_max_(sent_max), waiting_max_(waiting_max) {}
  void start_ids_at(std::uint64_t seed) { next_ = static_cast<std::uint16_t>(seed % 65'535U); }
  void limit_to(std::uint16_t receive_maximum) { sent_max_ = std::min<std::uint32_t>(sent_max_, receive_maximum); }

  [[nodiscard]] bool window_open() const { return sent_.size() < sent_max_; }
  // A fresh identifier for `what`; the window must be open.
  std::uint16_t send(Sent what);
  // The peer acknowledged `packet_id`; nullopt: it was never sent or is acknowledged already.
  std::optional<Sent> acknowledged(std::uint16_t packet_id);
  // The command entered the TLS record, or was dropped before it did (its identifier is free again).
  void entered(std::uint16_t packet_id, bool written);

  // False: full, nothing was kept.
  [[nodiscard]] bool wait(WaitingMessage message);
  std::optional<WaitingMessage> next_waiting();
  // The commands that wait, which now wait no more.
  std::vector<intent::CommandId> drop_waiting_commands();
  [[nodiscard]] bool any_waiting() const { return !waiting_.empty(); }
  [[nodiscard]] std::size_t inflight() const { return sent_.size(); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  // The earliest deadline of a command that is written and not acknowledged.
  [[nodiscard]] std::optional<WallMs> earliest_deadline() const;
  void forget_upstream();

 private:
  std::uint32_t sent_max_;
  std::uint32_t waiting_max_;
  std::uint16_t next_ = 0;
  std::map<std::uint16_t, Sent> sent_;
  std::deque<WaitingMessage> waiting_;
};

}  // namespace wayside::broker::session
