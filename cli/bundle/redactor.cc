#include "cli/bundle/redactor.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "common/identity/identity.h"

namespace wayside::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kVinBytes = 17;
constexpr std::size_t kIdBytesMax = 64;
constexpr std::size_t kWholeWordBelow = 8;  // shorter ids stand in longer words by chance

bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool is_id(char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; }
std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Bytes of the id that begins at `at`, a closing full stop left out.
std::size_t id_bytes(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_id(text[end])) ++end;
  while (end > at && text[end - 1] == '.') --end;
  return end - at <= kIdBytesMax ? end - at : 0;
}

// A word of capitals and digits, as long as a VIN and of its alphabet.
bool vin_at(std::string_view text, std::size_t at) {
  const auto in_word = [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0 || (c >= 'A' && c <= 'Z');
  };
  if (at + kVinBytes > text.size() || (at > 0 && in_word(text[at - 1]))) return false;
  if (at + kVinBytes < text.size() && in_word(text[at + kVinBytes])) return false;
  return identity::valid_vin(text.substr(at, kVinBytes));
}

// Bytes before the id, where one follows: "v1/", "urn:vin:", "vehicle=", "vehicle":". 0: none does.
std::size_t lead_at(std::string_view text, std::size_t at) {
  if (at > 0 && is_alnum(text[at - 1])) return 0;
  const auto begins = [&](std::string_view word) { return text.substr(at, word.size()) == word; };
  for (const std::string_view topic : {"v1/", "x/"}) {
    if (!begins(topic)) continue;
    const std::size_t id = id_bytes(text, at + topic.size());
    const std::size_t end = at + topic.size() + id;
    return id > 0 && end < text.size() && text[end] == '/' ? topic.size() : 0;
  }
  for (const std::string_view lead :
       {"urn:vin:", "vehicle=\"", "vehicle=", "vehicle\":\"", "vehicle\": \"", "client_id=", "client_id\":\""}) {
    if (begins(lead)) return lead.size();
  }
  return 0;
}

constexpr std::array<std::string_view, 12> kSecretWords = {"password", "passwd",     "passphrase",  "secret",
                                                           "token",    "psk",        "api_key",     "apikey",
                                                           "api-key",  "credential", "private_key", "authorization"};

// Where the value begins that follows a name, and behind its end; equal: none does.
std::pair<std::size_t, std::size_t> value_after(std::string_view text, std::size_t at, bool option) {
  const std::size_t none = at;
  if (at < text.size() && (text[at] == '"' || text[at] == '\'')) ++at;
  std::size_t begin = at;
  while (begin < text.size() && text[begin] == ' ') ++begin;
  const bool separated = begin < text.size() && (text[begin] == '=' || text[begin] == ':');
  if (!separated && !(option && begin > at)) return {none, none};
  if (separated) ++begin;
  while (begin < text.size() && text[begin] == ' ') ++begin;
  if (begin >= text.size()) return {none, none};
  const char quote = text[begin];
  std::size_t end = begin;
  if (quote == '"' || quote == '\'') {
    for (end = begin + 1; end < text.size() && text[end] != quote && text[end] != '\n'; ++end) {
      if (text[end] == '\\') ++end;
    }
    return {begin, std::min(end + 1, text.size())};
  }
  while (end < text.size() && std::string_view(" \t\r\n,;&}])").find(text[end]) == std::string_view::npos) ++end;
  return {begin, end};
}

std::size_t run_of(std::string_view text, std::size_t at, bool (*in)(char)) {
  std::size_t end = at;
  while (end < text.size() && in(text[end])) ++end;
  return end - at;
}
bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

// A word that is a key or a token whatever stands before it: 32 bytes or more in hex, or a JSON web token.
bool key_word(std::string_view word) {
  constexpr std::size_t kKeyDigits = 64;
  constexpr std::size_t kTokenBytes = 24;
  if (word.size() >= kKeyDigits && std::all_of(word.begin(), word.end(), is_hex)) return true;
  return word.size() >= kTokenBytes && word.starts_with("eyJ");
}

// Bytes of "user:password" behind "://"; 0: there is none.
std::size_t user_info(std::string_view text, std::size_t at) {
  for (std::size_t end = at;
       end < text.size() && std::string_view(" \t\r\n/\"'<>").find(text[end]) == std::string_view::npos; ++end) {
    if (text[end] == '@') return end - at;
  }
  return 0;
}

}  // namespace

void Redactor::learn(std::string_view id) {
  if (id.size() < kLearntBytesMin || id.size() > kIdBytesMax || learnt_count_ >= kLearntMax) return;
  if (learnt_[id.size()].insert(lower(id)).second) ++learnt_count_;
}

bool Redactor::is_secret(std::string_view name) {
  const std::string low = lower(name);
  return std::any_of(kSecretWords.begin(), kSecretWords.end(),
                     [&](std::string_view word) { return low.find(word) != std::string::npos; });
}

Redacted Redactor::take_counts() { return std::exchange(counts_, {}); }

std::string Redactor::tag(std::string_view id) {
  ++counts_.vehicles;
  return identity::tag(key_, id);
}

// PEM, certificates too; where its begin or its end was cut away, all of that side.
std::string Redactor::without_blocks(std::string_view from) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kEnd = "-----END ";
  constexpr std::string_view kDashes = "-----";
  std::string out;
  while (!from.empty()) {
    const std::size_t begin = from.find(kBegin);
    const std::size_t end = from.find(kEnd);
    if (begin == std::string_view::npos && end == std::string_view::npos) return out.append(from);
    ++counts_.secrets;
    if (begin < end) out.append(from.substr(0, begin));
    out += kMask;
    if (end == std::string_view::npos) return out;
    const std::size_t closed = from.find(kDashes, end + kEnd.size());
    from.remove_prefix(closed == std::string_view::npos ? from.size() : closed + kDashes.size());
  }
  return out;
}

std::string Redactor::without_secrets(std::string_view from) {
  std::string out;
  const auto mask = [&] {
    ++counts_.secrets;
    out += kMask;
  };
  for (std::size_t at = 0; at < from.size();) {
    if (from.substr(at, 3) == "://") {
      out += "://";
      at += 3;
      if (const std::size_t info = user_info(from, at); info > 0) {
        mask();
        at += info;
      }
      continue;
    }
    if (!is_id(from[at])) {
      out.push_back(from[at++]);
      continue;
    }
    const std::string_view word = from.substr(at, run_of(from, at, is_id));
    at += word.size();
    if (key_word(word)) {
      mask();
      continue;
    }
    out += word;
    const std::string low = lower(word);
    if (low == "bearer" || low == "basic") {
      if (at < from.size() && from[at] == ' ') {
        const auto value = value_after(from, at, true);
        out += ' ';
        mask();
        at = value.second;
      }
      continue;
    }
    if (!is_secret(low)) continue;
    const auto [begin, end] = value_after(from, at, word.starts_with("--"));
    if (begin == end) continue;
    out += from.substr(at, begin - at);
    mask();
    // What follows a header's name, "Authorization: Basic ...", ends with its line.
    at = low.find("authorization") == std::string::npos ? end : std::min(from.find('\n', end), from.size());
  }
  return out;
}

std::size_t Redactor::learnt_at(std::string_view text, std::size_t at) const {
  for (auto length = learnt_.rbegin(); length != learnt_.rend(); ++length) {
    const std::size_t bytes = length->first;
    if (at + bytes > text.size()) continue;
    const bool alone =
        (at == 0 || !is_alnum(text[at - 1])) && (at + bytes == text.size() || !is_alnum(text[at + bytes]));
    if (bytes < kWholeWordBelow && !alone) continue;
    if (length->second.contains(lower(text.substr(at, bytes)))) return bytes;
  }
  return 0;
}

std::size_t Redactor::id_at(std::string_view text, std::size_t at) const {
  if (const std::size_t learnt = learnt_at(text, at); learnt > 0) return learnt;
  return vin_at(text, at) ? kVinBytes : 0;
}

std::string Redactor::without_vehicles(std::string_view from) {
  std::string out;
  for (std::size_t at = 0; at < from.size();) {
    if (!is_alnum(from[at])) {
      out.push_back(from[at++]);
      continue;
    }
    if (const std::size_t bytes = id_at(from, at); bytes > 0) {
      out += tag(from.substr(at, bytes));
      at += bytes;
      continue;
    }
    const std::size_t lead = lead_at(from, at);
    const std::size_t bytes = lead == 0 ? 0 : id_bytes(from, at + lead);
    if (bytes == 0 || from.substr(at + lead, bytes) == "veh") {  // a tag already
      out.push_back(from[at++]);
      continue;
    }
    out += from.substr(at, lead);
    out += tag(from.substr(at + lead, bytes));
    at += lead + bytes;
  }
  return out;
}

std::string Redactor::text(std::string_view from) { return without_vehicles(without_secrets(without_blocks(from))); }

std::string Redactor::value(std::string_view name, std::string_view from) {
  if (!is_secret(name)) return text(from);
  if (from.empty()) return "";
  ++counts_.secrets;
  return kMask;
}

std::string Redactor::json(std::string_view from) {
  const Json json = Json::parse(from, nullptr, false);
  if (json.is_discarded()) return text(from);
  const auto walk = [this](const auto& self, const std::string& name, const Json& one) -> Json {
    if (one.is_object()) {
      Json out = Json::object();
      for (const auto& [key, member] : one.items()) out[text(key)] = self(self, key, member);
      return out;
    }
    if (one.is_array()) {
      Json out = Json::array();
      for (const Json& member : one) out.push_back(self(self, name, member));
      return out;
    }
    if (!one.is_string()) return one;
    const auto& told = one.get_ref<const std::string&>();
    const bool vehicle = name == "vehicle" && id_bytes(told, 0) == told.size() && !told.empty();
    return vehicle ? tag(told) : value(name, told);
  };
  return walk(walk, "", json).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace wayside::cli
