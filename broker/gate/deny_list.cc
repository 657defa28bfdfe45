#include "broker/gate/deny_list.h"

#include <unistd.h>

#include <vector>

#include "common/identity/identity.h"
#include "common/os/system.h"

namespace wayside::broker::gate {
namespace {

constexpr unsigned kFileMode = 0600;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return lines;
}

// The id of a line; empty for a blank line or a comment.
std::string_view id_of(std::string_view line) {
  line = line.substr(0, line.find('#'));
  const std::size_t first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

Result<std::string> read(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) return std::string();  // nobody has been blocked yet
  return os::read_file(path, kDenyListBytesMax);
}

}  // namespace

Result<DenyList> load_deny_list(const std::string& path) {
  DenyList list;
  if (path.empty()) return list;
  Result<std::string> text = read(path);
  if (!text.ok()) return std::move(text).error().with("deny list");
  std::size_t number = 0;
  for (const std::string_view line : lines_of(text.value())) {
    ++number;
    const std::string_view id = id_of(line);
    if (id.empty()) continue;
    if (!identity::valid_id(id)) {
      return Error{Fault::config, path + ":" + std::to_string(number) + ": no vehicle id"};  // which: not for a log
    }
    list.vehicles.emplace(id);
  }
  return list;
}

Result<void> write_deny_list(const std::string& path, const std::string& vehicle, bool blocked) {
  if (path.empty()) return Error{Fault::config, "no deny list is configured"};
  if (!identity::valid_id(vehicle)) return Error{Fault::malformed, "no vehicle id"};
  Result<std::string> text = read(path);
  if (!text.ok()) return std::move(text).error().with("deny list");
  std::string rewritten;
  bool listed = false;
  for (const std::string_view line : lines_of(text.value())) {
    const bool this_one = id_of(line) == vehicle;
    listed = listed || this_one;
    if (this_one && !blocked) continue;
    rewritten.append(line).push_back('\n');
  }
  if (blocked && !listed) rewritten.append(vehicle).push_back('\n');
  return os::write_file_atomic(path, rewritten, kFileMode);
}

}  // namespace wayside::broker::gate
