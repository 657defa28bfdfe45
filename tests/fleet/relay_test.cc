#include "fleet/relay.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <thread>

using namespace wayside::fleet;

namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Takes one connection, reads until its end, answers twice the bytes.
struct Doubler {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  int port = 0;
  std::thread thread;
  Doubler() {
    auto address = loopback(0);
    socklen_t size = sizeof address;
    REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener, 4) == 0);
    REQUIRE(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    thread = std::thread([this] {
      const int fd = accept(listener, nullptr, nullptr);
      std::string got;
      char chunk[4096];
      for (ssize_t n = 0; (n = recv(fd, chunk, sizeof chunk, 0)) > 0;) got.append(chunk, static_cast<std::size_t>(n));
      const auto answer = got + got;
      for (std::size_t sent = 0; sent < answer.size();) {
        const auto n = send(fd, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<std::size_t>(n);
      }
      close(fd);
    });
  }
  ~Doubler() {
    thread.join();
    close(listener);
  }
};

}  // namespace

TEST_CASE("the relay passes every byte on, ends included, and counts the payload of both directions") {
  Doubler server;
  auto relay = Relay::start(server.port);
  REQUIRE(relay.ok());
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const auto to = loopback((*relay)->port());
  REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  const std::string said(1'500'000, 'x');  // more than one pipe holds
  std::thread writer([&] {
    for (std::size_t sent = 0; sent < said.size();) {
      const auto n = send(fd, said.data() + sent, said.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    shutdown(fd, SHUT_WR);
  });
  std::string heard;
  char chunk[65536];
  for (ssize_t n = 0; (n = recv(fd, chunk, sizeof chunk, 0)) > 0;) heard.append(chunk, static_cast<std::size_t>(n));
  writer.join();
  close(fd);
  CHECK(heard.size() == 2 * said.size());
  CHECK((*relay)->up_bytes() == said.size());
  CHECK((*relay)->down_bytes() == 2 * said.size());
}
