// What a listener believes at one moment: its own certificate, the CAs of its peers, what is revoked.
// Immutable: a reload makes a new one; connections keep the one they were accepted with for their bytes,
// and are judged again by the new one.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "broker/gate/options.h"
#include "common/reasons.h"
#include "common/result.h"

namespace wayside::broker::gate {

// SHA-256 over issuer name and serial number (DER): names one certificate in a CRL.
using SerialKey = std::array<std::uint8_t, 32>;
SerialKey serial_key(const X509_NAME* issuer, const ASN1_INTEGER* serial);

using LeafHash = std::array<std::uint8_t, 32>;  // SHA-256 of the DER

// Of a leaf, for operators.
struct LeafName {
  std::string serial;
  std::string issuer;
};

// What the handshake learned about the peer.
struct PeerProof {
  std::string id;
  std::string cohort;
  std::vector<SerialKey> chain;  // leaf first
  WallMs not_after{};            // of the leaf
  LeafHash leaf{};
  WallMs proven_at{};  // when a full handshake verified the chain
  Reason refused = Reason::HANDSHAKE_FAILED;
  std::shared_ptr<const LeafName> name{};
};

// When what a listener lives by ends; {0}: there is none of it.
struct TrustDates {
  WallMs own_not_after{};    // its own certificate
  WallMs ca_not_after{};     // the first CA of its peers to expire
  WallMs crl_this_update{};  // the oldest of its revocation lists
  WallMs crl_next_update{};  // the first of them to end
};

// Owns: the SSL_CTX. Thread: any, it does not change.
class Trust {
 public:
  // `older`: the one it replaces; a CRL with a lower number than that one's is refused.
  static Result<std::shared_ptr<const Trust>> load(const ListenerOptions& files, const identity::Rule& rule,
                                                   bool allow_development_ca, const Trust* older);
  ~Trust();
  Trust(const Trust&) = delete;
  Trust& operator=(const Trust&) = delete;

  [[nodiscard]] SSL_CTX* context() const { return context_; }
  [[nodiscard]] bool revoked(const std::vector<SerialKey>& chain) const;
  // Grows when a reload brings another set of CAs: what an older one proved counts no more.
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  [[nodiscard]] const identity::Rule& rule() const { return rule_; }
  [[nodiscard]] const TrustDates& dates() const { return dates_; }

 private:
  Trust() = default;
  Result<void> load_own(const ListenerOptions& files);
  Result<void> load_ca(const ListenerOptions& files, bool allow_development_ca);
  void set_epoch(const Trust* older);
  Result<void> load_crl(const ListenerOptions& files, const Trust* older);
  Result<void> take_crl(X509_CRL* crl, const Trust* older);

  SSL_CTX* context_ = nullptr;
  identity::Rule rule_;
  TrustDates dates_;
  std::set<LeafHash> cas_;
  std::uint64_t epoch_ = 1;
  std::set<SerialKey> revoked_;
  std::map<std::string, std::uint64_t> crl_numbers_;  // by issuer name (DER)
};

}  // namespace wayside::broker::gate
