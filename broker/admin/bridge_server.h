// bridge.sock: where `bridge edge` hands commands of the core to this edge, in frames of common/ipc.
//
// What comes in is untrusted: the command store judges each request by its signatures. A frame that does
// not parse ends the connection, is counted, and loses nothing: the core resends what was not answered.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "broker/admin/control_loop.h"
#include "broker/admin/unix_listener.h"
#include "broker/ports.h"
#include "common/ipc/frame.h"
#include "common/metrics/metrics.h"

namespace wayside::broker {

// Owns     the listener and its connections.
// Thread   the control thread; answers come to it from the command thread through the loop's mailbox.
// Durable  -
// Limits   connections_max; requests_max unanswered a connection (then it is not read); frames as ipc bounds
//          them; a peer that does not read is closed at output_bytes_max.
class BridgeServer {
 public:
  struct Options {
    std::uint64_t connections_max = 4;
    std::uint64_t requests_max = 1024;
    std::uint64_t output_bytes_max = 1U << 20U;
    bool operator==(const Options&) const = default;
  };
  static Result<std::unique_ptr<BridgeServer>> start(ControlLoop& loop, CommandPort& commands,
                                                     metrics::Registry& metrics, const std::string& path,
                                                     ipc::Hello hello, const Options& options);
  ~BridgeServer();

 private:
  struct Connection {
    int fd = -1;
    Bytes input;
    Bytes output;
    std::size_t unanswered = 0;
  };
  BridgeServer(ControlLoop& loop, CommandPort& commands, metrics::Registry& metrics, UnixListener listener,
               ipc::Hello hello, const Options& options);
  void accept();
  void welcome(int fd);
  void ready(std::uint64_t number, std::uint32_t events);
  bool read_frames(std::uint64_t number, Connection& connection);
  bool handle_frames(std::uint64_t number, Connection& connection);
  void request(std::uint64_t number, Connection& connection, ipc::Request request);
  void answered(std::uint64_t number, const ipc::Answer& answer);
  void settle(std::uint64_t number, Connection& connection, bool open);
  bool flush(Connection& connection);
  void drop(std::uint64_t number);
  void refused(const char* why);

  ControlLoop& loop_;
  CommandPort& commands_;
  metrics::Registry& metrics_;
  UnixListener listener_;
  const ipc::Hello hello_;
  const Options options_;
  std::map<std::uint64_t, Connection> connections_;  // by a number never reused: late answers find nobody
  std::uint64_t last_number_ = 0;
};

}  // namespace wayside::broker
