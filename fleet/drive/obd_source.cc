#include "fleet/drive/obd_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "fleet/drive/gzip.h"

namespace wayside::fleet {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool parse_field(std::string_view text, std::optional<double>& out) {
  const auto field = trim(text);
  out.reset();
  if (field.empty()) return true;
  double value = 0;
  const auto parsed = std::from_chars(field.data(), field.data() + field.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != field.data() + field.size() || !std::isfinite(value)) return false;
  out = value;
  return true;
}

Value to_value(const ObdSignal& signal, double raw) {
  const double value = raw * signal.scale + signal.offset + 0.0;  // + 0.0: no negative zero
  switch (signal.type) {
    case ObdType::int64: return static_cast<std::int64_t>(std::llround(value));
    case ObdType::uint64: return static_cast<std::uint64_t>(std::llround(std::max(0.0, value)));
    case ObdType::float32: return static_cast<float>(value);
    case ObdType::boolean: return value != 0;
    case ObdType::float64: break;
  }
  return value;
}

std::int64_t mean_interval_ms(const std::optional<double>& first_s, const std::optional<double>& last_s,
                              std::size_t rows) {
  if (!first_s || !last_s || rows < 2 || *last_s <= *first_s) return 500;
  return std::clamp<std::int64_t>(std::llround((*last_s - *first_s) * 1000 / static_cast<double>(rows - 1)), 20, 5000);
}

}  // namespace

Result<std::shared_ptr<const Recording>> read_recording(const std::string& path, const std::vector<ObdSignal>& map) {
  auto text = read_text_or_gzip(path);
  if (!text) return std::move(text).error();
  const auto lines = split(*text, '\n');
  if (lines.size() < 2) return Error{Fault::malformed, path + ": no rows"};
  const auto headers = split(lines[0], ',');
  auto recording = std::make_shared<Recording>();
  std::vector<std::size_t> columns;
  for (const auto& signal : map) {
    const auto at = std::find_if(headers.begin(), headers.end(),
                                 [&](std::string_view header) { return column_name(header) == signal.column; });
    if (at == headers.end()) continue;
    recording->signals.push_back(signal);
    columns.push_back(static_cast<std::size_t>(at - headers.begin()));
  }
  if (columns.empty()) return Error{Fault::malformed, path + ":1: the map names none of these columns"};
  std::optional<double> first_s;
  std::optional<double> last_s;
  for (std::size_t number = 1; number < lines.size(); ++number) {
    if (trim(lines[number]).empty()) continue;
    const auto fields = split(lines[number], ',');
    std::vector<std::optional<double>> row(columns.size());
    bool ok = parse_field(fields[0], last_s);
    for (std::size_t i = 0; ok && i < columns.size(); ++i) {
      ok = columns[i] < fields.size() ? parse_field(fields[columns[i]], row[i]) : true;
    }
    if (!ok) return Error{Fault::malformed, fmt::format("{}:{}: a field is not a number", path, number + 1)};
    if (!first_s) first_s = last_s;
    recording->rows.push_back(std::move(row));
  }
  recording->interval_ms = mean_interval_ms(first_s, last_s, recording->rows.size());
  return std::shared_ptr<const Recording>(std::move(recording));
}

ObdSource::ObdSource(std::shared_ptr<const Recording> recording, std::size_t first_row)
    : recording_(std::move(recording)), row_(first_row) {}

bool ObdSource::next(WallMs at, std::vector<Sample>& out) {
  if (row_ >= recording_->rows.size()) return false;
  const auto& row = recording_->rows[row_++];
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i]) out.push_back({recording_->signals[i].path, at, to_value(recording_->signals[i], *row[i])});
  }
  return true;
}

}  // namespace wayside::fleet
