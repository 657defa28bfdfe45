#include "bench/tls_fleet.h"

#include "certs/profile.h"

namespace wayside::bench {

Result<TlsFleet> TlsFleet::make(const certs::Pki& pki, std::vector<std::string> vehicles) {
  TlsFleet fleet;
  fleet.vehicles_ = std::move(vehicles);
  fleet.context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = fleet.context_.get();
  if (context == nullptr) return certs::openssl_error("a TLS context");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);  // one receive a burst
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const std::string ca = pki.dir() + "/ca/links.crt";
  if (SSL_CTX_load_verify_locations(context, ca.c_str(), nullptr) != 1) return certs::openssl_error(ca);
  for (const std::string& vehicle : fleet.vehicles_) {
    certs::LeafProfile profile;
    profile.common_name = vehicle;
    profile.client = true;
    profile.uris = {"urn:vin:" + vehicle};
    profile.cohort = "bench";
    auto leaf = certs::issue_leaf(pki.issuer(certs::Ca::vehicles), profile);
    if (!leaf) return std::move(leaf).error();
    fleet.leaves_.push_back(std::move(leaf).value());
  }
  return fleet;
}

Result<SSL*> TlsFleet::connect(std::size_t number, int fd) const {
  SSL* ssl = SSL_new(context_.get());
  const certs::Pair& leaf = leaves_.at(number);
  const bool made = ssl != nullptr && SSL_use_certificate(ssl, leaf.certificate.get()) == 1 &&
                    SSL_use_PrivateKey(ssl, leaf.key.get()) == 1 && SSL_set_fd(ssl, fd) == 1 &&
                    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1") == 1;
  if (!made) return certs::openssl_error("a TLS handle");
  SSL_set_connect_state(ssl);
  return ssl;
}

}  // namespace wayside::bench
