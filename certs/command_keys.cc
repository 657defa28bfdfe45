#include "certs/command_keys.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "certs/key_file.h"
#include "common/identity/identity.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "intent/trust_lists.h"

namespace wayside::certs {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kGrantPrefix = "grant-";

// Ten digits, so that names sort by number.
std::string numbered(const std::string& stem, std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return stem + "-" + std::string(digits.size() < 10 ? 10 - digits.size() : 0, '0') + digits + ".wsl";
}

std::vector<fs::path> files_with(const std::string& dir, const std::string& extension) {
  std::vector<fs::path> paths;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(dir, failed)) {
    if (entry.path().extension() == extension) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

Result<Bytes> read_bytes(const std::string& path) {
  const auto text = os::read_file(path);
  if (!text) return text.error();
  const ByteView bytes = as_bytes(*text);
  return Bytes(bytes.begin(), bytes.end());
}

// What is signed here must open everywhere: ranges are checked by the one who will refuse it otherwise.
template <typename Value>
Result<void> write_signed(const std::string& path, const Bytes& framed, const Outcome<Value>& opened) {
  if (!opened.ok()) {
    return Error{Fault::config, path + " would be refused: " + std::string(info(opened.reason()).sentence)};
  }
  return os::write_file_atomic(path, as_text(framed), 0644);
}

void sort_unique(std::vector<std::string>& names) {
  std::ranges::sort(names);
  const auto rest = std::ranges::unique(names);
  names.erase(rest.begin(), rest.end());
}

}  // namespace

Result<CommandKeys> CommandKeys::open(const std::string& pki_dir) {
  CommandKeys keys(fs::absolute(pki_dir).lexically_normal().string() + "/commands");
  for (const char* folder : {"", "/issuers", "/trust", "/grants"}) {
    if (auto made = os::make_dirs(keys.dir_ + folder); !made) return made.error();
  }
  return keys;
}

Result<void> CommandKeys::init_root() {
  auto key = intent::SigningKey::generate();
  if (!key) return key.error();
  return write_key(path("root"), *key);
}

Result<std::string> CommandKeys::new_grant_key() {
  auto key = intent::SigningKey::generate();
  if (!key) return key.error();
  std::uint64_t number = 1;
  while (fs::exists(path(std::string(kGrantPrefix) + std::to_string(number) + ".pub"))) ++number;
  const std::string name = std::string(kGrantPrefix) + std::to_string(number);
  if (auto written = write_key(path(name), *key); !written) return written.error();
  return name;
}

Result<void> CommandKeys::init_issuer(const std::string& name) {
  if (!identity::valid_id(name) || name.front() == '.') {
    return Error{Fault::config, "'" + name + "' is no name: 1..64 of A-Z a-z 0-9 . _ -"};
  }
  auto key = intent::SigningKey::generate();
  if (!key) return key.error();
  return write_key(path("issuers/" + name), *key);
}

// By number, so that grant-10 is newer than grant-9.
std::vector<std::string> CommandKeys::grant_key_names() const {
  std::vector<std::pair<std::uint64_t, std::string>> found;
  for (const auto& file : files_with(dir_, ".pub")) {
    const std::string name = file.stem().string();
    std::uint64_t number = 0;
    if (!name.starts_with(kGrantPrefix)) continue;
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + kGrantPrefix.size(), end, number);
    if (parsed.ec == std::errc{} && parsed.ptr == end) found.emplace_back(number, name);
  }
  std::ranges::sort(found);
  std::vector<std::string> names;
  names.reserve(found.size());
  for (auto& [number, name] : found) names.push_back(std::move(name));
  return names;
}

Result<std::string> CommandKeys::grant_key_name(const std::string& wanted) const {
  const auto names = grant_key_names();
  if (names.empty()) return Error{Fault::not_found, "no grant key in " + dir_};
  if (wanted.empty()) return names.back();
  if (std::ranges::find(names, wanted) == names.end()) return Error{Fault::not_found, "no grant key " + wanted};
  return wanted;
}

Result<std::uint64_t> CommandKeys::trust(WallMs now, const std::vector<std::string>& names) {
  const auto lock = os::make_posix_disk()->lock(path("keys.lock"));
  if (!lock) return lock.error();
  const auto root = read_key(path("root"));
  if (!root) return root.error();
  const auto held = load_trust();
  if (!held) return held.error();
  intent::TrustList list;
  list.root_key = root->public_key();
  list.number = held->trust_list ? held->trust_list->number + 1 : 1;
  list.issued = now;
  for (const auto& name : names.empty() ? grant_key_names() : names) {
    const auto key = read_public_key(path(name + ".pub"));
    if (!key) return key.error();
    list.grant_keys.push_back(*key);
  }
  const Bytes framed = intent::sign_trust_list(*root, list);
  const auto written =
      write_signed(path(numbered("trust/trust", list.number)), framed, intent::open_trust_list(framed));
  if (!written) return written.error();
  return list.number;
}

Result<std::uint64_t> CommandKeys::next_serial() {
  std::uint64_t serial = 0;
  if (fs::exists(path("serial"))) {
    const auto text = os::read_file(path("serial"), 64);
    if (!text) return text.error();
    if (std::from_chars(text->data(), text->data() + text->size(), serial).ec != std::errc{}) {
      return Error{Fault::corrupt, path("serial") + " holds no number"};
    }
  }
  ++serial;
  if (auto w = os::write_file_atomic(path("serial"), std::to_string(serial) + "\n", 0600); !w) return w.error();
  return serial;
}

Result<intent::Grant> CommandKeys::issue_grant(const GrantRequest& request) {
  const auto lock = os::make_posix_disk()->lock(path("keys.lock"));
  if (!lock) return lock.error();
  const auto issuer = read_public_key(path("issuers/" + request.issuer + ".pub"));
  if (!issuer) return issuer.error();
  const auto name = grant_key_name(request.grant_key);
  if (!name) return name.error();
  const auto key = read_key(path(*name));
  if (!key) return key.error();
  const auto serial = next_serial();
  if (!serial) return serial.error();
  intent::Grant grant{key->public_key(),  *issuer,           *serial,       request.vehicles, request.groups,
                      request.not_before, request.not_after, request.region};
  sort_unique(grant.vehicles);
  sort_unique(grant.groups);
  const Bytes framed = intent::sign_grant(*key, grant);
  const auto written = write_signed(path("grants/" + request.issuer + ".wsg"), framed, intent::open_grant(framed));
  if (!written) return written.error();
  return grant;
}

Result<std::uint64_t> CommandKeys::revoke_grant(WallMs now, const std::string& grant_key, std::uint64_t serial) {
  const auto name = grant_key_name(grant_key);
  if (!name) return name.error();
  const auto key = read_public_key(path(*name + ".pub"));
  if (!key) return key.error();
  intent::RevocationList additions;
  additions.grants.emplace(*key, serial);
  return extend_revocations(now, *name, additions);
}

Result<std::uint64_t> CommandKeys::revoke_issuer(WallMs now, const std::string& grant_key,
                                                 const intent::PublicKey& issuer) {
  intent::RevocationList additions;
  additions.issuer_keys.insert(issuer);
  return extend_revocations(now, grant_key, additions);
}

Result<std::uint64_t> CommandKeys::extend_revocations(WallMs now, const std::string& grant_key,
                                                      const intent::RevocationList& additions) {
  const auto lock = os::make_posix_disk()->lock(path("keys.lock"));
  if (!lock) return lock.error();
  const auto name = grant_key_name(grant_key);
  if (!name) return name.error();
  const auto key = read_key(path(*name));
  if (!key) return key.error();
  const auto held = load_trust();
  if (!held) return held.error();
  const auto before = held->revocations.find(key->public_key());
  intent::RevocationList list = before == held->revocations.end() ? intent::RevocationList{} : before->second;
  list.grant_key = key->public_key();
  ++list.number;
  list.issued = now;
  list.grants.insert(additions.grants.begin(), additions.grants.end());
  list.issuer_keys.insert(additions.issuer_keys.begin(), additions.issuer_keys.end());
  const Bytes framed = intent::sign_revocation_list(*key, list);
  const auto written = write_signed(path(numbered("trust/revocation-" + *name, list.number)), framed,
                                    intent::open_revocation_list(framed));
  if (!written) return written.error();
  return list.number;
}

Result<std::vector<CommandKeyInfo>> CommandKeys::show() const {
  const auto held = load_trust();
  if (!held) return held.error();
  std::vector<std::string> names = {"root"};
  for (const auto& name : grant_key_names()) names.push_back(name);
  for (const auto& file : files_with(path("issuers"), ".pub")) names.push_back("issuers/" + file.stem().string());
  std::vector<CommandKeyInfo> all;
  for (const auto& name : names) {
    const auto key = read_public_key(path(name + ".pub"));
    if (!key) return key.error();
    const bool trusted =
        held->trust_list && std::ranges::find(held->trust_list->grant_keys, *key) != held->trust_list->grant_keys.end();
    all.push_back({name, to_hex(*key), fs::exists(path(name + ".key")), trusted});
  }
  return all;
}

Result<std::vector<intent::Grant>> CommandKeys::grants() const {
  std::vector<intent::Grant> all;
  for (const auto& file : files_with(path("grants"), ".wsg")) {
    const auto bytes = read_bytes(file.string());
    if (!bytes) return bytes.error();
    auto grant = intent::open_grant(*bytes);
    if (!grant.ok()) return Error{Fault::malformed, file.string() + ": " + std::string(code(grant.reason()))};
    all.push_back(std::move(grant).value());
  }
  return all;
}

Result<intent::Trust> CommandKeys::load_trust() const {
  intent::Trust trust;
  const auto root = root_key();
  if (!root) return root.error();
  trust.root_key = *root;
  std::vector<intent::ListFile> files;
  for (const auto& file : files_with(path("trust"), ".wsl")) {
    auto bytes = read_bytes(file.string());
    if (!bytes) return bytes.error();
    files.push_back({file.filename().string(), std::move(bytes).value()});
  }
  for (const auto& refused : intent::accept_lists(trust, files)) {
    if (refused.reason != Reason::LIST_NUMBER_LOW) {
      return Error{Fault::malformed, path("trust/" + refused.name) + ": " + std::string(info(refused.reason).sentence)};
    }
  }
  return trust;
}

Result<intent::SigningKey> CommandKeys::issuer_key(const std::string& name) const {
  return read_key(path("issuers/" + name));
}

Result<Bytes> CommandKeys::grant_of(const std::string& issuer) const {
  return read_bytes(path("grants/" + issuer + ".wsg"));
}

Result<intent::PublicKey> CommandKeys::root_key() const { return read_public_key(path("root.pub")); }

}  // namespace wayside::certs
