// QoS 2 publishes of the peer between PUBLISH and PUBCOMP, by packet identifier (MQTT 5.0 section 4.3.3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace wayside::broker::session {

enum class Qos2State : std::uint8_t {
  none,       // the identifier is free
  offered,    // on its way to custody; PUBREC follows
  received,   // in custody; a repeat is answered PUBREC and stored nowhere
  releasing,  // PUBREL came; PUBCOMP follows once that is durable
};

// Owns: the identifiers of one connection's session. Thread: the connection's. Durable: nothing itself; the
// session store holds what is `received`. Limits: ids_max; full() is asked before offered(). A session
// without QoS 2 in hand holds no memory here.
class Unreleased {
 public:
  explicit Unreleased(std::uint32_t ids_max) : ids_max_(ids_max) {}

  [[nodiscard]] Qos2State state(std::uint16_t packet_id) const;
  [[nodiscard]] bool full() const { return ids_.size() >= ids_max_; }
  // Of the session's earlier connections; rising.
  void restore(const std::vector<std::uint16_t>& packet_ids);
  void offered(std::uint16_t packet_id, std::uint64_t token);
  // 0: the token is not of a QoS 2 publish on its way.
  [[nodiscard]] std::uint16_t id_of(std::uint64_t token) const;
  void received(std::uint64_t token);
  void refused(std::uint64_t token);
  // A repeat of what an earlier connection received: from now on it has a place in this one's window.
  void repeated(std::uint16_t packet_id);
  void releasing(std::uint16_t packet_id);
  void released(std::uint16_t packet_id);

  // Published on this connection and not through: what Receive Maximum counts beside the publishes that
  // wait for an answer. The window of a new connection is new.
  [[nodiscard]] std::size_t in_window() const { return in_window_; }
  [[nodiscard]] std::size_t releasing() const { return releasing_; }

 private:
  struct Id {
    std::uint64_t token = 0;  // 0: not on its way any more
    std::uint16_t packet_id = 0;
    Qos2State state{};
    bool in_window = false;
  };
  [[nodiscard]] std::vector<Id>::iterator find(std::uint16_t packet_id);
  [[nodiscard]] std::vector<Id>::const_iterator find_token(std::uint64_t token) const;

  std::uint32_t ids_max_;
  std::vector<Id> ids_;  // by packet_id
  std::size_t in_window_ = 0;
  std::size_t releasing_ = 0;
};

}  // namespace wayside::broker::session
