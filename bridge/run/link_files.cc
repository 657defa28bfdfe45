#include "bridge/run/link_files.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "common/identity/identity.h"
#include "common/identity/pem.h"
#include "common/log/log.h"
#include "common/os/system.h"

namespace wayside::bridge::run {
namespace {

constexpr std::int64_t kLookMs = 1'000;

std::string path_of(int file) { return "/proc/self/fd/" + std::to_string(file); }

Result<std::string> read(const std::string& path) {
  auto text = os::read_file(path, identity::kPemBytesMax);
  if (!text) return Error{Fault::config, path + ": cannot be read"};
  return text;
}

int memory_file() { return ::memfd_create("wayside-link", MFD_CLOEXEC); }

// A fresh memory file takes the place of the old one at once: who reads the old one reads it to its end.
Result<void> put(int file, const std::string& text) {
  const int fresh = memory_file();
  if (fresh < 0) return Error{Fault::io, "no memory file", errno};
  if (::write(fresh, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    ::close(fresh);
    return Error{Fault::io, "a memory file takes no bytes", errno};
  }
  const int placed = ::dup3(fresh, file, O_CLOEXEC);
  ::close(fresh);
  if (placed < 0) return Error{Fault::io, "a memory file cannot be replaced", errno};
  return {};
}

bool is_key_of(const std::string& key_text, X509* certificate) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new_mem_buf(key_text.data(), static_cast<int>(key_text.size())),
                                                BIO_free);
  // No pass phrase: without this the library would ask for one on the terminal.
  const auto none = [](char*, int, int, void*) { return -1; };
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, none, nullptr),
                                                           EVP_PKEY_free);
  const bool matches = key != nullptr && X509_check_private_key(certificate, key.get()) == 1;
  ERR_clear_error();
  return matches;
}

WallMs first_to_end(const std::vector<identity::X509Owned>& certificates) {
  WallMs first = identity::not_after(certificates.front().get());
  for (const auto& one : certificates) first = std::min(first, identity::not_after(one.get()));
  return first;
}

}  // namespace

LinkFiles::LinkFiles(metrics::Registry& registry, LinkPaths configured)
    : registry_(registry),
      failing_(registry.gauge("wayside_link_reload_failing",
                              "1: the link's files on disk are bad; those that were good last are used.")),
      configured_(std::move(configured)),
      files_({configured_.ca, configured_.certificate, configured_.key}),
      in_force_(configured_) {
  open_memory();
  reload();
}

// Without /proc nobody can read them by a path: then Paho reads the configured files at each connection.
void LinkFiles::open_memory() {
  pair_ = memory_file();
  cas_ = memory_file();
  const bool readable = pair_ >= 0 && cas_ >= 0 && ::access(path_of(pair_).c_str(), R_OK) == 0;
  if (readable) in_force_ = {path_of(cas_), path_of(pair_), path_of(pair_)};
  if (!readable) log::warning("link_files_not_kept", {{"why", "no memory file, or no /proc to read it by"}});
}

LinkFiles::~LinkFiles() {
  if (pair_ >= 0) ::close(pair_);
  if (cas_ >= 0) ::close(cas_);
}

void LinkFiles::look(MonoMs now) {
  if (now < next_) return;
  next_ = now + kLookMs;
  if (files_.changed() || failed_) reload();
}

void LinkFiles::reload() {
  const Result<void> loaded = load();
  if (!loaded && !failed_) log::warning("link_reload_failed", {{"why", loaded.error().what}});
  if (loaded && failed_) log::info("link_reload_recovered");
  failed_ = !loaded.ok();
  failing_.set(failed_ ? 1 : 0);
}

Result<void> LinkFiles::load() {
  const auto chain_text = read(configured_.certificate);
  if (!chain_text) return chain_text.error();
  const auto key_text = read(configured_.key);
  if (!key_text) return key_text.error();
  const auto ca_text = read(configured_.ca);
  if (!ca_text) return ca_text.error();
  const auto chain = identity::certificates_of(*chain_text);
  if (!chain) return Error(chain.error()).with(configured_.certificate);
  if (!is_key_of(*key_text, chain->front().get())) {
    return Error{Fault::config, configured_.key + ": no private key of that certificate"};
  }
  const auto cas = identity::certificates_of(*ca_text);
  if (!cas) return Error(cas.error()).with(configured_.ca);
  if (in_force_.ca != configured_.ca) {
    if (auto kept = put(pair_, *chain_text + "\n" + *key_text); !kept) return kept;
    if (auto kept = put(cas_, *ca_text); !kept) return kept;
  }
  show("link", identity::not_after(chain->front().get()));
  show("link_ca", first_to_end(*cas));
  return {};
}

void LinkFiles::show(const char* use, WallMs ends) {
  registry_.gauge("wayside_certificate_expiry_timestamp_seconds", metrics::kCertificateExpiryHelp, {{"use", use}})
      .set(static_cast<double>(ends.value) / 1000.0);
}

}  // namespace wayside::bridge::run
