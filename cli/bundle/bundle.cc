#include "cli/bundle/bundle.h"

#include <openssl/sha.h>

#include <array>
#include <nlohmann/json.hpp>

#include "common/os/system.h"
#include "common/version.h"

namespace wayside::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string sha256_of(std::string_view text) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> hash{};
  SHA256(as_bytes(text).data(), text.size(), hash.data());
  return to_hex(ByteView(hash));
}

}  // namespace

void Bundle::add_text(const std::string& name, const Result<std::string>& text, bool cut) {
  if (!text) return miss(name, text.error().what);
  add_done(name, redactor_.text(std::string_view(*text).substr(0, kPartBytesMax)), cut || text->size() > kPartBytesMax);
}

void Bundle::add_json(const std::string& name, const Result<std::string>& json) {
  if (!json) return miss(name, json.error().what);
  if (json->size() > kPartBytesMax) return miss(name, "it is longer than a part may be");
  add_done(name, redactor_.json(*json));
}

void Bundle::add_done(const std::string& name, const std::string& text, bool cut) {
  if (bytes_ + text.size() > kBytesMax) return miss(name, "the bundle is as large as one may be");
  bytes_ += text.size();
  archive_.add(kFolder + name, text);
  entries_.push_back({name, text.size(), sha256_of(text), cut, redactor_.take_counts()});
}

void Bundle::miss(const std::string& name, const std::string& why) {
  missing_.push_back({name, redactor_.text(why)});
  redactor_.take_counts();
}

std::string Bundle::finish(const std::string& subject, const std::string& keyed) {
  Json entries = Json::array();
  for (const BundleEntry& entry : entries_) {
    entries.push_back({{"name", entry.name},
                       {"bytes", entry.bytes},
                       {"sha256", entry.sha256},
                       {"cut", entry.cut},
                       {"redacted", {{"vehicles", entry.redacted.vehicles}, {"secrets", entry.redacted.secrets}}}});
  }
  Json missing = Json::array();
  for (const MissingPart& part : missing_) missing.push_back({{"name", part.name}, {"why", part.why}});
  const Json json{{"format", 1},
                  {"made_at", os::rfc3339(made_)},
                  {"wayside", version()},
                  {"of", subject},
                  {"vehicles_appear_as", keyed},
                  {"vehicle_ids_learnt", redactor_.learnt()},
                  {"never_included", {"payloads", "private keys", "certificates", "subjects of certificates"}},
                  {"entries", std::move(entries)},
                  {"missing", std::move(missing)}};
  std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  archive_.add(std::string(kFolder) + "manifest.json", text);
  return text;
}

}  // namespace wayside::cli
