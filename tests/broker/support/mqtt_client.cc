#include "tests/broker/support/mqtt_client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <stdexcept>

namespace wayside::test {
namespace {

using SteadyClock = std::chrono::steady_clock;

int left_ms(SteadyClock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - SteadyClock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(0, left));
}

}  // namespace

MqttClient::MqttClient(ClientOptions options)
    : options_(std::move(options)), context_(SSL_CTX_new(TLS_client_method())) {
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT: SSL_write has no MSG_NOSIGNAL
  if (SSL_CTX_load_verify_locations(context_, options_.ca.c_str(), nullptr) != 1) throw std::runtime_error(options_.ca);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  if (options_.tls_version_max != 0) SSL_CTX_set_max_proto_version(context_, options_.tls_version_max);
  if (options_.certificate.empty()) return;
  if (SSL_CTX_use_certificate_chain_file(context_, options_.certificate.c_str()) != 1) {
    throw std::runtime_error(options_.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(context_, options_.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    throw std::runtime_error(options_.key);
  }
}

MqttClient::~MqttClient() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  if (fd_ >= 0) ::close(fd_);
}

bool MqttClient::open_tcp() {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval timeout{options_.timeout_ms / 1000, (options_.timeout_ms % 1000) * 1000};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  const int one = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (!options_.from.empty()) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    ::inet_pton(AF_INET, options_.from.c_str(), &own.sin_addr);
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) throw std::runtime_error(options_.from);
  }
  return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool MqttClient::shake_hands() {
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, fd_);
  if (!options_.alpn.empty()) {
    std::string list(1, static_cast<char>(options_.alpn.size()));
    list += options_.alpn;
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(list.data()), static_cast<unsigned>(list.size()));
  }
  if (!options_.tls_session.empty()) {
    const unsigned char* at = options_.tls_session.data();
    SSL_SESSION* session = d2i_SSL_SESSION(nullptr, &at, static_cast<long>(options_.tls_session.size()));
    if (session == nullptr || SSL_set_session(ssl_, session) != 1) throw std::runtime_error("no TLS session");
    SSL_SESSION_free(session);
  }
  ERR_clear_error();
  if (!before_.empty() && !send_first_flight()) return false;
  return SSL_connect(ssl_) == 1;
}

// OpenSSL writes into memory until its first flight is there, and then goes on with the socket.
bool MqttClient::send_first_flight() {
  BIO* memory = BIO_new(BIO_s_mem());
  SSL_set0_wbio(ssl_, memory);
  BIO* nothing = BIO_new(BIO_s_mem());
  SSL_set0_rbio(ssl_, nothing);
  if (SSL_connect(ssl_) == 1) return false;  // nobody has answered
  char* flight = nullptr;
  const long size = BIO_get_mem_data(memory, &flight);
  Bytes bytes = std::move(before_);
  bytes.insert(bytes.end(), flight, flight + size);
  const bool sent = send_tcp(bytes);
  SSL_set_fd(ssl_, fd_);
  ERR_clear_error();
  return sent;
}

Bytes MqttClient::tls_session() const {
  SSL_SESSION* session = SSL_get0_session(ssl_);
  Bytes der(static_cast<std::size_t>(i2d_SSL_SESSION(session, nullptr)));
  unsigned char* put = der.data();
  i2d_SSL_SESSION(session, &put);
  return der;
}

bool MqttClient::resumed() const { return SSL_session_reused(ssl_) == 1; }

bool MqttClient::send(const mqtt::Packet& packet) {
  Bytes bytes;
  mqtt::encode(packet, options_.version, bytes);
  return send_raw(bytes);
}

bool MqttClient::send_raw(ByteView bytes) {
  ERR_clear_error();
  return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
}

bool MqttClient::send_tcp(ByteView bytes) const {
  return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

MqttClient::Wait MqttClient::read_some(int timeout_ms) {
  if (SSL_pending(ssl_) == 0) {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, timeout_ms) <= 0) return Wait::silence;
  }
  std::array<std::uint8_t, 16384> buffer{};
  ERR_clear_error();
  const int got = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
  if (got <= 0) return Wait::over;
  input_.insert(input_.end(), buffer.begin(), buffer.begin() + got);
  return Wait::bytes;
}

std::optional<Arrived> MqttClient::receive(int timeout_ms) {
  const auto until = SteadyClock::now() + std::chrono::milliseconds(timeout_ms == 0 ? options_.timeout_ms : timeout_ms);
  while (true) {
    const mqtt::Decoded probe = mqtt::decode(input_, options_.version, mqtt::Role::client, 1U << 20U);
    if (probe.status == mqtt::DecodeStatus::complete) {
      Arrived arrived;
      arrived.bytes.assign(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(probe.consumed));
      input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(probe.consumed));
      arrived.packet = mqtt::decode(arrived.bytes, options_.version, mqtt::Role::client, 1U << 20U).packet;
      return arrived;
    }
    if (probe.status != mqtt::DecodeStatus::need_more)
      throw std::runtime_error(std::string("server sent: ") + probe.what);
    if (read_some(left_ms(until)) != Wait::bytes) return std::nullopt;
  }
}

bool MqttClient::closed(int timeout_ms) {
  if (!input_.empty()) return false;
  return read_some(timeout_ms == 0 ? options_.timeout_ms : timeout_ms) == Wait::over;
}

bool MqttClient::closed_tcp(int timeout_ms) const {
  const auto until = SteadyClock::now() + std::chrono::milliseconds(timeout_ms == 0 ? options_.timeout_ms : timeout_ms);
  std::array<std::uint8_t, 1024> buffer{};
  while (true) {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, left_ms(until)) <= 0) return false;
    if (::recv(fd_, buffer.data(), buffer.size(), 0) <= 0) return true;
  }
}

bool MqttClient::silent_for(int ms) { return input_.empty() && read_some(ms) == Wait::silence; }

std::optional<Arrived> MqttClient::connect(std::string_view client_id, bool clean_start, std::uint32_t expiry_s) {
  mqtt::Connect packet;
  packet.client_id = client_id;
  packet.clean_start = clean_start;
  packet.keep_alive_s = 60;
  if (expiry_s > 0) packet.properties.session_expiry_s = expiry_s;
  return connect(packet);
}

std::optional<Arrived> MqttClient::connect(const mqtt::Connect& packet) {
  mqtt::Connect versioned = packet;
  versioned.version = options_.version;
  if (!send(versioned)) return std::nullopt;
  return expect<mqtt::Connack>();
}

std::optional<mqtt::Ack> MqttClient::publish(std::string_view topic, std::string_view payload,
                                             std::uint16_t packet_id) {
  mqtt::Publish packet;
  packet.topic = topic;
  packet.payload = as_bytes(payload);
  packet.qos = 1;
  packet.packet_id = packet_id;
  if (!send(packet)) return std::nullopt;
  const std::optional<Arrived> arrived = expect<mqtt::Ack>();
  if (!arrived) return std::nullopt;
  mqtt::Ack ack = *arrived->get<mqtt::Ack>();
  ack.properties = {};  // its views end with this call
  return ack;
}

std::vector<std::uint8_t> MqttClient::subscribe(const std::vector<std::string>& filters, std::uint8_t qos) {
  mqtt::Subscribe packet;
  packet.packet_id = 7;
  for (const std::string& filter : filters) {
    mqtt::Subscription wanted;
    wanted.filter = filter;
    wanted.qos = qos;
    packet.subscriptions.push_back(wanted);
  }
  if (!send(packet)) return {};
  const std::optional<Arrived> arrived = expect<mqtt::Suback>();
  return arrived ? arrived->get<mqtt::Suback>()->reasons : std::vector<std::uint8_t>{};
}

void MqttClient::abort_tcp() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(fd_);
  fd_ = -1;
}

}  // namespace wayside::test
