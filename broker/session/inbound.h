// Publishes of the peer that wait for their effect. Acknowledgements keep their order within a stream (a
// lane, the requests, what is proxied) and never wait for another stream: an ack must not wait for a bulk
// commit, nor custody for a dead local broker. A deliberate deviation from [MQTT-4.6.0-2].
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/reasons.h"
#include "common/ring.h"
#include "common/types.h"

namespace wayside::broker::session {

enum class Stream : std::uint8_t { command_lane, ack_lane, event_lane, state_lane, bulk_lane, request, proxy };
inline constexpr std::size_t kStreams = 7;
inline Stream stream_of(Lane lane) { return static_cast<Stream>(index_of(lane)); }

// What a publish is answered.
struct Verdict {
  std::optional<Reason> refused;  // nullopt: PUBACK or PUBREC 0x00
  std::uint8_t proxied_code = 0;  // the local broker's own code, of the proxy stream
};
struct Acknowledgement {
  std::uint16_t packet_id = 0;
  Verdict verdict;
  Stream stream{};
  std::uint64_t token = 0;
  bool qos2 = false;
};

// Owns: the waiting packet identifiers. Limits: the session bounds size().
class Inbound {
 public:
  // Takes a place in the stream and returns the token that its outcome will carry; never 0.
  std::uint64_t add(Stream stream, std::uint16_t packet_id, bool qos2 = false);
  // Appends the acknowledgements that may leave now, in order. An unknown token is ignored.
  void resolve(std::uint64_t token, Verdict verdict, std::vector<Acknowledgement>& out);
  // All that wait in the stream get this verdict, in order.
  void resolve_all(Stream stream, Verdict verdict, std::vector<Acknowledgement>& out);
  // The lane of a token of a lane's stream; nullopt: of requests or what is proxied.
  static std::optional<Lane> lane_of(std::uint64_t token);
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t size(Stream stream) const { return of(stream).waiting.size(); }
  // Without an outcome: the others only wait for their turn.
  [[nodiscard]] std::size_t undecided() const;
  [[nodiscard]] std::size_t undecided(Stream stream) const { return of(stream).undecided; }

 private:
  struct Waiting {
    std::uint64_t token = 0;
    std::uint16_t packet_id = 0;
    bool qos2 = false;
    std::optional<Verdict> verdict;
  };
  struct Queue {
    Ring<Waiting> waiting;
    std::size_t undecided = 0;
  };
  void release(Stream stream, std::vector<Acknowledgement>& out);
  static Waiting* find(Queue& queue, std::uint64_t token);
  static void judge(Queue& queue, Waiting& waiting, Verdict verdict);
  [[nodiscard]] const Queue& of(Stream stream) const { return streams_.at(static_cast<std::size_t>(stream)); }

  std::array<Queue, kStreams> streams_;
  std::uint64_t last_ = 0;
  std::size_t size_ = 0;
};

}  // namespace wayside::broker::session
