#include "bench/publisher_load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "common/mqtt/codec.h"

namespace wayside::bench {
namespace {

constexpr std::size_t kEventsMax = 512;
constexpr int kWaitMsMax = 30'000;
constexpr std::uint8_t kConnack = 0x20;
constexpr std::uint8_t kPuback = 0x40;
constexpr std::uint8_t kRefusals = 0x80;  // reasons from here on

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Error system_error(const char* what) {
  return Error{Fault::io, std::string(what) + ": " + std::strerror(errno), errno};
}

Result<int> connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket");
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    const Error failed = system_error("connect");
    ::close(fd);
    return failed;
  }
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

Bytes make_burst(const std::string& vehicle, const LoadShape& shape) {
  const std::string topic = "v1/" + vehicle + "/state/Vehicle/Speed";
  Bytes payload(shape.payload_bytes);
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::uint8_t>('a' + i % 26);
  Bytes burst;
  for (std::size_t i = 1; i <= shape.window; ++i) {
    mqtt::Publish publish;
    publish.topic = topic;
    publish.payload = payload;
    publish.qos = 1;
    publish.packet_id = static_cast<std::uint16_t>(i);  // free again once the window is acknowledged
    mqtt::encode_publish(publish, mqtt::Version::v5, burst);
  }
  return burst;
}

}  // namespace

Result<std::unique_ptr<PublisherLoad>> PublisherLoad::connect(const TlsFleet& fleet, const LoadShape& shape, int port) {
  std::unique_ptr<PublisherLoad> load(new PublisherLoad(shape));
  load->epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (load->epoll_ < 0) return system_error("epoll");
  load->links_.reserve(shape.connections);
  for (std::size_t i = 0; i < shape.connections; ++i) {
    if (auto opened = load->open(fleet, i, port); !opened) return std::move(opened).error();
  }
  LoadRound connacks;
  while (load->waiting_ > 0) {
    if (auto turned = load->turn(false, connacks); !turned) return std::move(turned).error().with("CONNACK");
  }
  return load;
}

PublisherLoad::~PublisherLoad() {
  for (Link& link : links_) {
    SSL_free(link.ssl);
    if (link.fd >= 0) ::close(link.fd);
  }
  if (epoll_ >= 0) ::close(epoll_);
}

// The handshake blocks, the answer to CONNECT is awaited later: a side may take many sessions in one commit.
Result<void> PublisherLoad::open(const TlsFleet& fleet, std::size_t number, int port) {
  auto fd = connect_to(port);
  if (!fd) return std::move(fd).error();
  Link& link = links_.emplace_back();
  link.fd = *fd;
  auto ssl = fleet.connect(number, link.fd);
  if (!ssl) return std::move(ssl).error();
  link.ssl = *ssl;
  if (SSL_connect(link.ssl) != 1) return certs::openssl_error("handshake " + std::to_string(number));
  mqtt::Connect hello;
  hello.client_id = fleet.vehicle(number);
  mqtt::encode(mqtt::Packet(hello), mqtt::Version::v5, link.burst);
  link.owed = 1;
  ++waiting_;
  if (auto sent = send_burst(link); !sent) return sent;
  link.burst = make_burst(fleet.vehicle(number), shape_);
  if (::fcntl(link.fd, F_SETFL, O_NONBLOCK) != 0) return system_error("fcntl");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = number;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, link.fd, &event) != 0) return system_error("epoll_ctl");
  return {};
}

Result<void> PublisherLoad::send_burst(Link& link) {
  link.sent_at_ns = now_ns();
  const int size = static_cast<int>(link.burst.size());
  if (SSL_write(link.ssl, link.burst.data(), size) == size) return {};
  return certs::openssl_error("a window does not fit into the socket");
}

Result<void> PublisherLoad::read(Link& link) {
  std::array<std::uint8_t, 16U << 10U> plaintext{};
  while (link.owed > 0) {
    const int got = SSL_read(link.ssl, plaintext.data(), static_cast<int>(plaintext.size()));
    if (got <= 0) {
      if (SSL_get_error(link.ssl, got) == SSL_ERROR_WANT_READ) return {};
      return certs::openssl_error("a connection ended");
    }
    link.input.insert(link.input.end(), plaintext.begin(), plaintext.begin() + got);
    if (auto taken = take_packets(link); !taken) return taken;
  }
  return {};
}

// CONNACK and PUBACK have their reason as the fourth byte; of a PUBACK without one it is success.
Result<void> PublisherLoad::take_packets(Link& link) {
  std::size_t at = 0;
  while (link.input.size() - at >= 2) {
    const std::uint8_t type = link.input[at];
    const std::size_t size = 2U + link.input[at + 1];
    if (link.input[at + 1] >= 0x80) return Error{Fault::unsupported, "an answer of more than 127 bytes", 0};
    if (link.input.size() - at < size) break;
    if (type != kConnack && type != kPuback) return Error{Fault::unsupported, "packet " + std::to_string(type), 0};
    const std::uint8_t reason = size > 4 || type == kConnack ? link.input[at + (type == kConnack ? 3 : 4)] : 0;
    if (reason >= kRefusals) return Error{Fault::internal, "refused with " + std::to_string(reason), 0};
    if (link.owed == 0) return Error{Fault::internal, "an answer to nothing", 0};
    --link.owed;
    at += size;
  }
  link.input.erase(link.input.begin(), link.input.begin() + static_cast<std::ptrdiff_t>(at));
  return {};
}

Result<void> PublisherLoad::turn(bool again, LoadRound& round) {
  std::array<epoll_event, kEventsMax> events{};
  const int count = ::epoll_wait(epoll_, events.data(), kEventsMax, kWaitMsMax);
  if (count == 0) return Error{Fault::timeout, std::to_string(waiting_) + " connections wait for an answer", 0};
  for (int i = 0; i < count; ++i) {
    Link& link = links_.at(events.at(static_cast<std::size_t>(i)).data.u64);
    if (link.owed == 0) return Error{Fault::unreachable, "a connection says something unasked or ended", 0};
    if (auto got = read(link); !got) return got;
    if (link.owed > 0) continue;
    round.acked += shape_.window;
    round.window_ms.push_back(static_cast<float>(now_ns() - link.sent_at_ns) / 1e6F);
    --waiting_;
    if (!again) continue;
    link.owed = shape_.window;
    ++waiting_;
    if (auto sent = send_burst(link); !sent) return sent;
  }
  return {};
}

Result<LoadRound> PublisherLoad::run(double seconds) {
  LoadRound round;
  const std::int64_t begun = now_ns();
  const std::int64_t until = begun + static_cast<std::int64_t>(seconds * 1e9);
  for (Link& link : links_) {
    link.owed = shape_.window;
    ++waiting_;
    if (auto sent = send_burst(link); !sent) return std::move(sent).error();
  }
  while (waiting_ > 0) {
    if (auto turned = turn(now_ns() < until, round); !turned) return std::move(turned).error();
  }
  round.seconds = static_cast<double>(now_ns() - begun) / 1e9;
  return round;
}

Result<double> PublisherLoad::one() {
  WAYSIDE_ASSERT(shape_.window == 1);
  LoadRound round;
  links_.front().owed = 1;
  ++waiting_;
  if (auto sent = send_burst(links_.front()); !sent) return std::move(sent).error();
  while (waiting_ > 0) {
    if (auto turned = turn(false, round); !turned) return std::move(turned).error();
  }
  return static_cast<double>(round.window_ms.front());
}

}  // namespace wayside::bench
