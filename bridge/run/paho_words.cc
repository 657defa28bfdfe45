#include "bridge/run/paho_words.h"

#include <MQTTAsync.h>
#include <mqtt/token.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <utility>

namespace wayside::bridge::run {
namespace {

constexpr int kReasonCodeMin = 0x80;

// Paho resolves and reports the failure in one go on one of its threads: what is here then is of that attempt.
thread_local std::string resolver_words;

// "<time> getaddrinfo failed for addr <host> with rc <n>"; nowhere else does Paho tell it.
void on_trace(MQTTASYNC_TRACE_LEVELS /*level*/, char* line) {
  const std::string_view text(line);
  constexpr std::string_view kCode = " with rc ";
  const std::size_t code = text.rfind(kCode);
  if (text.find("getaddrinfo failed") == std::string_view::npos || code == std::string_view::npos) return;
  resolver_words = gai_strerror(std::atoi(line + code + kCode.size()));
}

std::string message_of(const mqtt::token& token) {
  try {
    const_cast<mqtt::token&>(token).try_wait();  // the one way to the text: it is thrown
  } catch (const mqtt::exception& failed) {
    return failed.get_message();
  }
  return {};
}

}  // namespace

std::string reason_words(int code) {
  const char* reason = MQTTReasonCode_toString(static_cast<MQTTReasonCodes>(code));
  return reason != nullptr ? reason : "reason " + std::to_string(code);
}

ConnectFailure explain(const PahoTraces& traces) {
  if (!traces.resolver.empty()) return {ConnectCause::name, "the name does not resolve: " + traces.resolver};
  if (traces.code >= kReasonCodeMin) {
    return {ConnectCause::refused, "the broker refuses: " + reason_words(traces.code)};
  }
  const std::string message = traces.message.empty() ? "return code " + std::to_string(traces.code) : traces.message;
  if (message.find("timeout") != std::string::npos) return {ConnectCause::timeout, message};
  if (traces.tls_begun) return {ConnectCause::tls, message + ": the TLS handshake broke off"};
  if (!traces.connected) return {ConnectCause::connect, message + ": refused or unreachable"};
  return {ConnectCause::other, message};
}

void listen_to_paho() {
  static std::once_flag once;
  std::call_once(once, [] {
    MQTTAsync_setTraceCallback(on_trace);
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);  // nothing of it is said in ordinary traffic
  });
}

// Paho shuts a socket down before it reports: ENOTCONN is left of one that was never connected, and OpenSSL's word of
// a shutdown in the middle of a handshake of one that was.
ConnectFailure failure_of(const mqtt::token& token) {
  PahoTraces traces;
  traces.connected = errno != ENOTCONN;
  const unsigned long tls = ERR_peek_last_error();
  traces.tls_begun = ERR_GET_LIB(tls) == ERR_LIB_SSL && ERR_GET_REASON(tls) == SSL_R_SHUTDOWN_WHILE_IN_INIT;
  ERR_clear_error();
  traces.code = token.get_return_code();
  traces.message = message_of(token);
  traces.resolver = std::exchange(resolver_words, {});
  errno = 0;
  return explain(traces);
}

}  // namespace wayside::bridge::run
