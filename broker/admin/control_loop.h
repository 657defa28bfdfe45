// The control thread's loop: sockets of admin and bridge, answers from other threads, a turn at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "common/result.h"

namespace wayside::broker {

// Owns     an epoll descriptor and the mailbox; not the watched descriptors.
// Thread   turn, watch, change, forget: the control thread; post: any.
// Durable  -
// Limits   the mailbox holds at most what its posters have in flight (each bounds its own).
class ControlLoop {
 public:
  using Handler = std::function<void(std::uint32_t events)>;
  static Result<std::unique_ptr<ControlLoop>> create();
  ~ControlLoop();
  ControlLoop(const ControlLoop&) = delete;
  ControlLoop& operator=(const ControlLoop&) = delete;

  Result<void> watch(int fd, std::uint32_t events, Handler handler);
  void change(int fd, std::uint32_t events);
  void forget(int fd);  // before the descriptor is closed
  void post(std::function<void()> task);
  // Waits at most timeout_ms, handles what is ready, runs what was posted.
  void turn(int timeout_ms);

 private:
  ControlLoop(int epoll_fd, int wake_fd) : epoll_fd_(epoll_fd), wake_fd_(wake_fd) {}
  void run_posted();

  int epoll_fd_;
  int wake_fd_;
  std::map<int, std::shared_ptr<Handler>> handlers_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace wayside::broker
