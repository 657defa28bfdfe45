#include "bench/bare_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <unordered_map>
#include <vector>

#include "bench/group_file.h"
#include "broker/gate/listener.h"
#include "broker/gate/tls_stream.h"
#include "common/os/system.h"

namespace wayside::bench {
namespace {

using broker::gate::Listener;
using broker::gate::TlsStatus;
using broker::gate::TlsStream;
using broker::gate::Trust;

constexpr std::size_t kEventsMax = 256;
constexpr int kAhead = 2;  // so many peers before its turn one is fetched into the cache
constexpr std::size_t kReceiveBytes = 64U << 10U;
constexpr std::uint32_t kUserTimeoutMs = 20'000;

struct Peer {
  Peer(int socket, std::shared_ptr<const Trust> trust, const Clock& clock) : fd(socket), tls(std::move(trust), clock) {}
  ~Peer() { ::close(fd); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  int fd;
  TlsStream tls;
  bool open = false;  // the handshake is through
  Bytes input;
  Bytes held;     // acknowledgements of what is in the next group
  Bytes leaving;  // and in the one that is written
};

// Length of the packet at the front of `bytes` and of its header; 0: not whole yet.
struct Frame {
  std::size_t total = 0;
  std::size_t header = 0;
};
Frame frame_of(ByteView bytes) {
  std::size_t length = 0;
  for (std::size_t i = 1; i < bytes.size() && i <= 4; ++i) {
    length |= static_cast<std::size_t>(bytes[i] & 0x7FU) << (7 * (i - 1));
    if ((bytes[i] & 0x80U) != 0) continue;
    return bytes.size() >= i + 1 + length ? Frame{i + 1 + length, i + 1} : Frame{};
  }
  return {};
}

// CONNACK for CONNECT, PUBACK for PUBLISH of QoS 1.
void answer(ByteView packet, std::size_t header, Bytes& out) {
  const unsigned type = packet[0] >> 4U;
  if (type == 1) {
    const std::array<std::uint8_t, 5> connack = {0x20, 3, 0, 0, 0};
    out.insert(out.end(), connack.begin(), connack.end());
  }
  if (type != 3 || packet.size() < header + 2) return;
  const std::size_t topic = static_cast<std::size_t>(packet[header]) << 8U | packet[header + 1];
  const std::size_t id = header + 2 + topic;
  if (packet.size() < id + 2) return;
  const std::array<std::uint8_t, 4> puback = {0x40, 2, packet[id], packet[id + 1]};
  out.insert(out.end(), puback.begin(), puback.end());
}

class BareLoop {
 public:
  // `file`: publishes are acknowledged once they are in it, durable; nullptr: at once.
  BareLoop(Listener listener, std::shared_ptr<const Trust> trust, std::unique_ptr<GroupFile> file)
      : listener_(std::move(listener)),
        trust_(std::move(trust)),
        file_(std::move(file)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    watch(listener_.fd());
    if (file_) watch(file_->done_fd());
  }
  [[noreturn]] void run() {
    std::array<epoll_event, kEventsMax> events{};
    for (;;) {
      const int count = ::epoll_wait(epoll_, events.data(), kEventsMax, -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
        if (file_ && i + kAhead < count) fetch(events.at(static_cast<std::size_t>(i + kAhead)).data.fd);
        if (fd == listener_.fd()) {
          accept();
        } else if (file_ && fd == file_->done_fd()) {
          release();
        } else if (!serve(*peers_.at(fd))) {
          peers_.erase(fd);
        }
      }
      if (file_) write_group();
    }
  }

 private:
  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    WAYSIDE_ASSERT(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
  }
  void accept() {
    const int fd = listener_.accept(kUserTimeoutMs);
    if (fd < 0) return;
    peers_.emplace(fd, std::make_unique<Peer>(fd, trust_, clock_));
    watch(fd);
  }
  // False: the connection is over.
  bool serve(Peer& peer) {
    const ssize_t got = ::recv(peer.fd, receive_.data(), receive_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got <= 0) return false;
    peer.tls.feed(ByteView(receive_).first(static_cast<std::size_t>(got)));
    if (!peer.open) {
      const TlsStatus status = peer.tls.handshake();
      if (status == TlsStatus::failed) return false;
      peer.open = status == TlsStatus::ok;
    }
    if (peer.open && !read(peer)) return false;
    peer.tls.keep_rest();
    return send(peer);
  }
  bool read(Peer& peer) {
    for (;;) {
      std::size_t got = 0;
      const TlsStatus status = peer.tls.read(plaintext_, got);
      if (status == TlsStatus::closed || status == TlsStatus::failed) return false;
      if (status == TlsStatus::need_more) break;
      const ByteView plaintext = ByteView(plaintext_).first(got);
      if (peer.input.empty()) {
        const std::size_t taken = acknowledge(plaintext);
        peer.input.assign(plaintext.begin() + static_cast<std::ptrdiff_t>(taken), plaintext.end());
      } else {
        peer.input.insert(peer.input.end(), plaintext.begin(), plaintext.end());
        const std::size_t taken = acknowledge(peer.input);
        peer.input.erase(peer.input.begin(), peer.input.begin() + static_cast<std::ptrdiff_t>(taken));
      }
    }
    if (answers_.empty()) return true;
    if (file_ && published_) return hold(peer);
    const bool wrote = peer.tls.write(answers_);
    answers_.clear();
    return wrote;
  }
  // Returns how much of `bytes` are whole packets.
  std::size_t acknowledge(ByteView bytes) {
    std::size_t at = 0;
    for (;;) {
      const ByteView rest = bytes.subspan(at);
      const Frame frame = frame_of(rest);
      if (frame.total == 0) return at;
      const ByteView packet = rest.first(frame.total);
      answer(packet, frame.header, answers_);
      if (file_ && packet[0] >> 4U == 3) {
        group_.insert(group_.end(), packet.begin(), packet.end());
        published_ = true;
      }
      at += frame.total;
    }
  }
  // Ahead of its turn, as the gate does: by the time of its acknowledgement a peer has left the cache.
  void fetch(int fd) const {
    const auto found = peers_.find(fd);
    if (found != peers_.end() && found->second->open) found->second->tls.prefetch();
  }
  // Until the group that its publishes are in is durable.
  bool hold(Peer& peer) {
    if (peer.held.empty()) held_.push_back(peer.fd);
    peer.held.insert(peer.held.end(), answers_.begin(), answers_.end());
    answers_.clear();
    published_ = false;
    return true;
  }
  // One group at a time: what comes while it is written is the next one.
  void write_group() {
    if (writing_ || group_.empty()) return;
    file_->write(group_);
    held_.swap(written_);
    for (const int fd : written_) {
      const auto found = peers_.find(fd);
      if (found != peers_.end()) found->second->leaving.swap(found->second->held);
    }
    writing_ = true;
  }
  void release() {
    eventfd_t count = 0;
    ::eventfd_read(file_->done_fd(), &count);
    writing_ = false;
    for (std::size_t i = 0; i < written_.size(); ++i) {
      if (i + kAhead < written_.size()) fetch(written_[i + kAhead]);
      const auto found = peers_.find(written_[i]);
      if (found == peers_.end()) continue;
      Peer& peer = *found->second;
      const bool left = peer.tls.write(peer.leaving) && send(peer);
      peer.leaving.clear();
      if (!left) peers_.erase(found);
    }
    written_.clear();
  }
  // The load reads all that it is sent: what does not fit at once is the end.
  static bool send(Peer& peer) {
    const ByteView pending = peer.tls.pending();
    if (pending.empty()) return true;
    const ssize_t sent = ::send(peer.fd, pending.data(), pending.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(pending.size())) return false;
    peer.tls.sent(pending.size());
    return true;
  }

  Listener listener_;
  std::shared_ptr<const Trust> trust_;
  std::unique_ptr<GroupFile> file_;
  int epoll_;
  os::SystemClock clock_;
  std::unordered_map<int, std::unique_ptr<Peer>> peers_;
  Bytes receive_ = Bytes(kReceiveBytes);
  Bytes plaintext_ = Bytes(kReceiveBytes);
  Bytes answers_;             // of the connection that is served
  bool published_ = false;    // answers_ acknowledges something
  Bytes group_;               // what is written next
  std::vector<int> held_;     // who is in it
  std::vector<int> written_;  // who is in the one that is written
  bool writing_ = false;
};

}  // namespace

Result<void> serve_bare(const std::string& pki, int port, const std::string& file) {
  const std::string leaf = pki + "/edge/edge-1/server";
  broker::gate::ListenerOptions files;
  files.certificate = leaf + ".crt";
  files.key = leaf + ".key";
  files.ca = pki + "/ca/vehicles.crt";
  files.crl = pki + "/crl/vehicles.crl";
  auto trust = Trust::load(files, {}, true, nullptr);
  if (!trust) return std::move(trust).error();
  auto listener = Listener::bind({"127.0.0.1", static_cast<std::uint16_t>(port)});
  if (!listener) return std::move(listener).error();
  std::unique_ptr<GroupFile> group;
  if (!file.empty()) {
    auto created = GroupFile::create(file);
    if (!created) return std::move(created).error();
    group = std::move(*created);
  }
  BareLoop(std::move(listener).value(), *trust, std::move(group)).run();
}

}  // namespace wayside::bench
