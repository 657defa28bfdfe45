// A backend that writes down what it is sent: subscribes at a broker and keeps each SignalBatch and Event as a
// line of the same form as the file sink, so that one verify reads both.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "fleet/car/connection.h"

namespace wayside::fleet {

struct RecorderOptions {
  Endpoint to;
  TlsFiles tls;
  std::string client_id = "recorder";
  std::string filter = "v1/#";
  std::string file;  // *.jsonl
  // Instead of the file: told each message, on the recorder's thread.
  std::function<void(const mqtt::Publish&)> on_message;
};

// Owns    its connection, its thread, the file.
// Thread  start, stop, counters from any.
class Recorder {
 public:
  static Result<std::unique_ptr<Recorder>> start(RecorderOptions options);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder();
  void stop();
  [[nodiscard]] std::uint64_t messages() const { return messages_.load(); }
  [[nodiscard]] bool subscribed() const { return subscribed_.load(); }

 private:
  Recorder(RecorderOptions options, TlsClient tls, int fd)
      : options_(std::move(options)), tls_(std::move(tls)), file_(fd) {}
  void run();
  void serve(Connection& connection);
  void take(const mqtt::Publish& publish);

  RecorderOptions options_;
  TlsClient tls_;
  int file_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> subscribed_{false};
  std::atomic<std::uint64_t> messages_{0};
  std::uint64_t number_ = 0;
  std::thread thread_;
};

}  // namespace wayside::fleet
