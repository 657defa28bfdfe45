// Many vehicles with certificates of their own, in memory: thousands of leaves are made in seconds.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "certs/pki.h"
#include "common/result.h"

namespace wayside::bench {

// Owns    the leaves and one client context.   Thread  one.
class TlsFleet {
 public:
  // Leaves of the vehicles CA of `pki`; servers are verified by its links CA.
  static Result<TlsFleet> make(const certs::Pki& pki, std::vector<std::string> vehicles);
  // A client handle that speaks as vehicle `number` on `fd`.
  Result<SSL*> connect(std::size_t number, int fd) const;
  [[nodiscard]] const std::string& vehicle(std::size_t number) const { return vehicles_.at(number); }
  [[nodiscard]] std::size_t size() const { return vehicles_.size(); }

 private:
  struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  std::unique_ptr<SSL_CTX, FreeContext> context_;
  std::vector<std::string> vehicles_;
  std::vector<certs::Pair> leaves_;
};

}  // namespace wayside::bench
