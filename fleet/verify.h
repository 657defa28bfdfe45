// Compares what the cars wrote down with what arrived in the `file` sink, value by value.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/types.h"

namespace wayside::fleet {

struct VerifyReport {
  // of the journals
  std::uint64_t messages = 0;  // written before encoding
  std::uint64_t acked = 0;     // of them acknowledged
  std::uint64_t refused = 0;   // acknowledged with a no
  std::uint64_t resent = 0;    // published again after a lost connection
  std::uint64_t values = 0;    // in acknowledged messages
  // of the sink
  std::uint64_t arrived = 0;                         // journalled messages found whole
  std::uint64_t sink_ids = 0;                        // distinct wayside-ids
  std::uint64_t values_resent = 0;                   // under a further id, as often as the vehicle resent (P2)
  std::map<std::string, std::uint64_t> ids_by_lane;  // "<uuid>/<lane>" -> distinct ids
  // what must be zero
  std::uint64_t missing = 0;  // acknowledged messages of which a value is not in the sink
  std::uint64_t values_missing = 0;
  std::uint64_t values_different = 0;
  std::uint64_t twice = 0;            // a wayside-id seen again
  std::uint64_t values_twice = 0;     // a value under more ids than its message was published
  std::uint64_t claimed_twice = 0;    // two messages of a journal claim the same (vehicle, path, time)
  std::uint64_t strange = 0;          // a value that no journal claims
  std::uint64_t unreadable = 0;       // lines that do not parse
  std::vector<std::string> examples;  // the first few, one sentence each

  [[nodiscard]] bool ok() const {
    return missing + values_missing + values_different + twice + values_twice + claimed_twice + strange + unreadable ==
           0;
  }
};

inline constexpr std::size_t kVerifyExamplesMax = 10;

// All *.jsonl below both folders (journals also as single files). Fault when a folder cannot be read or holds
// nothing of its kind.
Result<VerifyReport> verify(const std::string& journals, const std::string& sink);

// The same in rounds, for runs of any length: what the journals of a round acknowledge must be in the sink when the
// round is closed, and is forgotten then. A value of a closed round that comes again is `strange`.
//
// Owns    the account of the open round; of the sink a hash and the ids (fleet/id_set.h).
// Thread  one.
// Limits  memory grows with the values of one round.
class Verifier {
 public:
  Verifier();
  ~Verifier();
  // The *.jsonl at or below `path`, each a whole journal.
  Result<void> take_journals(const std::string& path);
  // What was added below `folder` since the call before.
  Result<void> take_sink(const std::string& folder);
  void close_round();
  // How many files of the sink do not begin any more with what was taken from them.
  Result<std::uint64_t> sink_files_changed() const;
  // Of the closed rounds.
  [[nodiscard]] const VerifyReport& report() const;

 private:
  class Account;
  std::unique_ptr<Account> account_;
};

}  // namespace wayside::fleet
