#include <optional>
#include <utility>

#include "bridge/run/sink_thread.h"
#include "bridge/sink/file_sink.h"
#include "common/os/system.h"

namespace wayside::bridge::run {
namespace {

constexpr long long kIdleMs = 100;
constexpr long long kRetryMs = 1'000;

class FileSinkThread final : public SinkThread {
 public:
  FileSinkThread(SinkPlace place, SinkOptions options)
      : place_(std::move(place)), options_(std::move(options)), thread_([this] { run(); }) {}
  ~FileSinkThread() override { stop(); }

  void wake() override { wakeup_.notify(); }
  void stop() override {
    over_.store(true);
    wakeup_.notify();
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] Offset done(Lane lane) const override { return {done_[index_of(lane)].load()}; }
  [[nodiscard]] const SinkCounters& counters() const override { return counters_; }
  [[nodiscard]] std::string name() const override { return "file"; }

 private:
  void run() {
    while (!over_.load()) {
      if (!sink_ && !open()) {
        wakeup_.wait_ms(kRetryMs);
        continue;
      }
      if (!turn()) wakeup_.wait_ms(kIdleMs);
    }
    // What is durable in the core log is written before the end: a stop leaves no tail behind.
    while (sink_ && turn()) continue;
  }

  bool open() {
    spool::Volume volume;
    volume.root = place_.log_root;
    volume.uuid = place_.log_uuid;
    sink::FileSinkOptions options;
    options.dir = options_.path;
    auto opened = sink::FileSink::open(place_.disk, volume, std::move(options));
    if (!opened) return fault(opened.error()), false;
    sink_ = std::move(*opened);
    show();
    return true;
  }

  // One bounded turn of every lane, in order of service. True: something was written.
  bool turn() {
    bool moved = false;
    for (const Lane lane : kAllLanes) {
      const Result<std::uint64_t> written = sink_->turn(lane);
      if (!written) {
        fault(written.error());
        sink_.reset();  // opened again from what is durable
        return false;
      }
      counters_.objects += *written;
      moved = moved || *written > 0;
    }
    if (moved) show();
    return moved;
  }

  void show() {
    for (const Lane lane : kAllLanes) done_[index_of(lane)].store(sink_->done(lane).value);
    counters_.damaged.store(sink_->damaged());
  }
  void fault(const Error& error) {
    ++counters_.faults;
    say_sink_fault(pace_, "file", error);
  }

  SinkPlace place_;
  SinkOptions options_;
  os::SystemClock clock_;
  log::Pace pace_{clock_};
  std::unique_ptr<sink::FileSink> sink_;
  std::array<std::atomic<std::uint64_t>, kLanes> done_{};
  SinkCounters counters_;
  Wakeup wakeup_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<SinkThread> start_file_sink(SinkPlace place, const SinkOptions& options) {
  return std::make_unique<FileSinkThread>(std::move(place), options);
}

}  // namespace wayside::bridge::run
