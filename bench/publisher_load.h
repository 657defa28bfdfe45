// The load of the custody bench: connections that send a whole window in one write, wait until all of it is
// acknowledged, and send it again. Packets are encoded once, so that the same bytes go to whoever is measured.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/tls_fleet.h"
#include "common/types.h"

namespace wayside::bench {

struct LoadShape {
  std::size_t connections = 0;
  std::size_t window = 1;  // publishes in one write, which is one TLS record
  std::size_t payload_bytes = 0;
};

struct LoadRound {
  std::uint64_t acked = 0;
  double seconds = 0;              // until the last acknowledgement
  std::vector<float> window_ms{};  // from the write of a window to its last acknowledgement
};

// Owns    the sockets.   Thread  one.   Limits  LoadShape.
class PublisherLoad {
 public:
  // MQTT 5 over TLS to a loopback port; returns once every connection has its CONNACK.
  static Result<std::unique_ptr<PublisherLoad>> connect(const TlsFleet& fleet, const LoadShape& shape, int port);
  ~PublisherLoad();
  PublisherLoad(const PublisherLoad&) = delete;
  PublisherLoad& operator=(const PublisherLoad&) = delete;

  // All connections for so long; then every window is awaited. A refusal or a lost connection is a fault.
  Result<LoadRound> run(double seconds);
  // One publish on the first connection, and its acknowledgement: milliseconds.
  Result<double> one();

 private:
  struct Link {
    int fd = -1;
    SSL* ssl = nullptr;
    Bytes burst;           // a window of PUBLISH packets
    Bytes input;           // a packet that is not whole yet
    std::size_t owed = 0;  // answers to what was sent
    std::int64_t sent_at_ns = 0;
  };
  explicit PublisherLoad(const LoadShape& shape) : shape_(shape) {}
  Result<void> open(const TlsFleet& fleet, std::size_t number, int port);
  Result<void> send_burst(Link& link);
  // Reads until nothing is owed or nothing is there.
  Result<void> read(Link& link);
  Result<void> take_packets(Link& link);
  // One wait, and what came. `again`: a link that is owed nothing more sends its next window.
  Result<void> turn(bool again, LoadRound& round);

  LoadShape shape_;
  int epoll_ = -1;
  std::vector<Link> links_;
  std::size_t waiting_ = 0;  // links that are owed something
};

}  // namespace wayside::bench
