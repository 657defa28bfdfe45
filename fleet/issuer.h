// A service that asks for commands: over an edge's services listener, or over the core's broker.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "fleet/car/connection.h"
#include "fleet/request.h"
#include "schemas/messages.h"

namespace wayside::fleet {

enum class Way : std::uint8_t { region, core };  // which of the two the endpoint is

struct IssuerOptions {
  Way way = Way::region;
  Endpoint to;
  TlsFiles tls;
  std::string service;  // CN of the certificate
};

struct RequestAnswer {
  std::string outcome;  // ACCEPTED (region), FORWARDED (core) or REFUSED
  std::string reason;   // code, of REFUSED
  std::string sentence;
};

// Owns    one connection.   Thread  one; calls block up to their timeout.   Durable  -
// Limits  one request at a time waits for its answer.
class Issuer {
 public:
  // Connected and, over the core, subscribed to its answers. Fault::unreachable, ::denied or ::timeout.
  static Result<std::unique_ptr<Issuer>> connect(IssuerOptions options, const Clock& clock, int timeout_ms = 10'000);
  ~Issuer();

  // Publishes and waits for the answer: PUBACK at the region, Answer at the core.
  Result<RequestAnswer> request(const std::string& vehicle, const SignedRequest& request, int timeout_ms);
  // Subscribes to the statuses of `vehicle`: before the request, so that none is missed.
  Result<void> follow(const std::string& vehicle, int timeout_ms);
  // Waits until the status of `id` is terminal. Fault::timeout with the last state in its sentence.
  Result<schemas::CommandStatusMessage> wait_final(const SignedRequest& request, int timeout_ms);
  // Takes what has come within `ms`, and returns.
  Result<void> listen(int ms);
  // The terminal status of `request`, if it was heard.
  [[nodiscard]] std::optional<schemas::CommandStatusMessage> final(const SignedRequest& request) const;
  // What was heard so far, of every vehicle followed, in the order it came.
  [[nodiscard]] const std::vector<schemas::CommandStatusMessage>& statuses() const { return statuses_; }

 private:
  Issuer(IssuerOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}
  Result<void> open(int timeout_ms);
  Result<void> subscribe(const std::string& filter, MonoMs until);
  // Pumps until a packet that `take` accepts came.
  template <typename Take>
  Result<void> wait(MonoMs until, const char* what, Take take);
  Result<void> turn(MonoMs until, const char* what);
  // Acknowledges, and keeps statuses and answers.
  void received(const mqtt::Publish& publish);

  IssuerOptions options_;
  const Clock& clock_;
  std::unique_ptr<TlsClient> tls_;
  std::unique_ptr<Connection> connection_;
  std::vector<schemas::CommandStatusMessage> statuses_;
  std::optional<schemas::AnswerMessage> answer_;
  std::string wanted_correlation_;
  std::uint16_t packet_id_ = 0;
  bool ready_ = false;
  MonoMs last_ping_{};
};

}  // namespace wayside::fleet
