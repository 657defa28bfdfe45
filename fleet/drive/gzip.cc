#include "fleet/drive/gzip.h"

#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace wayside::fleet {

Result<std::string> read_text_or_gzip(const std::string& path, std::size_t bytes_max) {
  // gzread passes plain files through unchanged, so one loop reads both kinds.
  errno = 0;
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), &gzclose);
  if (!file) return Error{errno == ENOENT ? Fault::not_found : Fault::io, path + ": " + std::strerror(errno), errno};
  std::string text;
  std::array<char, 1U << 16U> chunk;
  for (;;) {
    const int got = gzread(file.get(), chunk.data(), static_cast<unsigned>(chunk.size()));
    if (got == 0) break;
    if (got < 0) {
      int code = 0;
      return Error{Fault::corrupt, path + ": " + gzerror(file.get(), &code)};
    }
    if (text.size() + static_cast<std::size_t>(got) > bytes_max) {
      return Error{Fault::no_space, path + ": larger than the bound when uncompressed"};
    }
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace wayside::fleet
