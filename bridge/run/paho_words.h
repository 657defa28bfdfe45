// Why a connection to the core broker could not be made, from what Paho leaves behind: its own text says little.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace mqtt {
class token;
}

namespace wayside::bridge::run {

// name: the resolver has no address; connect: refused or unreachable; tls: the handshake broke off; timeout: no answer;
// refused: the broker answered and said no.
enum class ConnectCause : std::uint8_t { name, connect, tls, timeout, refused, other };
inline constexpr std::array<const char*, 6> kConnectCauses = {"name", "connect", "tls", "timeout", "refused", "other"};

struct ConnectFailure {
  ConnectCause cause = ConnectCause::other;
  std::string why;
};

// What is there to read when an attempt has failed.
struct PahoTraces {
  int code = 0;            // of the token; at least 0x80: the reason code of the CONNACK
  std::string message{};   // of the token
  std::string resolver{};  // what getaddrinfo said, empty: nothing
  bool tls_begun = false;  // a handshake was broken off
  bool connected = true;   // false: the socket that Paho closed was never connected
};
ConnectFailure explain(const PahoTraces& traces);

// Of an MQTT 5 reason code, as the specification names it.
std::string reason_words(int code);

// From now on what the resolver says is kept for failure_of. Any thread.
void listen_to_paho();
// In Paho's callback for a failed connect, once: it takes what this thread left behind.
ConnectFailure failure_of(const mqtt::token& token);

}  // namespace wayside::bridge::run
