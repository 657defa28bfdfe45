// A stock Mosquitto with its own bridge, given the same cars and the same outage: what the comparison's other
// columns are. Nothing of ours is on the way; the same relay counts, the same journal is kept.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "fleet/cars.h"
#include "fleet/process.h"
#include "fleet/recorder.h"
#include "fleet/relay.h"

namespace wayside::fleet {

// defaults: what only the bridge's own lines give. best: everything the manual offers against loss. memory: as best,
// but nothing on disk; the fastest that drops nothing while all is well, for benchmarks.
enum class PeerSettings : std::uint8_t { defaults, best, memory };

struct PeerResult {
  std::uint64_t acked = 0;
  std::uint64_t arrived = 0;     // acknowledged or not, found whole at the far end
  std::uint64_t missing = 0;     // acknowledged and not found whole
  std::uint64_t link_bytes = 0;  // both ways, as the relay saw them
};

struct PeerOptions {
  std::string dir;
  std::string mosquitto;
  PeerSettings settings = PeerSettings::best;
  CarsOptions cars;  // journal, endpoint and region are filled in; no vehicles: the caller brings cars of its own
  std::string edge = "edge-1";
  std::string core = "core-1";
};

// Owns    two Mosquittos, the relay between them, the cars, the recorder at the far end.
// Thread  one: the same that makes it.
class Peer {
 public:
  static Result<std::unique_ptr<Peer>> start(PeerOptions options, Disk& disk);
  ~Peer();

  void kill_core();
  Result<void> start_core();
  CarPool& cars() { return *cars_; }
  [[nodiscard]] PeerSettings settings() const { return options_.settings; }
  [[nodiscard]] std::uint64_t recorded() const { return recorder_->messages(); }
  [[nodiscard]] Endpoint door() const { return options_.cars.to; }  // where cars connect
  [[nodiscard]] std::string sink() const { return options_.dir + "/sink"; }
  [[nodiscard]] std::uint64_t link_bytes() const { return relay_->bytes(); }
  [[nodiscard]] pid_t edge_pid() { return edge_->running() ? edge_->pid() : -1; }
  // The cars have ended: compares their journal with what the recorder wrote.
  Result<PeerResult> result();

 private:
  explicit Peer(PeerOptions options) : options_(std::move(options)) {}
  Result<void> write_files(int vehicles_port, int core_port);
  Result<void> start_recorder();

  PeerOptions options_;
  int core_port_ = 0;
  std::unique_ptr<Process> edge_;
  std::unique_ptr<Process> core_;
  std::unique_ptr<Relay> relay_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<CarPool> cars_;
};

}  // namespace wayside::fleet
