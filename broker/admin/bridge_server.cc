#include "broker/admin/bridge_server.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "common/log/log.h"

namespace wayside::broker {
namespace {

constexpr std::size_t kReadBytes = 64U << 10U;

}  // namespace

BridgeServer::BridgeServer(ControlLoop& loop, CommandPort& commands, metrics::Registry& metrics, UnixListener listener,
                           ipc::Hello hello, const Options& options)
    : loop_(loop),
      commands_(commands),
      metrics_(metrics),
      listener_(std::move(listener)),
      hello_(std::move(hello)),
      options_(options) {}

Result<std::unique_ptr<BridgeServer>> BridgeServer::start(ControlLoop& loop, CommandPort& commands,
                                                          metrics::Registry& metrics, const std::string& path,
                                                          ipc::Hello hello, const Options& options) {
  Result<UnixListener> listener = UnixListener::listen(path, 0600);
  if (!listener.ok()) return std::move(listener).error();
  std::unique_ptr<BridgeServer> server(
      new BridgeServer(loop, commands, metrics, std::move(*listener), std::move(hello), options));
  BridgeServer* self = server.get();
  Result<void> watched = loop.watch(self->listener_.fd(), EPOLLIN, [self](std::uint32_t) { self->accept(); });
  if (!watched.ok()) return std::move(watched).error();
  return server;
}

BridgeServer::~BridgeServer() {
  while (!connections_.empty()) drop(connections_.begin()->first);
  loop_.forget(listener_.fd());
}

void BridgeServer::refused(const char* why) {
  metrics_
      .counter("wayside_bridge_socket_refused_total", "Connections of the bridge socket that were ended, by reason.",
               {{"reason", why}})
      .add();
  log::warning("bridge_socket", {{"refused", why}});
}

void BridgeServer::accept() {
  for (int fd = listener_.accept(); fd >= 0; fd = listener_.accept()) {
    if (peer_is_ours(fd) && connections_.size() < options_.connections_max) {
      welcome(fd);
      continue;
    }
    refused(connections_.size() < options_.connections_max ? "peer_uid" : "connections_max");
    close(fd);
  }
}

void BridgeServer::welcome(int fd) {
  const std::uint64_t number = ++last_number_;
  const Result<void> watched =
      loop_.watch(fd, EPOLLIN, [this, number](std::uint32_t events) { ready(number, events); });
  if (!watched.ok()) {
    close(fd);
    return;
  }
  Connection& connection = connections_[number];
  connection.fd = fd;
  ipc::encode_frame(hello_, connection.output);
  settle(number, connection, true);
}

void BridgeServer::drop(std::uint64_t number) {
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  loop_.forget(found->second.fd);
  close(found->second.fd);
  connections_.erase(found);
}

void BridgeServer::ready(std::uint64_t number, std::uint32_t events) {
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  bool open = (events & EPOLLERR) == 0;
  if (open && (events & (EPOLLIN | EPOLLHUP)) != 0) open = read_frames(number, found->second);
  settle(number, found->second, open);
}

// Writes what is due and asks for the next event; ends the connection when it is not `open` any more.
void BridgeServer::settle(std::uint64_t number, Connection& connection, bool open) {
  if (!open || !flush(connection)) return drop(number);
  std::uint32_t events = 0;
  if (connection.unanswered < options_.requests_max) events |= EPOLLIN;
  if (!connection.output.empty()) events |= EPOLLOUT;
  loop_.change(connection.fd, events);
}

bool BridgeServer::read_frames(std::uint64_t number, Connection& connection) {
  std::array<std::uint8_t, kReadBytes> buffer;
  const IoResult got = read_from(connection.fd, buffer.data(), buffer.size());
  if (got.status == IoStatus::gone) return false;
  connection.input.insert(connection.input.end(), buffer.begin(),
                          buffer.begin() + static_cast<std::ptrdiff_t>(got.bytes));
  return handle_frames(number, connection);
}

bool BridgeServer::handle_frames(std::uint64_t number, Connection& connection) {
  std::size_t at = 0;
  while (connection.unanswered < options_.requests_max) {
    ipc::DecodedFrame decoded = ipc::decode_frame(ByteView(connection.input).subspan(at));
    if (decoded.status == ipc::FrameStatus::need_more) break;
    auto* frame = std::get_if<ipc::Request>(&decoded.frame);
    if (decoded.status == ipc::FrameStatus::malformed || frame == nullptr) {
      refused("frame_malformed");
      return false;
    }
    at += decoded.consumed;
    request(number, connection, std::move(*frame));
  }
  connection.input.erase(connection.input.begin(), connection.input.begin() + static_cast<std::ptrdiff_t>(at));
  return connection.output.size() < options_.output_bytes_max;
}

void BridgeServer::request(std::uint64_t number, Connection& connection, ipc::Request request) {
  const std::uint64_t sequence = request.sequence;
  CommandRequested event;
  event.request = std::move(request.bytes);
  event.done = [this, number, sequence](bool accepted, Reason reason) {
    ipc::Answer answer{sequence, accepted, accepted ? std::string() : std::string(code(reason))};
    loop_.post([this, number, answer = std::move(answer)] { answered(number, answer); });
  };
  ++connection.unanswered;
  if (commands_.post(std::move(event))) return;
  --connection.unanswered;
  ipc::encode_frame(ipc::Answer{sequence, false, std::string(code(Reason::QUEUE_FULL))}, connection.output);
}

void BridgeServer::answered(std::uint64_t number, const ipc::Answer& answer) {
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;  // it went away; the core asks again
  Connection& connection = found->second;
  --connection.unanswered;
  ipc::encode_frame(answer, connection.output);
  // Frames that waited for room among the unanswered ones come first.
  settle(number, connection, handle_frames(number, connection));
}

bool BridgeServer::flush(Connection& connection) {
  while (!connection.output.empty()) {
    const IoResult sent = write_to(connection.fd, connection.output.data(), connection.output.size());
    if (sent.status == IoStatus::gone) return false;
    if (sent.status == IoStatus::later) return true;
    connection.output.erase(connection.output.begin(),
                            connection.output.begin() + static_cast<std::ptrdiff_t>(sent.bytes));
  }
  return true;
}

}  // namespace wayside::broker
