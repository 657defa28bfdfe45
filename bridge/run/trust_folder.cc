#include "bridge/run/trust_folder.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <utility>
#include <vector>

#include "common/log/log.h"
#include "common/os/system.h"

namespace wayside::bridge::run {
namespace {

constexpr std::size_t kFilesMax = 256;
constexpr const char* kTrustName = "trust";

std::vector<std::string> list_files(const std::string& dir, bool& unreadable) {
  std::vector<std::string> out;
  std::error_code error;
  for (std::filesystem::directory_iterator at(dir, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".wsl" && out.size() < kFilesMax) out.push_back(at->path().string());
  }
  unreadable = static_cast<bool>(error);
  std::sort(out.begin(), out.end());
  return out;
}

Result<intent::PublicKey> read_key(const std::string& path) {
  intent::PublicKey key{};
  const Result<Bytes> bytes = os::read_hex_file(path, key.size());
  if (!bytes) return bytes.error();
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

}  // namespace

Result<TrustFolder> TrustFolder::open(const std::string& root_key_file, std::string dir, std::string numbers_file) {
  TrustFolder out;
  out.dir_ = std::move(dir);
  out.numbers_file_ = std::move(numbers_file);
  if (root_key_file.empty()) return out;  // nothing can be accepted: every request is GRANT_KEY_UNKNOWN
  const Result<intent::PublicKey> root = read_key(root_key_file);
  if (!root) return root.error();
  out.trust_.root_key = *root;
  if (Result<void> loaded = out.load_numbers(); !loaded) return loaded.error();
  return out;
}

Result<void> TrustFolder::load_numbers() {
  std::error_code none;
  if (!std::filesystem::exists(numbers_file_, none)) return {};
  const Result<std::string> text = os::read_file(numbers_file_, 1U << 20U);
  if (!text) return text.error();
  std::istringstream lines(*text);
  std::string name;
  for (std::uint64_t number = 0; lines >> name >> number;) numbers_[name] = number;
  return {};
}

void TrustFolder::store_numbers() const {
  std::ostringstream text;
  for (const auto& [name, number] : numbers_) text << name << ' ' << number << '\n';
  if (Result<void> stored = os::write_file_atomic(numbers_file_, text.str(), 0600); !stored) {
    log::error("trust_numbers_not_stored", {{"why", stored.error().what}});
  }
}

bool TrustFolder::refresh() {
  bool changed = false;
  // Trust lists may name the key of a revocation list that sorts before them: until nothing is new.
  for (bool more = !dir_.empty(); more;) {
    more = false;
    const std::vector<std::string> files = list_files(dir_, unreadable_);
    std::erase_if(bad_, [&](const std::string& path) { return std::ranges::find(files, path) == files.end(); });
    for (const std::string& path : files) more = accept_file(path) || more;
    changed = changed || more;
    if (more) seen_.clear();
  }
  if (changed) store_numbers();
  return changed;
}

bool TrustFolder::accept_file(const std::string& path) {
  const Result<std::string> content = os::read_file(path, 1U << 20U);
  if (!content) {
    if (bad_.insert(path).second) log::warning("list_unreadable", {{"file", path}});
    seen_.erase(path);
    return false;
  }
  if (const auto seen = seen_.find(path); seen != seen_.end() && seen->second == *content) return false;
  seen_[path] = *content;
  if (const auto list = intent::open_trust_list(as_bytes(*content))) return judged(path, accept(list.value()));
  const auto list = intent::open_revocation_list(as_bytes(*content));
  return judged(path, list ? accept(list.value()) : Outcome<void>(list.reason()));
}

// A file that stays in the folder beside its successor is no fault.
bool TrustFolder::judged(const std::string& path, const Outcome<void>& outcome) {
  if (outcome || outcome.reason() == Reason::LIST_NUMBER_LOW) {
    bad_.erase(path);
    return outcome.ok();
  }
  bad_.insert(path);
  log::warning("list_refused", {{"file", path}, {"reason", std::string(code(outcome.reason()))}});
  return false;
}

Outcome<void> TrustFolder::accept(const intent::TrustList& list) {
  if (list.number < numbers_[kTrustName]) return Reason::LIST_NUMBER_LOW;
  if (const auto taken = trust_.accept(list); !taken) return taken;
  numbers_[kTrustName] = list.number;
  log::info("trust_list_accepted", {{"number", std::to_string(list.number)}});
  return {};
}

Outcome<void> TrustFolder::accept(const intent::RevocationList& list) {
  std::uint64_t& highest = numbers_[to_hex(list.grant_key)];
  if (list.number < highest) return Reason::LIST_NUMBER_LOW;
  if (const auto taken = trust_.accept(list); !taken) return taken;
  highest = list.number;
  log::info("revocation_list_accepted", {{"number", std::to_string(list.number)}});
  return {};
}

}  // namespace wayside::bridge::run
