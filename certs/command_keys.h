// The keys behind commands, as files in <pki>/commands (Ed25519; a key file is 64 hex digits, the seed):
//
//   root.{key,pub}            offline in production: signs trust lists only
//   grant-<n>.{key,pub}       named by trust lists; sign grants and revocation lists
//   issuers/<name>.{key,pub}  sign intents
//   trust/*.wsl               signed lists, a folder that edge and core watch
//   grants/<issuer>.wsg       the signed grant an issuer sends along
//   serial                    last grant serial given out
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "intent/intent.h"

namespace wayside::certs {

struct GrantRequest {
  std::string issuer;                 // name of an issuer key
  std::vector<std::string> vehicles;  // sorted and made unique here
  std::vector<std::string> groups;
  std::string region;
  WallMs not_before{};
  WallMs not_after{};
  std::string grant_key;  // "grant-1"; empty: the newest
};

struct CommandKeyInfo {
  std::string name;  // "root", "grant-1", "issuers/backend"
  std::string key;   // hex of the public key
  bool has_private = false;
  bool trusted = false;  // of grant keys: the newest trust list names it
};

// Owns     nothing but the path: keys are read when they sign and wiped afterwards.
// Thread   one. Durable: every file is synced and renamed; changes hold commands/keys.lock.
class CommandKeys {
 public:
  // `pki_dir` is the PKI folder; commands/ is made in it.
  static Result<CommandKeys> open(const std::string& pki_dir);

  Result<void> init_root();                           // Fault::exists where there is one
  Result<std::string> new_grant_key();                // its name
  Result<void> init_issuer(const std::string& name);  // Fault::exists where there is one
  // Signs the next trust list: `names` of grant keys, or all of them when empty. Returns its number.
  Result<std::uint64_t> trust(WallMs now, const std::vector<std::string>& names = {});
  Result<intent::Grant> issue_grant(const GrantRequest& request);
  // The next revocation list of a grant key, with this added. Returns its number.
  Result<std::uint64_t> revoke_grant(WallMs now, const std::string& grant_key, std::uint64_t serial);
  Result<std::uint64_t> revoke_issuer(WallMs now, const std::string& grant_key, const intent::PublicKey& issuer);

  [[nodiscard]] Result<std::vector<CommandKeyInfo>> show() const;
  [[nodiscard]] Result<std::vector<intent::Grant>> grants() const;
  [[nodiscard]] Result<intent::Trust> load_trust() const;  // root and every list of trust/

  [[nodiscard]] Result<intent::SigningKey> issuer_key(const std::string& name) const;
  [[nodiscard]] Result<Bytes> grant_of(const std::string& issuer) const;  // signed, as it is sent
  [[nodiscard]] Result<intent::PublicKey> root_key() const;
  [[nodiscard]] const std::string& dir() const { return dir_; }

 private:
  explicit CommandKeys(std::string dir) : dir_(std::move(dir)) {}
  [[nodiscard]] std::string path(const std::string& relative) const { return dir_ + "/" + relative; }
  [[nodiscard]] std::vector<std::string> grant_key_names() const;
  [[nodiscard]] Result<std::string> grant_key_name(const std::string& wanted) const;
  Result<std::uint64_t> next_serial();
  Result<std::uint64_t> extend_revocations(WallMs now, const std::string& grant_key,
                                           const intent::RevocationList& additions);

  std::string dir_;
};

}  // namespace wayside::certs
