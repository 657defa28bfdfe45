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
// Limits   connections_max, each waits for one answer at a time and is not read meanwhile; line_bytes_max; a peer that
// does not read its answers is closed at
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
    std::uint64_t number = 0;
    std::string input{};
    std::string output{};
    bool waiting = false;  // for the answer to its last line; the next one is not looked at before
    bool ending = false;   // the peer says no more, and is still to be answered
  };
  AdminServer(ControlLoop& loop, AdminHandler& handler, UnixListener listener, const Options& options)
      : loop_(loop), handler_(handler), listener_(std::move(listener)), options_(options) {}
  void accept();
  void ready(int fd, std::uint32_t events);
  bool read(int fd, Connection& connection) const;
  void take_lines(int fd, Connection& connection);
  [[nodiscard]] bool within_bounds(const Connection& connection) const;
  void ask(int fd, Connection& connection, std::string_view line);
  void answered(int fd, std::uint64_t number, const AdminReply& reply);
  void settle(int fd, Connection& connection, bool open);
  bool flush(int fd, Connection& connection);
  void drop(int fd);

  ControlLoop& loop_;
  AdminHandler& handler_;
  UnixListener listener_;
  const Options options_;
  std::map<int, Connection> connections_;
  std::uint64_t last_number_ = 0;  // never used again: a late answer finds nobody
  bool taking_ = false;            // lines: an answer that comes meanwhile is settled with them
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace wayside::broker
