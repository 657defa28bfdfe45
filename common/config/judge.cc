#include "common/config/judge.h"

#include <charconv>
#include <cmath>

namespace wayside::config {
namespace {

template <typename Number>
bool whole(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (!trimmed(text).empty()) {
    const std::size_t at = text.find(separator);
    out.emplace_back(trimmed(text.substr(0, at)));
    if (at == std::string_view::npos) break;
    text.remove_prefix(at + 1);
  }
  return out;
}

std::string wrong_type(const Row& row) { return "`" + std::string(row.key) + "` must be " + to_string(row.type); }

std::string judge_integer(const Row& row, const Raw& raw, Value& out) {
  std::int64_t value = 0;
  if (raw.kind != Raw::Kind::integer || !whole(raw.text, value)) return wrong_type(row);
  const bool bounded = row.min != 0 || row.max != 0;
  if (bounded && (value < row.min || value > row.max)) {
    return "`" + std::string(row.key) + "` must be from " + std::to_string(row.min) + " to " + std::to_string(row.max) +
           ", not " + raw.text;
  }
  out.text = std::to_string(value);
  return {};
}

std::string judge_number(const Row& row, const Raw& raw, Value& out) {
  double value = 0;
  const bool kind = raw.kind == Raw::Kind::number || raw.kind == Raw::Kind::integer;
  if (!kind || !whole(raw.text, value) || !std::isfinite(value)) return wrong_type(row);
  out.text = raw.text;
  return {};
}

std::string judge_boolean(const Row& row, const Raw& raw, Value& out) {
  if (raw.kind != Raw::Kind::boolean || (raw.text != "true" && raw.text != "false")) return wrong_type(row);
  out.text = raw.text;
  return {};
}

std::string judge_text(const Row& row, const Raw& raw, Value& out) {
  if (raw.kind != Raw::Kind::text) return wrong_type(row);
  out.text = raw.text;
  if (row.choices.empty()) return {};
  std::string words;
  for (const std::string& choice : split(row.choices, '|')) {
    if (choice == raw.text) return {};
    words += (words.empty() ? "`" : ", `") + choice + "`";
  }
  return "`" + std::string(row.key) + "` must be one of " + words;
}

std::string judge_list(const Row& row, const Raw& raw, Value& out) {
  if (raw.kind != Raw::Kind::text_list) return wrong_type(row);
  out.items = raw.items;
  return {};
}

Raw nothing_of(Type type) {
  switch (type) {
    case Type::integer: return {Raw::Kind::integer, "0", {}};
    case Type::number: return {Raw::Kind::number, "0", {}};
    case Type::boolean: return {Raw::Kind::boolean, "false", {}};
    case Type::text: return {Raw::Kind::text, "", {}};
    case Type::text_list: return {Raw::Kind::text_list, "", {}};
  }
  return {};
}

// A text may stand in the table without its quotes, when it has no other meaning.
Raw raw_fallback(const Row& row) {
  if (row.fallback.empty()) return nothing_of(row.type);
  if (row.type == Type::text && row.fallback.front() != '"') return {Raw::Kind::text, std::string(row.fallback), {}};
  auto raw = parse_value(row.fallback);
  WAYSIDE_ASSERT(raw.ok());
  return std::move(raw).value();
}

}  // namespace

const char* to_string(Type type) {
  switch (type) {
    case Type::integer: return "an integer";
    case Type::number: return "a number";
    case Type::boolean: return "true or false";
    case Type::text: return "a text";
    case Type::text_list: return "a list of texts";
  }
  return "a text";
}

std::string judge(const Row& row, const Raw& raw, Value& out) {
  switch (row.type) {
    case Type::integer: return judge_integer(row, raw, out);
    case Type::number: return judge_number(row, raw, out);
    case Type::boolean: return judge_boolean(row, raw, out);
    case Type::text: return judge_text(row, raw, out);
    case Type::text_list: return judge_list(row, raw, out);
  }
  return wrong_type(row);
}

Raw raw_from_text(Type type, std::string_view text) {
  switch (type) {
    case Type::integer: return {Raw::Kind::integer, std::string(trimmed(text)), {}};
    case Type::number: return {Raw::Kind::number, std::string(trimmed(text)), {}};
    case Type::boolean: return {Raw::Kind::boolean, std::string(trimmed(text)), {}};
    case Type::text: return {Raw::Kind::text, std::string(text), {}};
    case Type::text_list: return {Raw::Kind::text_list, "", split(text, ',')};
  }
  return {};
}

Value fallback_of(const Row& row) {
  Value value;
  value.source = "default";
  const Raw raw = raw_fallback(row);
  // A row without a default may hold the empty value even where its bounds or choices would refuse it.
  if (row.fallback.empty()) {
    value.text = raw.text;
    return value;
  }
  const std::string problem = judge(row, raw, value);
  WAYSIDE_ASSERT(problem.empty());
  return value;
}

}  // namespace wayside::config
