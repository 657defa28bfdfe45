// The way from `bridge edge` to the broker's command store: frames of common/ipc on its Unix socket.
//
// Owns     the socket and the thread that connects and reads.
// Thread   poll, send: the machine's. Durable: -; what was not answered the core resends.
// Limits   answers unread: answers_max, then reading stops; a write that does not go within 2 s ends the connection.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "common/ipc/frame.h"

namespace wayside::bridge::run {

struct BrokerSocketOptions {
  std::string path;
  std::string edge;  // the hello must name this edge and this spool
  SpoolUuid uuid;
  std::size_t answers_max = 10'000;
};

struct BrokerConnected {};
struct BrokerGone {
  std::string why;
};
using BrokerHappened = std::variant<BrokerConnected, BrokerGone, ipc::Answer>;

class BrokerSocket {
 public:
  BrokerSocket(BrokerSocketOptions options, std::function<void()> wake);
  ~BrokerSocket();
  BrokerSocket(const BrokerSocket&) = delete;
  BrokerSocket& operator=(const BrokerSocket&) = delete;

  std::vector<BrokerHappened> poll();
  // False: not connected; the request stays unanswered.
  bool send(const ipc::Request& request);

 private:
  void run();
  int connect_once();
  void serve(int fd);
  bool read_some(int fd, Bytes& input, bool& greeted, std::string& why);
  bool take_frame(const ipc::Frame& frame, bool& greeted, std::string& why);
  bool behind();
  void put(BrokerHappened happened);
  void pause_ms(int ms) const;

  BrokerSocketOptions options_;
  std::function<void()> wake_;
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  int fd_ = -1;                           // guarded; -1: not greeted
  std::vector<BrokerHappened> happened_;  // guarded
  std::thread thread_;
};

}  // namespace wayside::bridge::run
