#include "fleet/drive/sample.h"

#include <array>

namespace wayside::fleet {

std::string_view type_name(const Value& value) {
  static constexpr std::array<std::string_view, 6> kNames = {"int64", "uint64", "double", "float", "bool", "string"};
  static_assert(std::variant_size_v<Value> == kNames.size());
  return kNames[value.index()];
}

}  // namespace wayside::fleet
