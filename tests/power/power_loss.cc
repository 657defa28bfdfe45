#include "tests/power/power_loss.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "common/os/errors.h"
#include "common/os/posix_disk.h"
#include "tests/power/event_log.h"

namespace wayside::test::power {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kWordHistoryMax = 64;

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::uint64_t inode_of(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

// How one loss treats what was not synced: none of it stays, all, the first few, or each by itself.
class Fate {
 public:
  explicit Fate(Rng& rng) : rng_(rng), mode_(rng.below(4)), first_(rng.below(8)) {}
  bool stays() {
    switch (mode_) {
      case 0: return false;
      case 1: return true;
      case 2: return first_ > 0 && first_-- > 0;
      default: return rng_.below(2) == 0;
    }
  }

 private:
  Rng& rng_;
  std::uint64_t mode_;
  std::uint64_t first_;
};

// Of one file: what the platter holds where it differs from the files.
struct Unsynced {
  std::optional<std::uint64_t> size;       // before the first change of it
  std::map<std::uint64_t, Bytes> sectors;  // before the first change of each
};

// Owns what was not synced when the power went.
class Ledger {
 public:
  void take(const Event& event);
  Result<Loss> lose(const std::string& graves, const std::string& files, Rng& rng);

 private:
  void remember(const Event& event);
  void forget_names(const std::string& directory);
  Result<void> lose_names(std::vector<Event>& changes, Rng& rng);
  static Result<void> undo(const Event& change);
  Result<void> lose_sectors(const std::string& path, const Unsynced& file, Rng& rng);
  Result<void> lose_words(Rng& rng);

  std::map<std::string, std::vector<Event>> names_;  // by directory, in order
  std::map<std::uint64_t, Unsynced> files_;          // by inode
  std::map<std::pair<std::string, std::uint64_t>, std::vector<std::uint64_t>> words_;
  Loss loss_;
};

void Ledger::remember(const Event& event) {
  Unsynced& file = files_[event.inode];
  const std::uint64_t end = (event.first + event.count) * kSectorBytes;
  const bool resized = event.kind == EventKind::resized || end > event.size;
  if (resized && !file.size) file.size = event.size;
  auto old = event.old.begin();
  for (std::uint64_t sector = event.first; sector < event.first + event.count; ++sector) {
    const bool held = old != event.old.end() && old->first == sector;
    // Only what the first change since the sync found is on the platter.
    file.sectors.try_emplace(sector, held ? old->second : Bytes());
    if (held) ++old;
  }
}

void Ledger::forget_names(const std::string& directory) {
  for (const Event& change : names_[directory]) {
    // A file without a name is gone, and its number may be given to another.
    if (change.kind == EventKind::removed) files_.erase(change.inode);
    if (change.kind == EventKind::renamed) files_.erase(change.replaced);
  }
  names_[directory].clear();
}

void Ledger::take(const Event& event) {
  switch (event.kind) {
    case EventKind::created:
      files_.erase(event.inode);
      names_[parent_of(event.path)].push_back(event);
      return;
    case EventKind::renamed:
    case EventKind::removed: names_[parent_of(event.path)].push_back(event); return;
    case EventKind::dir_sync: return forget_names(event.path);
    case EventKind::written:
    case EventKind::resized: return remember(event);
    case EventKind::synced: files_.erase(event.inode); return;
    case EventKind::word: {
      auto& history = words_[{event.path, event.first}];
      history.push_back(event.size);
      if (history.size() > kWordHistoryMax) history.erase(history.begin());
    }
  }
}

Result<void> Ledger::undo(const Event& change) {
  // Each step looks first: the process may have been killed between the event and the change.
  if (change.kind == EventKind::created) {
    if (inode_of(change.path) == change.inode && ::unlink(change.path.c_str()) != 0) {
      return os::errno_error("unlink", change.path);
    }
    return {};
  }
  const std::string& bare = change.kind == EventKind::renamed ? change.to : change.path;
  if (change.kind == EventKind::renamed) {
    if (inode_of(change.to) != change.inode) return {};
    if (::rename(change.to.c_str(), change.path.c_str()) != 0) return os::errno_error("rename", change.to);
  }
  if (!change.grave.empty() && ::link(change.grave.c_str(), bare.c_str()) != 0 && errno != EEXIST) {
    return os::errno_error("link", bare);
  }
  return {};
}

Result<void> Ledger::lose_names(std::vector<Event>& changes, Rng& rng) {
  loss_.names_unsynced += changes.size();
  for (std::uint64_t stay = rng.below(changes.size() + 1); changes.size() > stay; changes.pop_back()) {
    if (auto undone = undo(changes.back()); !undone) return undone;
    ++loss_.names_lost;
  }
  return {};
}

Result<void> Ledger::lose_sectors(const std::string& path, const Unsynced& file, Rng& rng) {
  auto disk = os::make_posix_disk();
  auto opened = disk->open(path, OpenMode::read_write);
  if (!opened) return std::move(opened).error();
  auto now = (*opened)->size();
  if (!now) return std::move(now).error();
  std::uint64_t size = *now;
  if (file.size && rng.below(2) == 0) size = *file.size;
  Fate fate(rng);
  std::vector<std::uint64_t> back;
  for (const auto& [sector, bytes] : file.sectors) {
    const std::uint64_t end = std::min((sector + 1) * kSectorBytes, *now);
    const bool there = sector * kSectorBytes < *now;
    if (!fate.stays() || !there) {
      back.push_back(sector);
    } else {
      size = std::max(size, end);  // a sector that stays has a file around it
    }
  }
  loss_.sectors_unsynced += file.sectors.size();
  loss_.sectors_lost += back.size();
  if (auto cut = (*opened)->truncate(size); !cut) return cut;
  for (const std::uint64_t sector : back) {
    const std::uint64_t at = sector * kSectorBytes;
    if (at >= size) continue;
    Bytes bytes = file.sectors.at(sector);
    bytes.resize(static_cast<std::size_t>(std::min(kSectorBytes, size - at)), 0);
    if (auto restored = (*opened)->pwrite(bytes, at); !restored) return restored;
  }
  return {};
}

Result<void> Ledger::lose_words(Rng& rng) {
  auto disk = os::make_posix_disk();
  for (const auto& [at, history] : words_) {
    if (rng.below(2) == 0 || inode_of(at.first) == 0) continue;
    auto word = disk->map_word(at.first, static_cast<unsigned>(at.second));
    if (!word) return std::move(word).error();
    const std::uint64_t older = history[rng.below(history.size())];
    if (older == (*word)->load()) continue;
    (*word)->store(older);
    ++loss_.words_back;
  }
  return {};
}

Result<Loss> Ledger::lose(const std::string& graves, const std::string& files, Rng& rng) {
  for (auto& [directory, changes] : names_) {
    if (auto lost = lose_names(changes, rng); !lost) return std::move(lost).error();
  }
  std::error_code failed;
  for (const auto& grave : fs::directory_iterator(graves, failed)) fs::remove(grave.path(), failed);
  std::map<std::uint64_t, std::string> paths;
  for (fs::recursive_directory_iterator at(files, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->is_regular_file(failed)) paths[inode_of(at->path().string())] = at->path().string();
  }
  if (failed) return Error{Fault::io, files + ": " + failed.message()};
  for (const auto& [inode, file] : files_) {
    const auto found = paths.find(inode);
    if (found == paths.end()) continue;  // its creation went, or its removal stayed
    if (auto lost = lose_sectors(found->second, file, rng); !lost) return std::move(lost).error();
  }
  if (auto lost = lose_words(rng); !lost) return std::move(lost).error();
  return loss_;
}

}  // namespace

Loss& Loss::operator+=(const Loss& other) {
  sectors_unsynced += other.sectors_unsynced;
  sectors_lost += other.sectors_lost;
  names_unsynced += other.names_unsynced;
  names_lost += other.names_lost;
  words_back += other.words_back;
  return *this;
}

Result<Loss> lose_power(const Host& host, const std::string& files, Rng& rng) {
  auto events = read_events(host.events());
  if (!events) return std::move(events).error();
  Ledger ledger;
  for (const Event& event : *events) ledger.take(event);
  auto loss = ledger.lose(host.graves(), files, rng);
  if (!loss) return loss;
  std::error_code failed;
  if (fs::exists(host.events(), failed)) fs::resize_file(host.events(), 0, failed);
  if (failed) return Error{Fault::io, host.dir + ": " + failed.message()};
  return loss;
}

}  // namespace wayside::test::power
