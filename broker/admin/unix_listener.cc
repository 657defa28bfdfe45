#include "broker/admin/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace wayside::broker {
namespace {

constexpr int kBacklog = 16;

Error failed(const std::string& what) { return {Fault::io, what + ": " + std::strerror(errno), errno}; }

}  // namespace

Result<UnixListener> UnixListener::listen(const std::string& path, mode_t mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{Fault::config, "the path of a Unix socket is longer than 107 characters: " + path};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket");
  UnixListener listener(fd, path);
  unlink(path.c_str());
  // The mode is set between bind and listen: nobody can connect before it holds.
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return failed("bind " + path);
  if (chmod(path.c_str(), mode) != 0) return failed("chmod " + path);
  if (::listen(fd, kBacklog) != 0) return failed("listen " + path);
  return listener;
}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::exchange(other.path_, {})) {}

UnixListener::~UnixListener() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(path_.c_str());
}

int UnixListener::accept() const { return accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }

bool peer_is_ours(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == geteuid() || peer.uid == 0;
}

IoResult read_from(int fd, void* into, std::size_t size) {
  const ssize_t got = recv(fd, into, size, 0);
  if (got > 0) return {IoStatus::some, static_cast<std::size_t>(got)};
  const bool later = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return {later ? IoStatus::later : IoStatus::gone, 0};
}

IoResult write_to(int fd, const void* from, std::size_t size) {
  const ssize_t sent = send(fd, from, size, MSG_NOSIGNAL);
  if (sent >= 0) return {IoStatus::some, static_cast<std::size_t>(sent)};
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {later ? IoStatus::later : IoStatus::gone, 0};
}

}  // namespace wayside::broker
