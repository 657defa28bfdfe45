#include "broker/localbroker/local_broker.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include "broker/localbroker/mosquitto.h"
#include "common/log/log.h"
#include "common/os/system.h"

namespace wayside::broker {
namespace {

constexpr std::size_t kSocketPathMax = 107;  // sun_path with its final 0

std::shared_ptr<UpstreamShared> make_shared_part(const LocalBrokerOptions& options, metrics::Registry& metrics) {
  const auto dropped = [&](const char* reason) -> metrics::Counter& {
    return metrics.counter("wayside_local_broker_dropped_total", "Dropped between gate and local broker, by reason.",
                           {{"reason", reason}});
  };
  metrics::Counter& paced = metrics.counter("wayside_local_broker_paced_connects_total",
                                            "Upstream connects that met a full backlog and were put off.");
  return std::make_shared<UpstreamShared>(options.socket, options.limits, 5'000, false, 0, dropped("reserved_topic"),
                                          dropped("stale_ack"), dropped("queue_full"), paced);
}

// Somebody accepts on the socket. A full backlog (EAGAIN) also means that somebody is there.
bool answers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool yes = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN;
  close(fd);
  return yes;
}

}  // namespace

LocalBroker::LocalBroker(LocalBrokerOptions options, metrics::Registry& metrics, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      shared_(make_shared_part(options_, metrics)),
      up_gauge_(metrics.gauge("wayside_local_broker_up", "1 while the local broker answers.")),
      upstreams_gauge_(metrics.gauge("wayside_local_broker_upstreams", "Open upstream connections.")),
      restarts_(metrics.counter("wayside_local_broker_restarts_total", "Starts of the local broker after it ended.")),
      state_(options_.state_dir + "/localbroker"),
      // No vehicle id: a client identifier ends up in logs of the local broker.
      client_prefix_("w" + std::to_string(clock.wall().value) + "-") {}

LocalBroker::~LocalBroker() { stop(0); }

Result<void> LocalBroker::start() {
  if (options_.mode == LocalBrokerMode::off) return {};
  if (options_.socket.size() > kSocketPathMax) {
    return Error{Fault::config, "the path of the local broker's socket is longer than " +
                                    std::to_string(kSocketPathMax) + " characters: " + options_.socket};
  }
  if (options_.mode == LocalBrokerMode::managed) {
    if (Result<void> ready = prepare(); !ready.ok()) return ready;
    start_child(clock_.mono());
  }
  probe(clock_.mono());
  return {};
}

Result<void> LocalBroker::prepare() {
  Result<MosquittoVersion> version = check_mosquitto(options_.executable);
  if (!version.ok()) return std::move(version).error();
  const std::filesystem::path folder = std::filesystem::path(options_.socket).parent_path();
  if (Result<void> made = os::make_dirs(folder.string(), 0700); !made.ok()) return made;
  if (Result<void> made = state_.prepare(); !made.ok()) return made;
  std::error_code failed;
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
  if (failed) return Error{Fault::io, "chmod 0700 " + folder.string() + ": " + failed.message(), failed.value()};
  // The lock comes first: a second broker on the same path would silently take the socket over.
  if (Result<void> locked = lock(); !locked.ok()) return locked;
  config_path_ = (folder / "mosquitto.conf").string();
  return os::write_file_atomic(config_path_, mosquitto_config({options_.socket, state_.dir(), geteuid() == 0}), 0600);
}

Result<void> LocalBroker::lock() {
  const std::string path = options_.socket + ".lock";
  lock_fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_fd_ < 0) return Error{Fault::io, "open " + path + ": " + std::strerror(errno), errno};
  // An earlier local broker holds it until it is gone: the kernel is ending it.
  const MonoMs give_up = clock_.mono() + options_.lock_ms_max;
  while (flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
    if (clock_.mono() >= give_up) return Error{Fault::locked, "another local broker holds " + path};
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {};
}

void LocalBroker::start_child(MonoMs now) {
  const Result<void> state = state_.begin();
  Result<Child> child = state.ok() ? Child::start({options_.executable, "-c", config_path_}, lock_fd_) : state.error();
  pause_.started(now);
  if (!child.ok()) {
    if (!start_failed_) log::error("local_broker_start", {{"why", child.error().what}});
    start_failed_ = true;
    return pause_.ended(now);
  }
  start_failed_ = false;
  child_ = std::move(*child);
  pid_.store(child_->pid(), std::memory_order_release);
  log::info("local_broker_started", {{"pid", std::to_string(child_->pid())}});
}

void LocalBroker::reap(MonoMs now) {
  if (!child_) return;
  const std::optional<int> status = child_->ended();
  if (!status) return;
  log::warning("local_broker_ended", {{"status", std::to_string(*status)}});
  child_.reset();
  pid_.store(0, std::memory_order_release);
  set_up(false);
  pause_.ended(now);
}

void LocalBroker::set_up(bool up) {
  if (up != this->up()) log::info(up ? "local_broker_up" : "local_broker_down");
  up_.store(up, std::memory_order_release);
  up_gauge_.set(up ? 1 : 0);
}

void LocalBroker::probe(MonoMs now) {
  const bool asked = shared_->suspect.exchange(false);
  if (up() && !asked) return;
  if (!asked && now < next_probe_) return;
  next_probe_ = now + options_.probe_ms;
  set_up(answers(options_.socket));
}

void LocalBroker::tick() {
  if (options_.mode == LocalBrokerMode::off || stopped_) return;
  const MonoMs now = clock_.mono();
  if (options_.mode == LocalBrokerMode::managed) {
    reap(now);
    if (!child_ && pause_.due(now)) {
      restarts_.add();
      start_child(now);
    }
  }
  probe(now);
  upstreams_gauge_.set(static_cast<double>(shared_->open.load()));
}

void LocalBroker::stop_child(int ms) {
  const bool was_running = !child_->ended();
  child_->stop(ms);
  const bool saved = was_running && child_->ended() == 0;
  child_.reset();
  if (!saved) return;
  if (const Result<void> marked = state_.ended_saved(); !marked.ok()) {
    log::warning("local_broker_state", {{"why", marked.error().what}});
  }
}

void LocalBroker::stop(int ms) {
  stopped_ = true;
  if (child_) stop_child(ms);
  if (lock_fd_ >= 0) close(lock_fd_);
  lock_fd_ = -1;
  pid_.store(0, std::memory_order_release);
  if (options_.mode != LocalBrokerMode::off && up()) set_up(false);
}

std::unique_ptr<session::Upstream> LocalBroker::open(const std::string& /*client_id*/, MonoMs now) {
  // One that was just started may be asked: the upstream waits for its socket, bounded.
  if (!up() && pid() == 0) return nullptr;
  const std::uint64_t generation = ++generation_;
  return std::make_unique<SocketUpstream>(shared_, client_prefix_ + std::to_string(generation), generation,
                                          os::random_seed(), now);
}

}  // namespace wayside::broker
