// A listening Unix socket of ours, and who is at the other end of a connection.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "common/result.h"

namespace wayside::broker {

// Owns     the descriptor and the path: removed at the end.
// Thread   one.
// Limits   paths of 107 characters; a stale socket is replaced (the caller holds the volume's lock).
class UnixListener {
 public:
  static Result<UnixListener> listen(const std::string& path, mode_t mode);
  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();

  [[nodiscard]] int fd() const { return fd_; }
  // A non-blocking connection; -1: none waits.
  [[nodiscard]] int accept() const;

 private:
  UnixListener(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::string path_;
};

// SO_PEERCRED: the peer runs as the user we run as, or as root.
bool peer_is_ours(int fd);

// What a non-blocking socket gave or took.
enum class IoStatus : std::uint8_t { some, later, gone };
struct IoResult {
  IoStatus status = IoStatus::later;
  std::size_t bytes = 0;
};
IoResult read_from(int fd, void* into, std::size_t size);
IoResult write_to(int fd, const void* from, std::size_t size);

}  // namespace wayside::broker
