#include "broker/gate/counters.h"

namespace wayside::broker::gate {

Counters::Counters(metrics::Registry& registry, unsigned thread)
    : accepted(registry.counter("wayside_gate_accepted_total", "connections accepted by the listeners")),
      handshakes_full(
          registry.counter("wayside_gate_handshakes_total", "TLS handshakes that ended well", {{"kind", "full"}})),
      handshakes_resumed(
          registry.counter("wayside_gate_handshakes_total", "TLS handshakes that ended well", {{"kind", "resumed"}})),
      packets_in(registry.counter("wayside_gate_packets_in_total", "MQTT packets decoded")),
      publishes_in(registry.counter("wayside_gate_publishes_in_total", "PUBLISH packets of vehicles and services")),
      bytes_in(registry.counter("wayside_gate_bytes_in_total", "MQTT bytes received, without TLS")),
      bytes_out(registry.counter("wayside_gate_bytes_out_total", "MQTT bytes sent, without TLS")),
      takeovers(
          registry.counter("wayside_gate_takeovers_total", "connections that a newer one of the same id replaced")),
      registry_(registry),
      longest_turn_(registry.gauge("wayside_gate_turn_longest_ms", "longest turn of an I/O thread since its start",
                                   {{"thread", std::to_string(thread)}})) {}

void Counters::refused(const std::string& stage, Reason reason) {
  metrics::Counter*& counter = refusals_[{stage, reason}];
  if (counter == nullptr) {
    counter = &registry_.counter("wayside_gate_refusals_total", "what was refused, shed or dropped, where and why",
                                 {{"stage", stage}, {"reason", std::string(code(reason))}});
  }
  counter->add();
}

void Counters::parked(Reason reason) {
  metrics::Counter*& counter = parked_[reason];
  if (counter == nullptr) {
    counter = &registry_.counter("wayside_gate_parked_total", "publishes that had to wait for room in custody, and why",
                                 {{"reason", std::string(code(reason))}});
  }
  counter->add();
}

void Counters::ended(Reason reason) {
  metrics::Counter*& counter = ends_[reason];
  if (counter == nullptr) {
    counter = &registry_.counter("wayside_gate_ended_total", "sessions that lost their connection, and why",
                                 {{"reason", std::string(code(reason))}});
  }
  counter->add();
}

void Counters::turn(double ms) {
  if (ms <= longest_ms_) return;
  longest_ms_ = ms;
  longest_turn_.set(ms);
}

}  // namespace wayside::broker::gate
