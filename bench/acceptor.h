// Those that take publishes in the custody bench: a Wayside broker, a stock Mosquitto, the bare loop, the durable one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/result.h"
#include "fleet/process.h"

namespace wayside::bench {

struct AcceptorOptions {
  std::string dir;  // of this acceptor alone; made
  std::string pki;
  std::string mosquitto;
  int port = 0;
  bool nagle = false;  // of Mosquitto: its answers wait for the client's TCP acknowledgements, as it is shipped
};

// Owns    its process; the broker's own Mosquitto is the broker's child.
// Thread  one: the same that makes it (processes die with that thread).
class Acceptor {
 public:
  Acceptor(std::string name, fleet::ProcessSpec spec, int port)
      : name_(std::move(name)), process_(std::move(spec)), port_(port) {}
  Result<void> start();
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  // User and system seconds of all threads of the process and of its children.
  [[nodiscard]] Result<double> cpu_s() const;
  // Bytes that the process caused to be written to storage, as the kernel counts them.
  [[nodiscard]] Result<std::uint64_t> written_bytes() const;
  bool stop() { return process_.stop(); }

 private:
  std::string name_;
  fleet::Process process_;
  int port_;
};

// CAs, the edge's server certificate, and the keys that a broker wants to see at start.
Result<void> make_bench_pki(const std::string& pki);
// A wayside-broker of the release build with its managed Mosquitto. Not at their defaults: one I/O thread, as the
// others have, and the size of the state lane, because nothing settles here.
Result<std::unique_ptr<Acceptor>> start_broker(const AcceptorOptions& options);
// Same TLS, client certificates required; nothing is written to disk.
Result<std::unique_ptr<Acceptor>> start_mosquitto(const AcceptorOptions& options);
// This program again, as the bare loop.
Result<std::unique_ptr<Acceptor>> start_bare(const AcceptorOptions& options);
// And as the loop that acknowledges what is in a file, durable.
Result<std::unique_ptr<Acceptor>> start_durable(const AcceptorOptions& options);

}  // namespace wayside::bench
