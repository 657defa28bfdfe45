// The folder of signed trust and revocation lists: read again when it changes; the newest accepted lists count.
//
// Owns     what was accepted. Thread: one. Durable: the highest accepted numbers, in a file of its own, so that an
// older list stays refused after a restart. Limits: files_max lists, each as intent bounds it.
#pragma once

#include <map>
#include <set>
#include <string>

#include "common/result.h"
#include "intent/intent.h"

namespace wayside::bridge::run {

class TrustFolder {
 public:
  // `root_key_file`: 64 hex digits. `numbers_file` keeps the highest numbers.
  static Result<TrustFolder> open(const std::string& root_key_file, std::string dir, std::string numbers_file);

  // True: something new was accepted. Refusals are logged once for each file and content.
  bool refresh();
  [[nodiscard]] const intent::Trust& trust() const { return trust_; }
  // Files that could not be used at the last refresh; one that is older than what is in force is none. The folder
  // itself counts.
  [[nodiscard]] std::size_t failing() const { return bad_.size() + (unreadable_ ? 1 : 0); }

 private:
  bool accept_file(const std::string& path);
  Outcome<void> accept(const intent::TrustList& list);
  Outcome<void> accept(const intent::RevocationList& list);
  bool judged(const std::string& path, const Outcome<void>& outcome);
  void store_numbers() const;
  Result<void> load_numbers();

  std::string dir_;
  std::string numbers_file_;
  intent::Trust trust_;
  std::map<std::string, std::uint64_t> numbers_;  // "trust" or grant key in hex -> highest number accepted
  std::map<std::string, std::string> seen_;       // path -> content judged already
  std::set<std::string> bad_;                     // paths
  bool unreadable_ = false;                       // the folder
};

}  // namespace wayside::bridge::run
