#include "bridge/sink/followed_log.h"

#include <algorithm>

#include "bridge/core/seal.h"
#include "common/whole_file.h"

namespace wayside::bridge::sink {
namespace {

constexpr std::string_view kMagic = "WSFOLLOW";
constexpr std::uint64_t kFileBytesMax = 64;

}  // namespace

Result<std::optional<SpoolUuid>> followed_log(Disk& disk, const std::string& dir, const std::string& name) {
  const Result<std::optional<Bytes>> stored = load_whole(disk, dir, name, kFileBytesMax);
  if (!stored && stored.error().fault == Fault::corrupt) return std::optional<SpoolUuid>();
  if (!stored) return stored.error();
  if (!*stored) return std::optional<SpoolUuid>();
  SpoolUuid uuid;
  const std::optional<ByteView> body = core::unseal(**stored, kMagic);
  if (!body || body->size() != kMagic.size() + uuid.bytes.size()) return std::optional<SpoolUuid>();
  std::copy(body->begin() + kMagic.size(), body->end(), uuid.bytes.begin());
  return std::optional<SpoolUuid>(uuid);
}

Result<void> refuse_other_log(Disk& disk, const std::string& dir, const std::string& name, const SpoolUuid& log) {
  const Result<std::optional<SpoolUuid>> stored = followed_log(disk, dir, name);
  if (!stored) return stored.error();
  if (!*stored || **stored == log) return {};
  return Error{Fault::corrupt, dir + "/" + name + ": the sink has followed core log " + to_string(**stored) +
                                   ", and this one is " + to_string(log)};
}

Result<void> follow_log(Disk& disk, const std::string& dir, const std::string& name, const SpoolUuid& log) {
  const Result<std::optional<SpoolUuid>> stored = followed_log(disk, dir, name);
  if (!stored) return stored.error();
  // The name may be newer than what a loss of power would leave.
  if (*stored && **stored == log) return disk.fsync_dir(dir);
  Bytes bytes(kMagic.size() + log.bytes.size());
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  std::copy(log.bytes.begin(), log.bytes.end(), bytes.begin() + kMagic.size());
  core::seal(bytes);
  return store_whole(disk, dir, name, bytes);
}

}  // namespace wayside::bridge::sink
