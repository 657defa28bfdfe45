#include "fleet/drive/obd_map.h"

#include <array>

#include "common/config/config.h"

namespace wayside::fleet {
namespace {

using config::Apply;
using config::Row;
using config::Type;

constexpr std::array<Row, 5> kSignalRows = {
    Row{"column", Type::text, "", 0, 0, Apply::restart, true, "", "Header name in the recording, without its unit."},
    Row{"path", Type::text, "", 0, 0, Apply::restart, true, "", "VSS path of the signal."},
    Row{"type", Type::text, "\"double\"", 0, 0, Apply::restart, false, "double|float|int64|uint64|bool",
        "Type the value is stored as."},
    Row{"scale", Type::number, "1.0", 0, 0, Apply::restart, false, "", "Factor applied to the column."},
    Row{"offset", Type::number, "0.0", 0, 0, Apply::restart, false, "", "Added after scaling."},
};
constexpr std::array<config::ListTable, 1> kLists = {
    config::ListTable{"signal", kSignalRows, "A signal taken from the recording."}};

ObdType type_of(const std::string& text) {
  if (text == "float") return ObdType::float32;
  if (text == "int64") return ObdType::int64;
  if (text == "uint64") return ObdType::uint64;
  return text == "bool" ? ObdType::boolean : ObdType::float64;
}

}  // namespace

Result<std::vector<ObdSignal>> read_obd_map(const std::string& path) {
  const config::Table table{"obd_map", {}, kLists};
  config::Problems problems;
  const auto read = config::load(table, {path, {}, {}}, problems);
  if (!read) {
    std::string what = "the signal map does not load";
    for (const auto& line : problems.lines) what += "\n  " + line;
    return Error{Fault::config, what};
  }
  std::vector<ObdSignal> signals;
  for (const auto& entry : read->entries("signal")) {
    signals.push_back({entry.text("column"), entry.text("path"), type_of(entry.text("type")), entry.number("scale"),
                       entry.number("offset")});
  }
  if (signals.empty()) return Error{Fault::config, path + ": no [[signal]] in it"};
  return signals;
}

std::string_view column_name(std::string_view header) {
  auto name = header.substr(0, header.find('('));
  while (!name.empty() && (name.back() == ' ' || name.back() == '\r')) name.remove_suffix(1);
  while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  return name;
}

}  // namespace wayside::fleet
