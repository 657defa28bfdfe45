// A service's place at a broker that may die at any moment: connects again, asks again with the very same bytes
// (a request is idempotent by its command id), and keeps what it heard across connections.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fleet/issuer.h"

namespace wayside::fleet {

// Owns    at most one connection.   Thread  one; calls block up to their timeout.   Durable  -
class Desk {
 public:
  // `meanwhile` is called between two attempts: whoever tends the processes does it there.
  Desk(IssuerOptions options, const Clock& clock, std::function<void()> meanwhile)
      : options_(std::move(options)), clock_(clock), meanwhile_(std::move(meanwhile)) {}

  // Statuses of `vehicle` are followed from now on, over every connection.
  Result<void> follow(const std::string& vehicle, int timeout_ms);
  // The answer of the broker that is there at last. Fault::timeout or what the last attempt met.
  Result<RequestAnswer> request(const std::string& vehicle, const SignedRequest& request, int timeout_ms);
  // Blocks until the outcome is heard; nothing when it is not, in time or because the connection ended.
  std::optional<schemas::CommandStatusMessage> wait_final(const SignedRequest& request, int timeout_ms);
  // Takes what has come; a lost connection is made again when there is a broker.
  void listen();
  // A status that was sent while nobody was connected is never heard here.
  [[nodiscard]] std::optional<schemas::CommandStatusMessage> final(const SignedRequest& request) const;
  [[nodiscard]] bool heard_of(const SignedRequest& request) const;
  // Connections lost so far.
  [[nodiscard]] std::uint64_t losses() const { return losses_; }

 private:
  Result<void> ensure(int timeout_ms);
  void lose();

  IssuerOptions options_;
  const Clock& clock_;
  std::function<void()> meanwhile_;
  std::vector<std::string> followed_;
  std::vector<schemas::CommandStatusMessage> before_;  // heard over connections that are gone
  std::unique_ptr<Issuer> issuer_;
  std::uint64_t losses_ = 0;
};

}  // namespace wayside::fleet
