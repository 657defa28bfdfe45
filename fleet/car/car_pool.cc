#include "fleet/car/car_pool.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <future>

#include "common/os/system.h"

namespace wayside::fleet {
namespace {

constexpr std::uint64_t kWakeToken = UINT64_MAX;
constexpr int kWaitMsMax = 200;

void add_to(CarStats& total, const CarStats& one) {
  total.frames += one.frames;
  total.acked += one.acked;
  total.refused += one.refused;
  total.resent += one.resent;
  total.skipped += one.skipped;
  total.connects += one.connects;
  total.bytes += one.bytes;
  total.commands += one.commands;
}

}  // namespace

CarPool::~CarPool() {
  stop();
  if (epoll_ >= 0) ::close(epoll_);
  if (wake_ >= 0) ::close(wake_);
}

Result<void> CarPool::start() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (epoll_ < 0 || wake_ < 0) return Error{Fault::io, std::string("car pool: ") + std::strerror(errno), errno};
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeToken;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    return Error{Fault::io, std::string("car pool: ") + std::strerror(errno), errno};
  }
  watched_.resize(cars_.size());
  running_ = true;
  thread_ = std::thread([this] { run(); });
  return {};
}

void CarPool::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  post([](MonoMs) {});
  thread_.join();
}

void CarPool::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  // A full eventfd counter means that the loop is awake already.
  [[maybe_unused]] const auto put = ::write(wake_, &one, sizeof one);
}

void CarPool::call(const Task& task) {
  std::promise<void> done;
  {
    const std::lock_guard lock(mutex_);
    if (!running_) {  // the cars stand still: nobody else looks at them
      task(os::SystemClock().mono());
      return;
    }
    tasks_.push_back([&](MonoMs now) {
      task(now);
      done.set_value();
    });
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto put = ::write(wake_, &one, sizeof one);
  done.get_future().wait();
}

void CarPool::run_tasks(MonoMs now) {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks) task(now);
}

void CarPool::with(const std::string& vehicle, const std::function<void(Car&, MonoMs)>& then) {
  call([&](MonoMs now) {
    for (auto& car : cars_) {
      if (car->vehicle() == vehicle) then(*car, now);
    }
  });
}

void CarPool::go_offline(const std::string& vehicle) {
  with(vehicle, [](Car& car, MonoMs now) { car.go_offline(now); });
}
void CarPool::come_back(const std::string& vehicle) {
  with(vehicle, [](Car& car, MonoMs now) { car.come_back(now); });
}
void CarPool::redirect(const std::string& vehicle, const Endpoint& to) {
  with(vehicle, [&](Car& car, MonoMs) { car.redirect(to); });
}
void CarPool::finish() {
  call([this](MonoMs) {
    for (auto& car : cars_) car->finish();
  });
}

void CarPool::count(const Car& car, PoolStats& stats) const {
  add_to(stats.total, car.stats());
  ++stats.cars;
  stats.online += car.online() ? 1 : 0;
  stats.idle += car.idle() ? 1 : 0;
  stats.finished += car.finished() ? 1 : 0;
  stats.in_flight += car.in_flight();
  stats.waiting += car.waiting();
  if (!car.online() && !car.last_failure().empty()) stats.last_failure = car.last_failure();
}

PoolStats CarPool::stats() {
  PoolStats stats;
  call([&](MonoMs) {
    for (const auto& car : cars_) count(*car, stats);
    stats.fault = fault_;
  });
  return stats;
}

PoolStats CarPool::stats_of(const std::string& vehicle) {
  PoolStats stats;
  with(vehicle, [&](Car& car, MonoMs) { count(car, stats); });
  return stats;
}

void CarPool::watch(std::size_t index) {
  auto& watched = watched_[index];
  const auto& car = *cars_[index];
  const auto* connection = car.connection();
  if (connection == nullptr || connection->fd() < 0) {
    watched = {};  // closing the socket took it out of epoll
    return;
  }
  const bool fresh = watched.connection_number != car.connection_number();
  if (!fresh && watched.writable == connection->wants_write()) return;
  watched = {connection->fd(), connection->wants_write(), car.connection_number()};
  epoll_event event{};
  event.events = EPOLLIN | (watched.writable ? EPOLLOUT : 0U);
  event.data.u64 = index;
  if (epoll_ctl(epoll_, fresh ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, watched.fd, &event) != 0) fault_ = std::strerror(errno);
}

int CarPool::wait_ms(MonoMs now) const {
  MonoMs due{now.value + kWaitMsMax};
  for (const auto& car : cars_) due = std::min(due, car->due());
  return static_cast<int>(std::clamp<std::int64_t>(due - now, 0, kWaitMsMax));
}

void CarPool::turn() {
  const os::SystemClock clock;
  std::array<epoll_event, 256> events;
  const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms(clock.mono()));
  const auto now = clock.mono();
  const auto wall = clock.wall();
  for (int i = 0; i < count; ++i) {
    const auto token = events[static_cast<std::size_t>(i)].data.u64;
    if (token == kWakeToken) {
      std::uint64_t ignored = 0;
      [[maybe_unused]] const auto got = ::read(wake_, &ignored, sizeof ignored);
      continue;
    }
    cars_[token]->pump(now, wall);
  }
  run_tasks(now);
  for (auto& car : cars_) car->step(now, wall);
  // What a car said is in its journal, and what was acknowledged is synced, before new bytes leave.
  if (auto written = journal_->turn(); !written) fault_ = written.error().what;
  for (std::size_t index = 0; index < cars_.size(); ++index) {
    cars_[index]->flush(now);
    watch(index);
  }
}

void CarPool::run() {
  while (!stopping_ && fault_.empty()) turn();
  for (auto& car : cars_) car->say_goodbye();
  if (auto written = journal_->turn(); !written && fault_.empty()) fault_ = written.error().what;
  // Later callers run their tasks themselves; earlier ones get their answer here.
  std::vector<Task> rest;
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
    rest.swap(tasks_);
  }
  for (const auto& task : rest) task(os::SystemClock().mono());
}

}  // namespace wayside::fleet
