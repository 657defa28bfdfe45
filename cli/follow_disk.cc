#include "cli/follow_disk.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace wayside::cli {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr unsigned kWordsPerPage = kPageBytes / sizeof(std::uint64_t);

// Owns    a read-only mapping, once there is a page to map.   Thread  one.
class ReadWord final : public SharedWord {
 public:
  ReadWord(std::string path, unsigned index) : path_(std::move(path)), index_(index) { map(); }
  ~ReadWord() override {
    if (page_ != nullptr) munmap(page_, kPageBytes);
  }
  ReadWord(const ReadWord&) = delete;
  ReadWord& operator=(const ReadWord&) = delete;

  void store(std::uint64_t /*value*/) override {}  // it is its writer's
  [[nodiscard]] std::uint64_t load() const override {
    if (page_ == nullptr) map();
    if (page_ == nullptr) return 0;
    auto* word = static_cast<std::uint64_t*>(page_) + index_;
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
  }

 private:
  void map() const {
    const int descriptor = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    struct stat status{};
    // A page that is being made is shorter for a moment.
    if (fstat(descriptor, &status) == 0 && status.st_size >= static_cast<off_t>(kPageBytes)) {
      void* page = mmap(nullptr, kPageBytes, PROT_READ, MAP_SHARED, descriptor, 0);
      if (page != MAP_FAILED) page_ = page;
    }
    ::close(descriptor);
  }

  std::string path_;
  unsigned index_;
  mutable void* page_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<SharedWord>> FollowDisk::map_word(const std::string& path, unsigned index) {
  WAYSIDE_ASSERT(index < kWordsPerPage);
  return std::unique_ptr<SharedWord>(std::make_unique<ReadWord>(path, index));
}

}  // namespace wayside::cli
