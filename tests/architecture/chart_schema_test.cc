// The chart's schema of values holds the configuration tables of the three processes.
#include <nlohmann/json.hpp>

#include "bridge/run/config.h"
#include "broker/config.h"
#include "tests/architecture/documents.h"

namespace wayside::test {
namespace {

using Json = nlohmann::ordered_json;

Json words_of(std::string_view choices) {
  Json words = Json::array();
  std::istringstream text{std::string(choices)};
  for (std::string word; std::getline(text, word, '|');) words.push_back(word);
  return words;
}

Json schema_of(const config::Row& row) {
  Json out;
  switch (row.type) {
    case config::Type::integer: out["type"] = "integer"; break;
    case config::Type::number: out["type"] = "number"; break;
    case config::Type::boolean: out["type"] = "boolean"; break;
    case config::Type::text: out["type"] = "string"; break;
    case config::Type::text_list:
      out["type"] = "array";
      out["items"] = {{"type", "string"}};
      break;
  }
  if (row.min != 0 || row.max != 0) {
    out["minimum"] = row.min;
    out["maximum"] = row.max;
  }
  if (!row.choices.empty()) out["enum"] = words_of(row.choices);
  out["description"] = row.sentence;
  return out;
}

Json closed_object() { return {{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}}; }

Json schema_of(const config::ListTable& list) {
  Json entry = closed_object();
  Json required = Json::array();
  for (const config::Row& row : list.rows) {
    entry["properties"][std::string(row.key)] = schema_of(row);
    if (row.required) required.push_back(row.key);
  }
  if (!required.empty()) entry["required"] = required;
  return {{"type", "array"}, {"description", list.sentence}, {"items", entry}};
}

// Required keys of sections are not required here: the chart sets most of them, and says which it does not.
Json schema_of(const config::Table& table) {
  Json out = closed_object();
  for (const config::Row& row : table.rows) {
    const std::string section(row.key.substr(0, row.key.find('.')));
    const std::string name(row.key.substr(row.key.find('.') + 1));
    Json& tree = out["properties"][section];
    if (tree.is_null()) tree = closed_object();
    tree["properties"][name] = schema_of(row);
  }
  for (const config::ListTable& list : table.lists) out["properties"][std::string(list.name)] = schema_of(list);
  return out;
}

}  // namespace

TEST_CASE("the chart's schema of broker.config and bridge.config is what the tables say") {
  const std::filesystem::path path = source_dir() / "helm/wayside/values.schema.json";
  Json schema = Json::parse(text_of(path));
  Json expected;
  expected["broker"] = schema_of(broker::config_table());
  expected["bridge_edge"] = schema_of(bridge::run::edge_table());
  expected["bridge_core"] = schema_of(bridge::run::core_table());
  const char* update = std::getenv("WAYSIDE_UPDATE_DOCS");
  if (update != nullptr && std::string_view(update) == "1") {
    schema["definitions"] = expected;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << schema.dump(2) << '\n';
    return;
  }
  INFO("values.schema.json is not what the tables say; WAYSIDE_UPDATE_DOCS=1 writes it anew");
  CHECK(schema["definitions"] == expected);
}

}  // namespace wayside::test
