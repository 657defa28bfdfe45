#include "broker/admin/control_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace wayside::broker {
namespace {

constexpr std::size_t kEventsMax = 64;  // a turn

Error failed(const char* call) { return {Fault::io, std::string(call) + ": " + std::strerror(errno), errno}; }

}  // namespace

Result<std::unique_ptr<ControlLoop>> ControlLoop::create() {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return failed("epoll_create1");
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) return failed("eventfd");
  std::unique_ptr<ControlLoop> loop(new ControlLoop(epoll_fd, wake_fd));
  Result<void> watched = loop->watch(wake_fd, EPOLLIN, [wake_fd](std::uint32_t) {
    std::uint64_t count = 0;
    while (read(wake_fd, &count, sizeof count) > 0) {
    }
  });
  if (!watched.ok()) return std::move(watched).error();
  return loop;
}

ControlLoop::~ControlLoop() {
  close(wake_fd_);
  close(epoll_fd_);
}

Result<void> ControlLoop::watch(int fd, std::uint32_t events, Handler handler) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) return failed("epoll_ctl");
  handlers_[fd] = std::make_shared<Handler>(std::move(handler));
  return {};
}

void ControlLoop::change(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event);
}

void ControlLoop::forget(int fd) {
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  handlers_.erase(fd);
}

void ControlLoop::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  while (write(wake_fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void ControlLoop::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (const std::function<void()>& task : tasks) task();
}

void ControlLoop::turn(int timeout_ms) {
  std::array<epoll_event, kEventsMax> events{};
  const int ready = epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < ready; ++i) {
    // A handler may forget others: look each one up again, and keep the one that runs alive.
    const auto found = handlers_.find(events[static_cast<std::size_t>(i)].data.fd);
    if (found == handlers_.end()) continue;
    const std::shared_ptr<Handler> handler = found->second;
    (*handler)(events[static_cast<std::size_t>(i)].events);
  }
  run_posted();
}

}  // namespace wayside::broker
