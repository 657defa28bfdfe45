#include "common/os/ahead_disk.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <random>

#include "common/os/posix_disk.h"
#include "tests/support/temp_dir.h"

namespace wayside::os {
namespace {

constexpr std::size_t kPieceBytes = AheadReader::kPieceBytes;

// Files of sizes around a piece's, none with the bytes of another.
struct NamedFiles {
  test::TempDir folder{"ahead"};
  std::unique_ptr<Disk> disk = make_posix_disk();
  std::vector<std::string> paths;
  std::vector<Bytes> contents;

  NamedFiles() {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, kPieceBytes - 1, kPieceBytes,
                                   kPieceBytes + 1, std::size_t{100}, 7 * kPieceBytes + 777, 3 * kPieceBytes}) {
      add(size);
    }
  }
  void add(std::size_t size) {
    Bytes content(size);
    std::mt19937_64 bytes(paths.size());
    for (auto& byte : content) byte = static_cast<std::uint8_t>(bytes());
    paths.push_back(folder / std::to_string(paths.size()));
    auto file = disk->open(paths.back(), OpenMode::create_new);
    REQUIRE(file.ok());
    REQUIRE((*file)->pwrite(content, 0).ok());
    contents.push_back(std::move(content));
  }
  // Whether [at, at + size) of file `index` is what was written.
  [[nodiscard]] bool right(DiskFile& file, std::size_t index, std::size_t size, std::uint64_t at) const {
    Bytes out;
    if (!file.pread(out, size, at).ok()) return false;
    const ByteView whole(contents[index]);
    const std::size_t from = std::min<std::uint64_t>(at, whole.size());
    const ByteView part = whole.subspan(from, std::min(size, whole.size() - from));
    return std::equal(out.begin(), out.end(), part.begin(), part.end());
  }
};

TEST_CASE("a disk that reads ahead gives what the files hold, forward by steps of any size") {
  const NamedFiles files;
  for (const std::size_t step : {std::size_t{100'000}, std::size_t{131'072}, kPieceBytes, 5 * kPieceBytes}) {
    AheadDisk ahead(*files.disk);
    ahead.expect_reads(files.paths);
    for (std::size_t i = 0; i < files.paths.size(); ++i) {
      auto file = ahead.open(files.paths[i], OpenMode::read);
      REQUIRE(file.ok());
      CHECK((*file)->size().value() == files.contents[i].size());
      bool right = true;
      for (std::uint64_t at = 0; at <= files.contents[i].size(); at += step) {
        right = right && files.right(**file, i, step, at);
      }
      CHECK(right);
    }
  }
}

TEST_CASE("a disk that reads ahead gives what the files hold wherever and in whatever order they are read") {
  const NamedFiles files;
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  AheadDisk ahead(*files.disk);
  ahead.expect_reads(files.paths);
  bool right = true;
  for (int i = 0; i < 200; ++i) {
    const std::size_t index = random() % files.paths.size();
    auto file = ahead.open(files.paths[index], OpenMode::read);
    REQUIRE(file.ok());
    for (int j = 0; j < 3; ++j) {
      const std::uint64_t at = random() % (files.contents[index].size() + 10);
      right = right && files.right(**file, index, random() % (2 * kPieceBytes), at);
    }
  }
  CHECK(right);
}

TEST_CASE("a file that goes while it is read ahead is not found, and those behind it are read") {
  NamedFiles files;
  AheadDisk ahead(*files.disk);
  ahead.expect_reads(files.paths);
  std::filesystem::remove(files.paths[7]);
  CHECK(ahead.open(files.paths[7], OpenMode::read).error().fault == Fault::not_found);
  auto last = ahead.open(files.paths[8], OpenMode::read);
  REQUIRE(last.ok());
  CHECK(files.right(**last, 8, 3 * kPieceBytes, 0));
  std::filesystem::remove(files.paths[8]);
  CHECK(files.right(**last, 8, kPieceBytes, kPieceBytes));
}

TEST_CASE("a file that was cut after it was named is read as far as it goes") {
  NamedFiles files;
  AheadDisk ahead(*files.disk);
  ahead.expect_reads(files.paths);
  std::filesystem::resize_file(files.paths[8], 5000);
  files.contents[8].resize(5000);
  auto last = ahead.open(files.paths[8], OpenMode::read);
  REQUIRE(last.ok());
  Bytes out;
  REQUIRE((*last)->pread(out, 5000, 0).ok());
  CHECK(out == files.contents[8]);
  CHECK(files.right(**last, 8, kPieceBytes, kPieceBytes));
}

TEST_CASE("files that were not named are the disk's below") {
  const NamedFiles files;
  AheadDisk ahead(*files.disk);
  ahead.expect_reads({files.paths[2]});
  auto other = ahead.open(files.paths[7], OpenMode::read);
  REQUIRE(other.ok());
  CHECK(files.right(**other, 7, 8 * kPieceBytes, 0));
  CHECK(ahead.open(files.folder / "missing", OpenMode::read).error().fault == Fault::not_found);
  auto written = ahead.open(files.paths[2], OpenMode::read_write);
  REQUIRE(written.ok());
  REQUIRE((*written)->pwrite(as_bytes("written"), 10).ok());
  Bytes out;
  REQUIRE((*written)->pread(out, 7, 10).ok());
  CHECK(as_text(out) == "written");
}

}  // namespace
}  // namespace wayside::os
