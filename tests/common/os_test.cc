#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "tests/support/temp_dir.h"

namespace wayside::os {
namespace {

TEST_CASE("disk: what was written reads back, short only at the end of the file") {
  const test::TempDir folder("disk");
  const auto disk = make_posix_disk();
  auto file = disk->open(folder / "a", OpenMode::create_new);
  REQUIRE(file.ok());
  REQUIRE((*file)->pwrite(as_bytes("hello"), 3).ok());
  REQUIRE((*file)->fdatasync().ok());
  Bytes out;
  REQUIRE((*file)->pread(out, 100, 3).ok());
  CHECK(as_text(out) == "hello");
  REQUIRE((*file)->pread(out, 2, 4).ok());
  CHECK(as_text(out) == "el");
  REQUIRE((*file)->pread(out, 10, 1000).ok());
  CHECK(out.empty());
  CHECK((*file)->size().value() == 8);
}

TEST_CASE("disk: a reserved file reads as zero where nothing was written, and can be cut") {
  const test::TempDir folder("disk");
  const auto disk = make_posix_disk();
  auto file = disk->open(folder / "a", OpenMode::create_new);
  REQUIRE(file.ok());
  REQUIRE((*file)->fallocate(8192).ok());
  CHECK((*file)->size().value() == 8192);
  Bytes out;
  REQUIRE((*file)->pread(out, 16, 8000).ok());
  CHECK(out == Bytes(16, 0));
  REQUIRE((*file)->truncate(10).ok());
  CHECK((*file)->size().value() == 10);
}

TEST_CASE("disk: faults name the path and their kind") {
  const test::TempDir folder("disk");
  const auto disk = make_posix_disk();
  const auto missing = disk->open(folder / "missing", OpenMode::read);
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().fault == Fault::not_found);
  CHECK(missing.error().os_errno == ENOENT);
  CHECK(missing.error().what.find("missing") != std::string::npos);
  REQUIRE(disk->open(folder / "a", OpenMode::create_new).ok());
  CHECK(disk->open(folder / "a", OpenMode::create_new).error().fault == Fault::exists);
}

TEST_CASE("disk: a second opener of a lock is fenced until the first lets go") {
  const test::TempDir folder("disk");
  const auto disk = make_posix_disk();
  {
    const auto first = disk->lock(folder / "lock");
    REQUIRE(first.ok());
    const auto second = disk->lock(folder / "lock");
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().fault == Fault::locked);
  }
  CHECK(disk->lock(folder / "lock").ok());
}

TEST_CASE("disk: a shared word is seen by another mapping of the page and by the next opener") {
  const test::TempDir folder("disk");
  const auto disk = make_posix_disk();
  {
    auto a = disk->map_word(folder / "page", 0);
    auto b = disk->map_word(folder / "page", 0);
    auto last = disk->map_word(folder / "page", 511);
    REQUIRE((a.ok() && b.ok() && last.ok()));
    CHECK((*b)->load() == 0);
    (*a)->store(0x0123456789ABCDEFULL);
    (*last)->store(7);
    CHECK((*b)->load() == 0x0123456789ABCDEFULL);
  }
  CHECK((*disk->map_word(folder / "page", 0))->load() == 0x0123456789ABCDEFULL);
  CHECK((*disk->map_word(folder / "page", 511))->load() == 7);
}

TEST_CASE("disk: folders are made with their parents and listed sorted") {
  const test::TempDir folder("disk");
  const auto disk = make_posix_disk();
  REQUIRE(disk->make_dir(folder / "x/y/z").ok());
  REQUIRE(disk->make_dir(folder / "x/y/z").ok());
  for (const char* name : {"b", "a", "c"})
    REQUIRE(disk->open(folder / (std::string("x/y/z/") + name), OpenMode::create_new).ok());
  CHECK(disk->list(folder / "x/y/z").value() == std::vector<std::string>{"a", "b", "c"});
  REQUIRE(disk->rename(folder / "x/y/z/a", folder / "x/y/z/d").ok());
  REQUIRE(disk->remove(folder / "x/y/z/b").ok());
  REQUIRE(disk->fsync_dir(folder / "x/y/z").ok());
  CHECK(disk->list(folder / "x/y/z").value() == std::vector<std::string>{"c", "d"});
  CHECK(disk->exists(folder / "x/y/z/d").value());
  CHECK_FALSE(disk->exists(folder / "x/y/z/a").value());
  REQUIRE_FALSE(disk->make_dir(folder / "x/y/z/c").ok());
}

TEST_CASE("files: an atomic write has the mode asked for, replaces whole and leaves no temporary file") {
  const test::TempDir folder("files");
  REQUIRE(write_file_atomic(folder / "key", "one", 0600).ok());
  REQUIRE(write_file_atomic(folder / "key", "two", 0640).ok());
  struct stat status{};
  REQUIRE(::stat((folder / "key").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0640);
  CHECK(read_file(folder / "key").value() == "two");
  CHECK(make_posix_disk()->list(folder.path()).value() == std::vector<std::string>{"key"});
  CHECK_FALSE(write_file_atomic(folder / "none/key", "x", 0600).ok());
}

TEST_CASE("files: a file above the bound is refused, not cut") {
  const test::TempDir folder("files");
  const std::string path = folder.write("a", "0123456789");
  CHECK(read_file(path, 10).value() == "0123456789");
  CHECK(read_file(path, 9).error().fault == Fault::no_space);
}

TEST_CASE("files: a key in hex digits is read whole, white space behind it aside, or refused as configuration") {
  const test::TempDir folder("files");
  const auto read = [&](const std::string& text) { return read_hex_file(folder.write("key", text), 3); };
  for (const char* good : {"00ffa1", "00ffa1\n", "00ffa1 \t\r\n"}) CHECK(read(good).value() == Bytes{0, 0xFF, 0xA1});
  for (const char* bad : {"", "\n", "00ff", "00ffa", "00ffa1a1", "00ffag", "00FFA1", " 00ffa1", "00ffa1\n00ffa1\n"}) {
    INFO(bad);
    CHECK(read(bad).error().fault == Fault::config);
  }
  CHECK(read_hex_file(folder / "none", 3).error().fault == Fault::not_found);
}

TEST_CASE("system: times are RFC 3339 UTC with milliseconds") {
  CHECK(rfc3339({0}) == "1970-01-01T00:00:00.000Z");
  CHECK(rfc3339({1'763'521'964'120}) == "2025-11-19T03:12:44.120Z");
  CHECK(rfc3339({-1}) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("system: a random uuid is version 4 of RFC 4122 and never the same twice") {
  const SpoolUuid a = random_uuid();
  CHECK(a != random_uuid());
  const std::string text = to_string(a);
  CHECK(text[14] == '4');
  CHECK(std::string("89ab").find(text[19]) != std::string::npos);
}

TEST_CASE("system: a free port is a port, and the environment is readable") {
  const auto port = free_port();
  REQUIRE(port.ok());
  CHECK(*port > 1023);
  CHECK(*port < 65536);
  bool path = false;
  for (const auto& [name, value] : environment()) path = path || (name == "PATH" && !value.empty());
  CHECK(path);
}

}  // namespace
}  // namespace wayside::os
