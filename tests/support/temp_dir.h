// A temporary folder of one test, removed with everything in it by the destructor.
#pragma once

#include <string>

namespace wayside::test {

// Owns    one new folder under $TMPDIR (or /tmp), mode 0700.
// Thread  any.
class TempDir {
 public:
  explicit TempDir(const std::string& name = "test");
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  // "<folder>/<relative>".
  [[nodiscard]] std::string operator/(const std::string& relative) const { return path_ + "/" + relative; }
  // Writes a file in it (folders are made) and returns its path.
  std::string write(const std::string& relative, const std::string& content) const;

 private:
  std::string path_;
};

// Content of a file; empty when it cannot be read.
std::string slurp(const std::string& path);

}  // namespace wayside::test
