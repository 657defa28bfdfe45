// The client's side of mutual TLS: one context per certificate, shared by its connections.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "common/result.h"

namespace wayside::fleet {

struct TlsFiles {
  std::string ca;           // PEM: whom we trust as a server
  std::string certificate;  // PEM: who we are
  std::string key;
};

// Owns    the SSL_CTX.   Thread  construct on one, use from one.
// Limits  TLS 1.2 and 1.3; the server's certificate must verify and name the host.
class TlsClient {
 public:
  static Result<TlsClient> load(const TlsFiles& files);
  // A client handle for `host` (a name or an address), verification on.
  [[nodiscard]] Result<SSL*> make(const std::string& host) const;

 private:
  explicit TlsClient(SSL_CTX* context) : context_(context, &SSL_CTX_free) {}
  std::shared_ptr<SSL_CTX> context_;
};

// The newest errors of OpenSSL's queue as one line; empties it.
std::string tls_errors();

}  // namespace wayside::fleet
