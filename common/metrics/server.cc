#include <httplib.h>
#include <netdb.h>

#include <chrono>
#include <cstring>
#include <mutex>
#include <semaphore>
#include <thread>

#include "common/metrics/metrics.h"
#include "common/version.h"

namespace wayside::metrics {
namespace {

constexpr std::size_t kThreads = 2;
constexpr std::ptrdiff_t kConnectionsMax = 16;
constexpr std::size_t kRequestBytesMax = 8192;
constexpr std::chrono::seconds kTimeout{2};
constexpr std::chrono::seconds kStartTimeout{10};
constexpr const char* kTextFormat = "text/plain; version=0.0.4; charset=utf-8";

// However it is written: 0.0.0.0 and 0, :: and 0:0:0:0:0:0:0:0.
std::string reachable(const std::string& listens) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (getaddrinfo(listens.c_str(), nullptr, &hints, &found) != 0) return listens;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> freed(found, freeaddrinfo);
  if (found->ai_family == AF_INET) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(found->ai_addr);
    return address->sin_addr.s_addr == htonl(INADDR_ANY) ? "127.0.0.1" : listens;
  }
  const auto* address = reinterpret_cast<const sockaddr_in6*>(found->ai_addr);
  return IN6_IS_ADDR_UNSPECIFIED(&address->sin6_addr) ? "::1" : listens;
}

// A few threads and a bounded number of connections: beyond it nothing is accepted until one is done, and
// the rest waits in the kernel's backlog.
class BoundedQueue final : public httplib::TaskQueue {
 public:
  BoundedQueue() : pool_(kThreads) {}
  void enqueue(std::function<void()> task) override {
    slots_.acquire();
    pool_.enqueue([this, task = std::move(task)] {
      task();
      slots_.release();
    });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  std::counting_semaphore<kConnectionsMax> slots_{kConnectionsMax};
  httplib::ThreadPool pool_;
};

// Not SO_REUSEPORT, the library's default: with it a second process would share the port in silence.
void set_socket_options(socket_t descriptor) {
  const int yes = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

void answer_health(const std::function<Health()>& ask, httplib::Response& response) {
  const Health health = ask ? ask() : Health{};
  response.status = health.ok ? 200 : 503;
  response.set_content((health.ok ? "ok" : "not ok") + (health.why.empty() ? "" : ": " + health.why) + "\n",
                       "text/plain; charset=utf-8");
}

class HttpServer final : public Server {
 public:
  HttpServer(Registry& registry, Options options) : registry_(registry), options_(std::move(options)) { configure(); }

  ~HttpServer() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  Result<void> listen() {
    const std::string where = options_.address + ":" + std::to_string(options_.port);
    errno = 0;
    const bool bound = options_.port == 0 ? (port_ = server_.bind_to_any_port(options_.address)) > 0
                                          : server_.bind_to_port(options_.address, port_ = options_.port);
    if (!bound) {
      const int error = errno;
      return Error{Fault::unreachable, where + ": cannot listen: " + std::strerror(error), error};
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    return wait_until_running(where);
  }

  [[nodiscard]] int port() const override { return port_; }
  [[nodiscard]] std::string host() const override { return reachable(options_.address); }

 private:
  // stop() before the loop runs would be lost, so nobody gets the server before it does.
  Result<void> wait_until_running(const std::string& where) {
    const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
    while (!server_.is_running()) {
      if (std::chrono::steady_clock::now() > deadline) return Error{Fault::timeout, where + ": does not start", 0};
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return {};
  }

  void configure() {
    server_.new_task_queue = [] { return new BoundedQueue(); };
    server_.set_socket_options(set_socket_options);
    server_.set_keep_alive_max_count(1);  // an idle keep-alive would hold one of the few threads
    server_.set_read_timeout(kTimeout);
    server_.set_write_timeout(kTimeout);
    server_.set_payload_max_length(kRequestBytesMax);
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) { scrape(response); });
    server_.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
      answer_health(options_.live, response);
    });
    server_.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
      answer_health(options_.ready, response);
    });
  }

  void scrape(httplib::Response& response) {
    const std::lock_guard lock(scrape_mutex_);
    if (options_.before_scrape) options_.before_scrape();
    response.set_content(registry_.text(), kTextFormat);
  }

  Registry& registry_;
  Options options_;
  httplib::Server server_;
  std::mutex scrape_mutex_;  // before_scrape runs for one scrape at a time
  std::thread thread_;
  int port_ = 0;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(Registry& registry, Options options) {
  registry.gauge("wayside_build_info", "1, of the release that runs.", {{"version", version()}}).set(1);
  auto server = std::make_unique<HttpServer>(registry, std::move(options));
  if (auto listening = server->listen(); !listening.ok()) return std::move(listening).error();
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace wayside::metrics
