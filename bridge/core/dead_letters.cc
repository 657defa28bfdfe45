#include "bridge/core/dead_letters.h"

#include <charconv>
#include <utility>

namespace wayside::bridge::core {
namespace {

constexpr std::string_view kSuffix = ".batch";
constexpr std::size_t kDigits = 12;

std::string name_of(std::uint64_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return digits.append(kSuffix);
}

bool number_of(const std::string& name, std::uint64_t& out) {
  if (name.size() <= kSuffix.size() || !name.ends_with(kSuffix)) return false;
  const char* end = name.data() + name.size() - kSuffix.size();
  const auto [rest, error] = std::from_chars(name.data(), end, out);
  return error == std::errc() && rest == end;
}

}  // namespace

Result<std::unique_ptr<DeadLetters>> DeadLetters::open(Disk& disk, std::string dir, std::size_t letters_max) {
  if (Result<void> made = disk.make_dir(dir); !made) return made.error();
  std::unique_ptr<DeadLetters> out(new DeadLetters(disk, std::move(dir), letters_max));
  const Result<std::vector<std::string>> names = disk.list(out->dir_);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    std::uint64_t number = 0;
    if (!number_of(name, number)) continue;
    out->names_.push_back(name);
    out->number_ = std::max(out->number_, number);
  }
  return out;
}

Result<void> DeadLetters::make_room() {
  while (!names_.empty() && names_.size() >= letters_max_) {
    if (Result<void> removed = disk_.remove(dir_ + "/" + names_.front()); !removed) return removed;
    names_.pop_front();
  }
  return {};
}

Result<void> DeadLetters::keep(const std::string& heading, ByteView message) {
  if (letters_max_ == 0) return {};
  if (Result<void> room = make_room(); !room) return room;
  const std::string name = name_of(++number_);
  Result<std::unique_ptr<DiskFile>> file = disk_.open(dir_ + "/" + name, OpenMode::create_new);
  if (!file) return file.error();
  names_.push_back(name);
  Bytes content(heading.begin(), heading.end());
  content.push_back('\n');
  content.insert(content.end(), message.begin(), message.end());
  if (Result<void> written = (*file)->pwrite(content, 0); !written) return written;
  if (Result<void> synced = (*file)->fdatasync(); !synced) return synced;
  return disk_.fsync_dir(dir_);
}

}  // namespace wayside::bridge::core
