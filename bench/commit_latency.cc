#include "bench/commit_latency.h"

#include <algorithm>
#include <chrono>

#include "common/os/posix_disk.h"

namespace wayside::bench {
namespace {

constexpr std::size_t kSectorBytes = 512;

// Appends a sector to a file that was filled ahead, as a commit of one small record does, and syncs it.
Result<double> bare_sync(DiskFile& file, std::uint64_t at) {
  const Bytes sector(kSectorBytes, std::uint8_t{0x5A});
  const auto begun = std::chrono::steady_clock::now();
  if (auto wrote = file.pwrite(sector, at); !wrote) return std::move(wrote).error();
  if (auto synced = file.fdatasync(); !synced) return std::move(synced).error();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace

Result<CommitLatency> sample_commit_latency(PublisherLoad& load, const std::string& dir, std::size_t samples) {
  const auto disk = os::make_posix_disk();
  const std::string path = dir + "/bare-sync";
  auto file = disk->open(path, OpenMode::create_new);
  if (!file) return std::move(file).error();
  if (auto filled = (*file)->fallocate(samples * kSectorBytes); !filled) return std::move(filled).error();
  CommitLatency latency;
  for (std::size_t i = 0; i < samples; ++i) {
    auto sync = bare_sync(**file, i * kSectorBytes);
    if (!sync) return std::move(sync).error();
    auto publish = load.one();
    if (!publish) return std::move(publish).error();
    latency.sync_ms.push_back(*sync);
    latency.publish_ms.push_back(*publish);
  }
  std::sort(latency.sync_ms.begin(), latency.sync_ms.end());
  std::sort(latency.publish_ms.begin(), latency.publish_ms.end());
  if (auto removed = disk->remove(path); !removed) return std::move(removed).error();
  return latency;
}

double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace wayside::bench
