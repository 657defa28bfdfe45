#include "tests/power/host_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/os/errors.h"
#include "common/os/system.h"

namespace wayside::test::power {

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::uint64_t inode_of(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

Result<void> HostFiles::created(const std::string& path) {
  Event event;
  event.kind = EventKind::created;
  event.path = path;
  event.inode = inode_of(path);
  return log_.append(event);
}

Result<void> HostFiles::renaming(const std::string& from, const std::string& to) {
  Event event;
  event.kind = EventKind::renamed;
  event.path = from;
  event.to = to;
  event.inode = inode_of(from);
  event.replaced = inode_of(to);
  if (event.replaced != 0) {
    if (auto kept = bury(to, event.grave); !kept) return kept;
  }
  return log_.append(event);
}

Result<void> HostFiles::removing(const std::string& path) {
  Event event;
  event.kind = EventKind::removed;
  event.path = path;
  event.inode = inode_of(path);
  if (event.inode == 0) return {};  // the removal fails in its own words
  if (auto kept = bury(path, event.grave); !kept) return kept;
  return log_.append(event);
}

Result<void> HostFiles::dir_synced(const std::string& directory) {
  Event event;
  event.kind = EventKind::dir_sync;
  event.path = directory;
  if (auto told = log_.append(event); !told) return told;
  for (const std::string& grave : graves_[directory]) ::unlink(grave.c_str());
  graves_[directory].clear();
  return {};
}

// The size as it is, and what the sectors of [from, to) hold.
Result<void> HostFiles::changing(EventKind kind, std::uint64_t inode, std::uint64_t size, std::uint64_t from,
                                 std::uint64_t to, const ReadOld& read) {
  Event event;
  event.kind = kind;
  event.inode = inode;
  event.size = size;
  event.first = from / kSectorBytes;
  event.count = to > from ? (to - 1) / kSectorBytes - event.first + 1 : 0;
  Bytes old;
  const auto bytes = static_cast<std::size_t>(event.count * kSectorBytes);
  if (bytes > 0) {
    if (auto done = read(old, bytes, event.first * kSectorBytes); !done) return done;
  }
  for (std::size_t at = 0; at < old.size(); at += kSectorBytes) {
    const auto begin = old.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = old.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(at + kSectorBytes, old.size()));
    if (std::all_of(begin, end, [](std::uint8_t byte) { return byte == 0; })) continue;
    event.old.emplace_back(event.first + at / kSectorBytes, Bytes(begin, end));
  }
  return log_.append(event);
}

Result<void> HostFiles::synced(std::uint64_t inode) {
  Event event;
  event.kind = EventKind::synced;
  event.inode = inode;
  return log_.append(event);
}

Result<void> HostFiles::bury(const std::string& path, std::string& grave) {
  grave = host_.graves() + "/" + std::to_string(::getpid()) + "-" + std::to_string(next_grave_++);
  ::unlink(grave.c_str());  // of a dead process with the same id
  if (::link(path.c_str(), grave.c_str()) != 0) return os::errno_error("link", path + " -> " + grave);
  graves_[parent_of(path)].push_back(grave);
  return {};
}

Result<std::shared_ptr<HostFiles>> open_host(const Host& host, Planted planted, int sync_ms) {
  if (auto made = os::make_dirs(host.graves()); !made) return std::move(made).error();
  auto log = EventLog::open(host.events());
  if (!log) return std::move(log).error();
  return std::make_shared<HostFiles>(std::move(log).value(), host, planted, sync_ms);
}

}  // namespace wayside::test::power
