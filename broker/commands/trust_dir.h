// The watched folder of signed trust and revocation lists, and the provisioned root key.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/result.h"
#include "common/types.h"
#include "intent/signed.h"

namespace wayside::broker {

// 64 hex digits, as `wayside grant key init` writes root.pub.
Result<intent::PublicKey> read_public_key(const std::string& path);

// Owns     what it knows of each *.wsl file: time, inode and size when it was last read.
// Thread   the command thread.   Durable  nothing: the store keeps what was accepted.
// Limits   kFilesMax files of kFileBytesMax; what is beyond is left out and told by `sentences`.
class TrustDir {
 public:
  static constexpr std::size_t kFilesMax = 256;
  static constexpr std::size_t kFileBytesMax = 1U << 20U;

  explicit TrustDir(std::string path) : path_(std::move(path)) {}

  struct File {
    std::string name;
    Bytes framed;
  };
  // Files that are new or changed since the last look, or asked for by again(); sorted by name.
  std::vector<File> look();
  // A refusal that may turn: offer the file at the next look once more.
  void again(const std::string& name) { seen_.erase(name); }
  // Whether the folder held a file of that name at the last look, and what it could not read then; the folder counts.
  [[nodiscard]] bool holds(const std::string& name) const { return names_.contains(name); }
  [[nodiscard]] std::size_t unreadable() const { return unreadable_; }
  // What could not be read at the last look, for the log; repeated only when it changes.
  std::vector<std::string> take_sentences() { return std::exchange(sentences_, {}); }

 private:
  using Stamp = std::tuple<std::int64_t, std::int64_t, std::uint64_t, std::uint64_t>;
  void complain(const std::string& sentence);

  std::string path_;
  std::map<std::string, Stamp> seen_;
  std::set<std::string> names_;
  std::size_t unreadable_ = 0;
  std::set<std::string> complained_;
  std::vector<std::string> sentences_;
};

}  // namespace wayside::broker
