#include "cli/bundle/config_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/config/document.h"

namespace wayside::cli {
namespace {

using config::Raw;
using config::Setting;

// A TOML basic string has the escapes of JSON.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string value_text(const Setting& setting, Redactor& redactor) {
  const auto one = [&](const std::string& text) { return quoted(redactor.value(setting.key, text)); };
  switch (setting.raw.kind) {
    case Raw::Kind::integer:
    case Raw::Kind::number:
    case Raw::Kind::boolean: return Redactor::is_secret(setting.key) ? one(setting.raw.text) : setting.raw.text;
    case Raw::Kind::text: return one(setting.raw.text);
    case Raw::Kind::text_list: {
      std::string out;
      for (const std::string& item : setting.raw.items) out += (out.empty() ? "" : ", ") + one(item);
      return "[" + out + "]";
    }
    case Raw::Kind::other: break;
  }
  return quoted(Redactor::kMask);  // of no form that a key of ours has
}

void note(const Setting& setting, ConfigFacts& facts) {
  const std::string name = setting.key.substr(setting.key.rfind('.') + 1);
  const std::string& text = setting.raw.text;
  if (setting.raw.kind != Raw::Kind::text || text.empty()) return;
  if (name == "state_dir") facts.state_dir = text;
  if (name == "deny_list") facts.deny_list = text;
  auto& files = facts.certificates;
  const bool holds = name == "certificate" || name == "ca" || name == "crl";
  if (holds && std::find(files.begin(), files.end(), text) == files.end()) files.push_back(text);
}

void add(const Setting& setting, Redactor& redactor, ConfigFacts& facts) {
  facts.redacted += redactor.text(setting.key) + " = " + value_text(setting, redactor) + "\n";
  note(setting, facts);
}

// As --set takes it: what does not parse is a text.
Setting setting_of(const std::string& set) {
  const std::size_t equals = std::min(set.find('='), set.size());
  Setting setting;
  setting.key = set.substr(0, equals);
  const std::string value = set.substr(std::min(equals + 1, set.size()));
  auto raw = config::parse_value(value);
  setting.raw = raw ? std::move(raw).value() : Raw{Raw::Kind::text, value, {}};
  return setting;
}

}  // namespace

Result<ConfigFacts> read_config(std::string_view toml, const std::vector<std::string>& sets, Redactor& redactor) {
  const auto document = config::parse_document(toml);
  // The sentence of the parser may quote the line.
  if (!document) return Error{Fault::malformed, "the file does not parse as TOML", 0};
  ConfigFacts facts;
  for (const Setting& setting : document->settings) add(setting, redactor, facts);
  for (const auto& entry : document->entries) {
    facts.redacted += "\n[[" + redactor.text(entry.list) + "]]\n";
    for (const Setting& setting : entry.settings) add(setting, redactor, facts);
  }
  if (!sets.empty()) facts.redacted += "\n# --set of the command line\n";
  for (const std::string& set : sets) add(setting_of(set), redactor, facts);
  return facts;
}

}  // namespace wayside::cli
