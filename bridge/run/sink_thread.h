// A thread behind the accept thread that feeds one sink.
//
// Owns     its thread; the sink itself is opened and closed on it.
// Thread   start, stop, wake, done: any. Limits: as the sink's.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "bridge/run/config.h"
#include "bridge/run/wakeup.h"
#include "common/disk.h"
#include "common/log/pace.h"
#include "spool/spool.h"

namespace wayside::bridge::run {

struct SinkCounters {
  std::atomic<std::uint64_t> objects{0};
  std::atomic<std::uint64_t> faults{0};
  std::atomic<std::uint64_t> damaged{0};  // core records that could not be read
  std::atomic<std::uint64_t> skipped{0};  // records on topics that no sink publishes
};

class SinkThread {
 public:
  virtual ~SinkThread() = default;
  virtual void wake() = 0;
  virtual void stop() = 0;  // joins
  // Core offset below which the sink is durable; zero until it is open.
  [[nodiscard]] virtual Offset done(Lane lane) const = 0;
  [[nodiscard]] virtual const SinkCounters& counters() const = 0;
  [[nodiscard]] virtual std::string name() const = 0;
};

struct SinkPlace {
  Disk& disk;
  std::string log_root;  // of the core log
  SpoolUuid log_uuid;
  std::string state_dir;  // for offsets of sinks that have no folder of their own
  std::size_t number = 0;
};

// Into the log, at the pace of its kind.
void say_sink_fault(log::Pace& pace, const char* sink, const Error& error);

std::unique_ptr<SinkThread> start_file_sink(SinkPlace place, const SinkOptions& options);
// `connection`: of the sink alone.
std::unique_ptr<SinkThread> start_mqtt_sink(SinkPlace place, const SinkOptions& options, MqttOptions connection);

}  // namespace wayside::bridge::run
