// admin.sock: one JSON object a line in, one out. Mode 0600: who can open it is an operator.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "broker/admin/admin_api.h"
#include "broker/admin/control_loop.h"
#include "broker/admin/unix_listener.h"

namespace wayside::broker {

// Owns     the listener and its connections.
// Thread   the control thread.
// Durable  -
// Limits   connections_max; line_bytes_max; a peer that does not read its answers is closed at
//          output_bytes_max.
class AdminServer {
 public:
  struct Options {
    std::uint64_t connections_max = 16;
    std::uint64_t line_bytes_max = 4096;
    std::uint64_t output_bytes_max = 256U << 10U;
    bool operator==(const Options&) const = default;
  };
  static Result<std::unique_ptr<AdminServer>> start(ControlLoop& loop, AdminHandler& handler, const std::string& path,
                                                    const Options& options);
  ~AdminServer();

 private:
  struct Connection {
    std::string input;
    std::string output;
  };
  AdminServer(ControlLoop& loop, AdminHandler& handler, UnixListener listener, const Options& options)
      : loop_(loop), handler_(handler), listener_(std::move(listener)), options_(options) {}
  void accept();
  void ready(int fd, std::uint32_t events);
  bool read_lines(int fd, Connection& connection);
  void answer(Connection& connection, std::string_view line);
  bool flush(int fd, Connection& connection);
  void drop(int fd);

  ControlLoop& loop_;
  AdminHandler& handler_;
  UnixListener listener_;
  const Options options_;
  std::map<int, Connection> connections_;
};

}  // namespace wayside::broker
