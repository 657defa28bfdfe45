#include "fleet/car/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <csignal>

namespace wayside::fleet {

std::string tls_errors() {
  std::string text;
  while (const auto code = ERR_get_error()) {
    std::array<char, 256> line{};
    ERR_error_string_n(code, line.data(), line.size());
    if (!text.empty()) text += "; ";
    text += line.data();
  }
  return text.empty() ? "no further detail" : text;
}

Result<TlsClient> TlsClient::load(const TlsFiles& files) {
  // OpenSSL writes with write(): a peer that is gone must be an error, not the end of the process.
  static const auto ignored [[maybe_unused]] = std::signal(SIGPIPE, SIG_IGN);
  TlsClient client(SSL_CTX_new(TLS_client_method()));
  auto* context = client.context_.get();
  if (context == nullptr) return Error{Fault::internal, "TLS context: " + tls_errors()};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(context, files.ca.c_str(), nullptr) != 1) {
    return Error{Fault::config, files.ca + ": " + tls_errors()};
  }
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    return Error{Fault::config, files.certificate + ": " + tls_errors()};
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return Error{Fault::config, files.key + ": " + tls_errors()};
  }
  return client;
}

Result<SSL*> TlsClient::make(const std::string& host) const {
  SSL* ssl = SSL_new(context_.get());
  if (ssl == nullptr) return Error{Fault::internal, "TLS handle: " + tls_errors()};
  std::array<unsigned char, sizeof(in6_addr)> address{};
  const bool is_address =
      inet_pton(AF_INET, host.c_str(), address.data()) == 1 || inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
  if (is_address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    SSL_set1_host(ssl, host.c_str());
    SSL_set_tlsext_host_name(ssl, host.c_str());
  }
  SSL_set_connect_state(ssl);
  return ssl;
}

}  // namespace wayside::fleet
