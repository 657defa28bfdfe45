// Many cars on one thread: one epoll loop, one journal, one group of syncs a turn.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "fleet/car/car.h"

namespace wayside::fleet {

struct PoolStats {
  CarStats total;
  std::uint64_t cars = 0, online = 0, idle = 0, in_flight = 0, waiting = 0, finished = 0;
  std::string fault;         // the journal failed: the pool has stopped
  std::string last_failure;  // of any car's connection
};

// Owns    the cars, the journal, the thread.
// Thread  every method may be called from any; the cars live on the pool's own thread.
// Durable what the journal has synced.
class CarPool {
 public:
  explicit CarPool(std::unique_ptr<Journal> journal) : journal_(std::move(journal)) {}
  CarPool(const CarPool&) = delete;
  CarPool& operator=(const CarPool&) = delete;
  ~CarPool();

  [[nodiscard]] Journal& journal() { return *journal_; }
  // Before start() only.
  void add(std::unique_ptr<Car> car) { cars_.push_back(std::move(car)); }
  Result<void> start();
  // Cars say DISCONNECT, the journal is synced, the thread ends.
  void stop();

  void go_offline(const std::string& vehicle);
  void come_back(const std::string& vehicle);
  // Its next connection goes there: another edge of the region.
  void redirect(const std::string& vehicle, const Endpoint& to);
  void finish();  // all cars: no further frame, what waits is still sent
  [[nodiscard]] PoolStats stats();
  // Of one car; all zero when there is none of that name.
  [[nodiscard]] PoolStats stats_of(const std::string& vehicle);

 private:
  using Task = std::function<void(MonoMs)>;
  void run();
  void turn();
  void post(Task task);
  // Runs `task` on the pool's thread and waits for it.
  void call(const Task& task);
  void run_tasks(MonoMs now);
  void watch(std::size_t index);
  void count(const Car& car, PoolStats& stats) const;
  void with(const std::string& vehicle, const std::function<void(Car&, MonoMs)>& then);
  [[nodiscard]] int wait_ms(MonoMs now) const;

  struct Watched {
    int fd = -1;
    bool writable = false;
    std::uint64_t connection_number = 0;
  };

  std::unique_ptr<Journal> journal_;
  std::vector<std::unique_ptr<Car>> cars_;
  std::vector<Watched> watched_;  // index as in cars_
  int epoll_ = -1;
  int wake_ = -1;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::string fault_;
  std::mutex mutex_;
  std::vector<Task> tasks_;
  bool running_ = false;
};

}  // namespace wayside::fleet
