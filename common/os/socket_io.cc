#include "common/os/socket_io.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/os/errors.h"

namespace wayside::os {

ssize_t receive(int fd, std::span<std::uint8_t> into) {
  return retry_eintr([&] { return ::syscall(SYS_recvfrom, fd, into.data(), into.size(), 0, nullptr, nullptr); });
}

ssize_t send(int fd, ByteView bytes) {
  return retry_eintr([&] { return ::syscall(SYS_sendto, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0); });
}

}  // namespace wayside::os
