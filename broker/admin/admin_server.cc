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
      connections_[fd] = {.number = ++last_number_};
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
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  const bool open = (events & EPOLLIN) == 0 ? !broken : read(fd, connection);
  take_lines(fd, connection);
  // What was asked before the peer closed its side is still answered.
  connection.ending = !open && !broken && connection.waiting;
  settle(fd, connection, (open || connection.ending) && within_bounds(connection));
}

bool AdminServer::read(int fd, Connection& connection) const {
  if (connection.waiting) return true;  // not asked for: the peer is broken, or what it reads is
  std::array<char, kReadBytes> buffer;
  const IoResult got = read_from(fd, buffer.data(), buffer.size());
  connection.input.append(buffer.data(), got.bytes);
  return got.status != IoStatus::gone;
}

void AdminServer::take_lines(int fd, Connection& connection) {
  taking_ = true;
  for (std::size_t end = connection.input.find('\n'); end != std::string::npos && !connection.waiting;
       end = connection.input.find('\n')) {
    const std::string line = connection.input.substr(0, end);
    connection.input.erase(0, end + 1);
    ask(fd, connection, line);
  }
  taking_ = false;
}

bool AdminServer::within_bounds(const Connection& connection) const {
  const bool line = connection.waiting || connection.input.size() < options_.line_bytes_max;
  return line && connection.output.size() < options_.output_bytes_max;
}

void AdminServer::ask(int fd, Connection& connection, std::string_view line) {
  connection.waiting = true;
  const std::uint64_t number = connection.number;
  const Outcome<AdminRequest> request = parse_admin_request(line);
  if (!request.ok()) return answered(fd, number, AdminRefusal{request.reason(), {}});
  handler_.handle(request.value(), [this, alive = std::weak_ptr(alive_), fd, number](const AdminReply& reply) {
    if (!alive.expired()) answered(fd, number, reply);
  });
}

void AdminServer::answered(int fd, std::uint64_t number, const AdminReply& reply) {
  const auto found = connections_.find(fd);
  if (found == connections_.end() || found->second.number != number) return;
  Connection& connection = found->second;
  connection.waiting = false;
  connection.output += render_admin_reply(reply) + "\n";
  if (taking_) return;
  take_lines(fd, connection);
  settle(fd, connection, within_bounds(connection) && (!connection.ending || connection.waiting));
}

void AdminServer::settle(int fd, Connection& connection, bool open) {
  const bool flushed = flush(fd, connection);
  if (!open || !flushed) return drop(fd);
  const std::uint32_t reads = connection.waiting ? 0U : EPOLLIN;
  loop_.change(fd, connection.output.empty() ? reads : reads | EPOLLOUT);
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
