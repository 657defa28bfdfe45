// The parts of a support bundle: each redacted as it comes in, counted in the manifest; what could not be had is there
// as a sentence.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/bundle/archive.h"
#include "cli/bundle/redactor.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::cli {

struct BundleEntry {
  std::string name;
  std::size_t bytes = 0;
  std::string sha256;
  bool cut = false;  // there was more
  Redacted redacted;
};
struct MissingPart {
  std::string name;
  std::string why;
};

// Owns    archive and manifest in the making; shares the redactor.
// Thread  one.   Durable -
// Limits  kPartBytesMax a part: of a longer one the begin is kept. kBytesMax in all: a part without room is missing.
class Bundle {
 public:
  static constexpr std::size_t kPartBytesMax = 16U << 20U;
  static constexpr std::size_t kBytesMax = 256U << 20U;
  static constexpr const char* kFolder = "wayside-support/";

  Bundle(WallMs made, Redactor& redactor) : archive_(made), redactor_(redactor), made_(made) {}

  // An error becomes a missing part; nothing that is added stops the rest.
  void add_text(const std::string& name, const Result<std::string>& text, bool cut = false);
  void add_json(const std::string& name, const Result<std::string>& json);
  // Redacted before, with that redactor.
  void add_done(const std::string& name, const std::string& text, bool cut = false);
  void miss(const std::string& name, const std::string& why);

  // Adds the manifest, and returns it. `keyed`: which tags stand for vehicles. Called once, last.
  std::string finish(const std::string& subject, const std::string& keyed);
  [[nodiscard]] Result<std::string> packed(Packing packing) const { return archive_.packed(packing); }
  [[nodiscard]] const std::vector<BundleEntry>& entries() const { return entries_; }
  [[nodiscard]] const std::vector<MissingPart>& missing() const { return missing_; }

 private:
  Archive archive_;
  Redactor& redactor_;
  WallMs made_;
  std::size_t bytes_ = 0;
  std::vector<BundleEntry> entries_;
  std::vector<MissingPart> missing_;
};

}  // namespace wayside::cli
