// An MQTT client over OpenSSL that a test drives packet by packet, well-behaved or not.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/mqtt/codec.h"
#include "common/types.h"

typedef struct ssl_st SSL;          // NOLINT(modernize-use-using)
typedef struct ssl_ctx_st SSL_CTX;  // NOLINT(modernize-use-using)

namespace wayside::test {

struct ClientOptions {
  int port = 0;
  std::string from;  // own address; empty: whatever the kernel takes
  std::string ca;
  std::string certificate;  // empty: none
  std::string key;
  std::string alpn;         // empty: none
  Bytes tls_session;        // of an earlier client: offered for resumption; empty: none
  int tls_version_max = 0;  // 0: whatever OpenSSL speaks
  mqtt::Version version = mqtt::Version::v5;
  int timeout_ms = 5'000;
};

// A packet with the bytes its views look into.
struct Arrived {
  Bytes bytes;
  mqtt::Packet packet;
  template <typename T>
  const T* get() const {
    return std::get_if<T>(&packet);
  }
};

// Owns: a socket and its TLS. Thread: one.
class MqttClient {
 public:
  explicit MqttClient(ClientOptions options);
  ~MqttClient();
  MqttClient(const MqttClient&) = delete;
  MqttClient& operator=(const MqttClient&) = delete;

  // TCP only, then TLS. False: the server said no (in TLS 1.3 it may say so only after the first read).
  bool open_tcp();
  bool shake_hands();
  // Bytes that leave with the first of TLS, in one write.
  void before_first_write(Bytes bytes) { before_ = std::move(bytes); }
  bool open() { return open_tcp() && shake_hands(); }

  bool send(const mqtt::Packet& packet);
  bool send_raw(ByteView bytes);        // plaintext through TLS
  bool send_tcp(ByteView bytes) const;  // past TLS
  // The next packet; nullopt: closed, broken or silent for the timeout.
  std::optional<Arrived> receive(int timeout_ms = 0);
  template <typename T>
  std::optional<Arrived> expect(int timeout_ms = 0) {
    std::optional<Arrived> arrived = receive(timeout_ms);
    if (arrived && arrived->get<T>() == nullptr) arrived.reset();
    return arrived;
  }
  // True: the server closed (or reset), within the timeout, without another packet.
  bool closed(int timeout_ms = 0);
  // As closed(), before TLS: what the server may have sent as an alert is read away.
  bool closed_tcp(int timeout_ms = 0) const;
  // Nothing arrives for this long, and the connection lives.
  bool silent_for(int ms);

  // CONNECT as `client_id` and the CONNACK.
  std::optional<Arrived> connect(std::string_view client_id, bool clean_start = true, std::uint32_t expiry_s = 0);
  std::optional<Arrived> connect(const mqtt::Connect& packet);
  // QoS 1 publish and its PUBACK; nullopt: none came.
  std::optional<mqtt::Ack> publish(std::string_view topic, std::string_view payload, std::uint16_t packet_id = 1);
  std::vector<std::uint8_t> subscribe(const std::vector<std::string>& filters, std::uint8_t qos = 1);
  void abort_tcp();  // RST
  [[nodiscard]] int fd() const { return fd_; }
  SSL* ssl() { return ssl_; }
  // What a later client may resume (TLS 1.3: once something has been read).
  [[nodiscard]] Bytes tls_session() const;
  [[nodiscard]] bool resumed() const;

 private:
  enum class Wait : std::uint8_t { bytes, silence, over };
  Wait read_some(int timeout_ms);
  bool send_first_flight();

  ClientOptions options_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  int fd_ = -1;
  Bytes before_;
  Bytes input_;
};

}  // namespace wayside::test
