#include "bridge/run/broker_socket.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace wayside::bridge::run {
namespace {

constexpr int kRetryMs = 250;
constexpr int kSliceMs = 250;

void set_timeout(int fd, int option, int ms) {
  const timeval value{ms / 1000, (ms % 1000) * 1000};
  setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
}

bool write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
  }
  return true;
}

}  // namespace

BrokerSocket::BrokerSocket(BrokerSocketOptions options, std::function<void()> wake)
    : options_(std::move(options)), wake_(std::move(wake)), thread_([this] { run(); }) {}

BrokerSocket::~BrokerSocket() {
  over_.store(true);
  thread_.join();
}

std::vector<BrokerHappened> BrokerSocket::poll() {
  const std::lock_guard lock(mutex_);
  return std::exchange(happened_, {});
}

bool BrokerSocket::send(const ipc::Request& request) {
  Bytes frame;
  ipc::encode_frame(request, frame);
  const std::lock_guard lock(mutex_);
  if (fd_ < 0) return false;
  if (write_all(fd_, frame)) return true;
  shutdown(fd_, SHUT_RDWR);  // a frame cut short cannot be continued; the reader sees the end
  return false;
}

void BrokerSocket::put(BrokerHappened happened) {
  {
    const std::lock_guard lock(mutex_);
    happened_.push_back(std::move(happened));
  }
  wake_();
}

void BrokerSocket::pause_ms(int ms) const { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

void BrokerSocket::run() {
  while (!over_.load()) {
    const int fd = connect_once();
    if (fd >= 0) serve(fd);
    if (!over_.load()) pause_ms(kRetryMs);
  }
}

int BrokerSocket::connect_once() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options_.path.size() >= sizeof address.sun_path) return -1;
  std::memcpy(address.sun_path, options_.path.c_str(), options_.path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  set_timeout(fd, SO_RCVTIMEO, kSliceMs);
  set_timeout(fd, SO_SNDTIMEO, 2000);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

void BrokerSocket::serve(int fd) {
  Bytes input;
  bool greeted = false;
  std::string why = "stopping";
  while (!over_.load() && read_some(fd, input, greeted, why)) continue;
  {
    const std::lock_guard lock(mutex_);
    fd_ = -1;
  }
  close(fd);
  put(BrokerGone{why});
}

bool BrokerSocket::behind() {
  const std::lock_guard lock(mutex_);
  return happened_.size() >= options_.answers_max;
}

bool BrokerSocket::read_some(int fd, Bytes& input, bool& greeted, std::string& why) {
  if (behind()) {  // the machine takes its time: let the socket fill
    pause_ms(10);
    return true;
  }
  std::array<std::uint8_t, 16384> chunk;
  const ssize_t got = recv(fd, chunk.data(), chunk.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return true;
  if (got <= 0) return why = got == 0 ? "closed by the broker" : std::strerror(errno), false;
  input.insert(input.end(), chunk.begin(), chunk.begin() + got);
  for (;;) {
    const ipc::DecodedFrame frame = ipc::decode_frame(input);
    if (frame.status == ipc::FrameStatus::need_more) return true;
    if (frame.status == ipc::FrameStatus::malformed) return why = "malformed frame", false;
    input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(frame.consumed));
    const bool was = greeted;
    if (!take_frame(frame.frame, greeted, why)) return false;
    if (greeted && !was) {
      {
        const std::lock_guard lock(mutex_);
        fd_ = fd;
      }
      put(BrokerConnected{});
    }
  }
}

bool BrokerSocket::take_frame(const ipc::Frame& frame, bool& greeted, std::string& why) {
  if (const auto* hello = std::get_if<ipc::Hello>(&frame)) {
    if (hello->edge != options_.edge || hello->uuid != options_.uuid) {
      return why = "the broker is of another edge or volume", false;
    }
    greeted = true;
    return true;
  }
  const auto* answer = std::get_if<ipc::Answer>(&frame);
  if (answer == nullptr || !greeted) return why = "unexpected frame", false;
  put(*answer);
  return true;
}

}  // namespace wayside::bridge::run
