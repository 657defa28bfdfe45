#include "tests/rotate/mount.h"

#include <filesystem>

#include "common/os/system.h"

namespace wayside::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kData = "..data";
constexpr const char* kFresh = "..data_tmp";

// "..2026_11_25_04_00_00.000000001"
std::string moment_name(std::uint64_t moment) {
  std::string name = "..";
  for (const char c : os::rfc3339(os::SystemClock().wall()).substr(0, 19))
    name += c == '-' || c == ':' || c == 'T' ? '_' : c;
  const std::string digits = std::to_string(moment);
  return name + "." + std::string(9 - digits.size(), '0') + digits;
}

}  // namespace

Result<Mount> Mount::create(std::string dir, Files files) {
  Mount mount(std::move(dir));
  if (auto made = os::make_dirs(mount.dir_); !made) return std::move(made).error();
  if (auto first = mount.swap(std::move(files)); !first) return std::move(first).error();
  return mount;
}

// The order of the kubelet's AtomicWriter.
Result<void> Mount::swap(Files files) try {
  const fs::path dir(dir_);
  const fs::path data = dir / kData;
  const std::string name = moment_name(++moment_);
  const fs::path old = fs::is_symlink(data) ? dir / fs::read_symlink(data) : fs::path();
  fs::create_directory(dir / name);
  for (const auto& [file, content] : files) {
    if (auto written = os::write_file_atomic((dir / name / file).string(), content, 0600); !written) return written;
  }
  fs::create_directory_symlink(name, dir / kFresh);
  fs::rename(dir / kFresh, data);
  for (const auto& [file, content] : files) {
    if (!fs::is_symlink(dir / file)) fs::create_symlink(fs::path(kData) / file, dir / file);
  }
  for (const auto& [file, content] : files_) {
    if (!files.contains(file)) fs::remove(dir / file);
  }
  if (!old.empty()) fs::remove_all(old);
  files_ = std::move(files);
  return {};
} catch (const fs::filesystem_error& failed) {
  return Error{Fault::io, failed.what()};
}

Result<void> Mount::swap(const std::string& name, std::string content) {
  Files files = files_;
  files[name] = std::move(content);
  return swap(std::move(files));
}

Result<void> Mount::take_away(const std::string& name) {
  Files files = files_;
  files.erase(name);
  return swap(std::move(files));
}

}  // namespace wayside::test
