// What must not leave a site is taken out of texts: vehicle ids become tags, secrets and keys become "***".
//
// Three nets, one behind the other: ids that were learnt are found anywhere; what has the form of a VIN is an id; so is
// what stands where ids stand (v1/<id>/, urn:vin:<id>, vehicle=<id>). Too much is taken out rather than too little.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/types.h"

namespace wayside::cli {

struct Redacted {
  std::uint64_t vehicles = 0;  // occurrences
  std::uint64_t secrets = 0;
};

// Owns    its key and the ids it was told.
// Thread  one.
// Durable -
// Limits  kLearntMax ids; texts are the caller's.
class Redactor {
 public:
  static constexpr std::size_t kLearntMax = 1'000'000;
  static constexpr std::size_t kLearntBytesMin = 4;  // shorter ids are found only where ids stand
  static constexpr const char* kMask = "***";

  explicit Redactor(Bytes key) : key_(std::move(key)) {}

  void learn(std::string_view id);
  [[nodiscard]] std::size_t learnt() const { return learnt_count_; }

  // Of a log, of metrics, of anything in lines.
  std::string text(std::string_view from);
  // Names and strings of a JSON text, the form of which stays; what is no JSON is redacted as text.
  std::string json(std::string_view from);
  // A value whose name is known; masked where the name says that it is a secret.
  std::string value(std::string_view name, std::string_view from);
  // Whether values of this name are secrets.
  static bool is_secret(std::string_view name);

  // Since the last call.
  Redacted take_counts();

 private:
  std::string tag(std::string_view id);
  std::string without_blocks(std::string_view from);
  std::string without_secrets(std::string_view from);
  std::string without_vehicles(std::string_view from);
  std::size_t id_at(std::string_view text, std::size_t at) const;
  [[nodiscard]] std::size_t learnt_at(std::string_view text, std::size_t at) const;

  Bytes key_;
  std::map<std::size_t, std::unordered_set<std::string>> learnt_;  // by length
  std::size_t learnt_count_ = 0;
  Redacted counts_;
};

}  // namespace wayside::cli
