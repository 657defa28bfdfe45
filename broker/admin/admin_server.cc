#include "broker/admin/admin_server.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace wayside::broker {
namespace {

constexpr std::size_t kReadBytes = 4096;

}  // namespace

Result<std::unique_ptr<AdminServer>> AdminServer::start(ControlLoop& loop, AdminHandler& handler,
                                                        const std::string& path, const Options& options) {
  Result<UnixListener> listener = UnixListener::listen(path, 0600);
  if (!listener.ok()) return std::move(listener).error();
  std::unique_ptr<AdminServer> server(new AdminServer(loop, handler, std::move(*listener), options));
  AdminServer* self = server.get();
  Result<void> watched = loop.watch(self->listener_.fd(), EPOLLIN, [self](std::uint32_t) { self->accept(); });
  if (!watched.ok()) return std::move(watched).error();
  return server;
}

AdminServer::~AdminServer() {
  while (!connections_.empty()) drop(connections_.begin()->first);
  loop_.forget(listener_.fd());
}

void AdminServer::accept() {
  for (int fd = listener_.accept(); fd >= 0; fd = listener_.accept()) {
    const bool taken = connections_.size() < options_.connections_max && peer_is_ours(fd) &&
                       loop_.watch(fd, EPOLLIN, [this, fd](std::uint32_t events) { ready(fd, events); }).ok();
    if (taken) {
      connections_[fd] = {};
    } else {
      close(fd);
    }
  }
}

void AdminServer::drop(int fd) {
  loop_.forget(fd);
  connections_.erase(fd);
  close(fd);
}

void AdminServer::ready(int fd, std::uint32_t events) {
  Connection& connection = connections_.at(fd);
  const bool open = (events & EPOLLIN) == 0 ? (events & (EPOLLERR | EPOLLHUP)) == 0 : read_lines(fd, connection);
  // What was asked before the peer closed its side is still answered.
  const bool flushed = flush(fd, connection);
  if (!open || !flushed) return drop(fd);
  loop_.change(fd, connection.output.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

bool AdminServer::read_lines(int fd, Connection& connection) {
  std::array<char, kReadBytes> buffer;
  const IoResult got = read_from(fd, buffer.data(), buffer.size());
  if (got.status == IoStatus::gone) return false;
  connection.input.append(buffer.data(), got.bytes);
  for (std::size_t end = connection.input.find('\n'); end != std::string::npos; end = connection.input.find('\n')) {
    answer(connection, std::string_view(connection.input).substr(0, end));
    connection.input.erase(0, end + 1);
  }
  return connection.input.size() < options_.line_bytes_max && connection.output.size() < options_.output_bytes_max;
}

void AdminServer::answer(Connection& connection, std::string_view line) {
  const Outcome<AdminRequest> request = parse_admin_request(line);
  const AdminReply reply =
      request.ok() ? handler_.handle(request.value()) : AdminReply(AdminRefusal{request.reason(), {}});
  connection.output += render_admin_reply(reply) + "\n";
}

bool AdminServer::flush(int fd, Connection& connection) {
  while (!connection.output.empty()) {
    const IoResult sent = write_to(fd, connection.output.data(), connection.output.size());
    if (sent.status == IoStatus::gone) return false;
    if (sent.status == IoStatus::later) return true;
    connection.output.erase(0, sent.bytes);
  }
  return true;
}

}  // namespace wayside::broker
