// Documents that come from tables of the code: configuration keys and reasons.
#include <iomanip>

#include "bridge/run/config.h"
#include "broker/config.h"
#include "common/reasons.h"
#include "tests/architecture/documents.h"

namespace wayside::test {
namespace {

const char* advice(Retry retry) {
  switch (retry) {
    case Retry::never: return "never";
    case Retry::later: return "later";
    case Retry::after_change: return "after a change";
  }
  return "";
}

std::string reason_row(const ReasonInfo& reason) {
  std::ostringstream row;
  row << "| `" << reason.code << "` | ";
  if (reason.mqtt != 0) {
    row << "0x" << std::hex << std::uppercase << std::setw(2) << std::setfill('0') << unsigned{reason.mqtt} << std::dec;
  } else {
    row << "-";
  }
  row << " | " << (reason.http != 0 ? std::to_string(reason.http) : "-") << " | " << advice(reason.retry) << " | "
      << reason.sentence << " |\n";
  return row.str();
}

// <state_dir> outside of code would be taken for a tag and vanish.
std::string shown(const config::Table& table) {
  std::string out;
  bool code = false;
  for (const char c : config::markdown(table)) {
    if (c == '`') code = !code;
    if (c == '<' && !code) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

TEST_CASE("docs/configuration.md is what the tables of the three processes say") {
  check_generated("configuration.md", shown(broker::config_table()) + "\n" + shown(bridge::run::edge_table()) + "\n" +
                                          shown(bridge::run::core_table()));
}

TEST_CASE("docs/exit-codes-and-reasons.md has every reason of the catalogue") {
  std::string table = "| reason | MQTT 5 | HTTP | retry | sentence |\n| --- | --- | --- | --- | --- |\n";
  for (std::size_t i = 0; i < reason_count(); ++i) table += reason_row(reason_at(i));
  check_generated("exit-codes-and-reasons.md", table);
}

}  // namespace wayside::test
