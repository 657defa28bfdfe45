#include "broker/session/unreleased.h"

#include <algorithm>

namespace wayside::broker::session {

std::vector<Unreleased::Id>::iterator Unreleased::find(std::uint16_t packet_id) {
  const auto at = std::lower_bound(ids_.begin(), ids_.end(), packet_id,
                                   [](const Id& id, std::uint16_t wanted) { return id.packet_id < wanted; });
  return at != ids_.end() && at->packet_id == packet_id ? at : ids_.end();
}

std::vector<Unreleased::Id>::const_iterator Unreleased::find_token(std::uint64_t token) const {
  return std::find_if(ids_.begin(), ids_.end(), [token](const Id& id) { return token != 0 && id.token == token; });
}

Qos2State Unreleased::state(std::uint16_t packet_id) const {
  const auto at = std::lower_bound(ids_.begin(), ids_.end(), packet_id,
                                   [](const Id& id, std::uint16_t wanted) { return id.packet_id < wanted; });
  return at != ids_.end() && at->packet_id == packet_id ? at->state : Qos2State::none;
}

void Unreleased::restore(const std::vector<std::uint16_t>& packet_ids) {
  ids_.clear();
  for (const std::uint16_t packet_id : packet_ids) ids_.push_back({0, packet_id, Qos2State::received, false});
}

void Unreleased::offered(std::uint16_t packet_id, std::uint64_t token) {
  const auto behind = std::lower_bound(ids_.begin(), ids_.end(), packet_id,
                                       [](const Id& id, std::uint16_t wanted) { return id.packet_id < wanted; });
  ids_.insert(behind, {token, packet_id, Qos2State::offered, false});
}

std::uint16_t Unreleased::id_of(std::uint64_t token) const {
  const auto at = find_token(token);
  return at == ids_.end() ? std::uint16_t{0} : at->packet_id;
}

void Unreleased::received(std::uint64_t token) {
  const auto at = find_token(token);
  if (at == ids_.end()) return;
  Id& id = ids_[static_cast<std::size_t>(at - ids_.begin())];
  id.token = 0;
  id.state = Qos2State::received;
  id.in_window = true;
  ++in_window_;
}

void Unreleased::refused(std::uint64_t token) {
  const auto at = find_token(token);
  if (at != ids_.end()) ids_.erase(at);
}

void Unreleased::repeated(std::uint16_t packet_id) {
  const auto at = find(packet_id);
  if (at == ids_.end() || at->in_window) return;
  at->in_window = true;
  ++in_window_;
}

void Unreleased::releasing(std::uint16_t packet_id) {
  const auto at = find(packet_id);
  if (at == ids_.end() || at->state != Qos2State::received) return;
  at->state = Qos2State::releasing;
  ++releasing_;
}

void Unreleased::released(std::uint16_t packet_id) {
  const auto at = find(packet_id);
  if (at == ids_.end() || at->state != Qos2State::releasing) return;
  --releasing_;
  if (at->in_window) --in_window_;
  ids_.erase(at);
}

}  // namespace wayside::broker::session
