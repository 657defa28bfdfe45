// The deny list: vehicles an operator has blocked, one id a line, `#` begins a comment.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "common/result.h"

namespace wayside::broker::gate {

inline constexpr std::size_t kDenyListBytesMax = 16U << 20U;

struct DenyList {
  std::set<std::string, std::less<>> vehicles;
  [[nodiscard]] bool contains(std::string_view vehicle) const { return vehicles.contains(vehicle); }
};

// An empty path is an empty list. A line that is no id makes the whole file bad: half a deny list is worse
// than the old one.
Result<DenyList> load_deny_list(const std::string& path);
// Rewrites the file with the id added or removed; comments and order stay.
Result<void> write_deny_list(const std::string& path, const std::string& vehicle, bool blocked);

}  // namespace wayside::broker::gate
