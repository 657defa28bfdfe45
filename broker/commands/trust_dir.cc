#include "broker/commands/trust_dir.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "common/os/system.h"

namespace wayside::broker {

Result<intent::PublicKey> read_public_key(const std::string& path) {
  intent::PublicKey key{};
  auto bytes = os::read_hex_file(path, key.size());
  if (!bytes) return std::move(bytes).error();
  std::ranges::copy(*bytes, key.begin());
  return key;
}

std::vector<TrustDir::File> TrustDir::look() {
  std::vector<std::string> names;
  names_.clear();
  unreadable_ = 0;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(path_.c_str()), closedir);
  if (!dir) {
    ++unreadable_;
    complain(path_ + ": the folder of lists cannot be read");
    return {};
  }
  while (const dirent* entry = readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(".wsl") && !name.starts_with(".")) names.emplace_back(name);
  }
  std::ranges::sort(names);
  if (names.size() > kFilesMax) {
    complain(path_ + ": more lists than are read");
    names.resize(kFilesMax);
  }
  names_.insert(names.begin(), names.end());
  std::vector<File> out;
  for (const std::string& name : names) {
    const std::string path = path_ + "/" + name;
    struct stat now{};
    if (stat(path.c_str(), &now) != 0) {
      ++unreadable_;
      complain(path + ": cannot be read");
      continue;
    }
    const Stamp stamp{now.st_mtim.tv_sec, now.st_mtim.tv_nsec, now.st_ino, now.st_size};
    if (const auto seen = seen_.find(name); seen != seen_.end() && seen->second == stamp) continue;
    const auto content = os::read_file(path, kFileBytesMax);
    if (!content) {
      ++unreadable_;
      complain(content.error().what);
      continue;
    }
    seen_[name] = stamp;
    const ByteView bytes = as_bytes(*content);
    out.push_back({name, Bytes(bytes.begin(), bytes.end())});
  }
  return out;
}

void TrustDir::complain(const std::string& sentence) {
  if (complained_.size() < kFilesMax && complained_.insert(sentence).second) sentences_.push_back(sentence);
}

}  // namespace wayside::broker
