#include "fleet/ports.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace wayside::fleet {
namespace {

constexpr int kFirst = 15'000;
constexpr int kCount = 17'000;  // Linux gives outgoing connections 32768 and above
constexpr int kAttempts = 500;

bool is_free(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return free;
}

}  // namespace

Result<int> PortPicker::pick() {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int port = kFirst + static_cast<int>(rng_.below(kCount));
    if (!given_.contains(port) && is_free(port) && given_.insert(port).second) return port;
  }
  return Error{Fault::io, "no free port between 15000 and 32000"};
}

}  // namespace wayside::fleet
