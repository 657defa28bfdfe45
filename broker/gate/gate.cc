#include "broker/gate/gate.h"

#include <condition_variable>
#include <thread>

#include "broker/gate/io_thread.h"
#include "broker/gate/reloader.h"
#include "common/log/log.h"

namespace wayside::broker::gate {
namespace {

constexpr auto kDrainStep = std::chrono::milliseconds(5);

class RunningGate final : public Gate {
 public:
  RunningGate(GateOptions options, session::SessionStore& sessions, metrics::Registry& registry, const Clock& clock)
      : shared_(std::move(options), sessions, registry, clock),
        reloader_(shared_),
        online_(registry.gauge("wayside_vehicles_online", "vehicles with an open session")),
        connections_(registry.gauge("wayside_gate_connections", "connections, handshakes included")),
        tls_sessions_(registry.gauge("wayside_gate_tls_sessions", "TLS sessions kept for vehicles that come back")),
        parked_packets_(registry.gauge("wayside_gate_parked_packets", "publishes that wait for room in custody")),
        parked_bytes_(registry.gauge("wayside_gate_parked_bytes", "bytes of these")),
        dropped_(
            registry.gauge("wayside_gate_service_events_dropped", "status and presence dropped at a full mailbox")) {}
  ~RunningGate() override {
    drain(0);
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (control_.joinable()) control_.join();
    threads_.clear();
  }
  RunningGate(const RunningGate&) = delete;
  RunningGate& operator=(const RunningGate&) = delete;

  Result<void> prepare();

  void open(GatePorts ports) override {
    shared_.custody = &ports.custody;
    shared_.commands = &ports.commands;
    shared_.local_broker = ports.local_broker;
    to_all(OpenListeners{});
  }
  [[nodiscard]] int vehicles_port() const override { return vehicles_port_; }
  [[nodiscard]] int services_port() const override { return services_port_; }
  [[nodiscard]] std::uint64_t vehicles_online() const override { return shared_.vehicles_online.load(); }

  Result<void> reload() override {
    bool changed = false;
    Result<void> outcome = reloader_.force(changed);
    if (changed) to_all(Recheck{});
    return outcome;
  }
  Result<void> block(const std::string& vehicle) override { return set_blocked(vehicle, true); }
  Result<void> unblock(const std::string& vehicle) override { return set_blocked(vehicle, false); }
  void describe(const std::string& vehicle, ConnectionReported done) override {
    const std::optional<ConnectionRef> at = shared_.registry.find("vehicle/" + vehicle);
    if (!at) return done(std::nullopt);
    shared_.mailboxes.at(at->thread)->post(Describe{*at, std::move(done)});
  }
  [[nodiscard]] std::vector<Refusal> refusals_of(const std::string& vehicle) const override {
    return shared_.refusals.of(vehicle);
  }
  [[nodiscard]] bool blocked(const std::string& vehicle) const override {
    return shared_.denied.get()->contains(vehicle);
  }
  void drain(int ms) override;

  void post(IoMessage message) override {
    std::visit([this](auto& one) { post_one(one); }, message);
  }
  void post_all(std::uint32_t thread, std::vector<Committed> answers) override {
    shared_.mailboxes.at(thread)->post(CommittedGroup{std::move(answers)});
  }
  [[nodiscard]] std::uint32_t threads() const override { return static_cast<std::uint32_t>(shared_.mailboxes.size()); }

 private:
  template <typename T>
  void post_one(T& message) {
    if constexpr (std::is_same_v<T, ServiceEvent>) {
      shared_.announce(message);
    } else {
      shared_.mailboxes.at(message.to.thread)->post(std::move(message));
    }
  }
  void to_all(const Message& message) {
    for (const std::shared_ptr<Mailbox>& mailbox : shared_.mailboxes) mailbox->post(message);
  }
  Result<void> set_blocked(const std::string& vehicle, bool blocked);
  Result<Listener> bind(const std::string& listen, int& port);
  void control();

  Shared shared_;
  Reloader reloader_;
  metrics::Gauge& online_;
  metrics::Gauge& connections_;
  metrics::Gauge& tls_sessions_;
  metrics::Gauge& parked_packets_;
  metrics::Gauge& parked_bytes_;
  metrics::Gauge& dropped_;
  int vehicles_port_ = 0;
  int services_port_ = 0;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::mutex block_mutex_;  // one writer of the deny list at a time
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread control_;
};

// The first listener of a port 0 finds the port; those of the other threads join it.
Result<Listener> RunningGate::bind(const std::string& listen, int& port) {
  if (listen.empty()) return Listener();
  Result<Address> address = parse_address(listen);
  if (!address.ok()) return std::move(address).error();
  if (port != 0) address->port = static_cast<std::uint16_t>(port);
  Result<Listener> listener = Listener::bind(address.value());
  if (listener.ok()) port = listener->port();
  return listener;
}

Result<void> RunningGate::prepare() {
  const GateOptions& options = shared_.options;
  for (const session::Acl& acl : options.acl) {
    shared_.acls.insert_or_assign(acl.service, std::make_shared<const session::Acl>(acl));
  }
  Result<void> loaded = reloader_.load();
  if (!loaded.ok()) return loaded;
  for (std::uint32_t i = 0; i < options.io_threads; ++i) {
    shared_.mailboxes.push_back(std::make_shared<Mailbox>(options.service_events_max));
  }
  for (std::uint32_t i = 0; i < options.io_threads; ++i) {
    Result<Listener> vehicles = bind(options.vehicles.listen, vehicles_port_);
    if (!vehicles.ok()) return std::move(vehicles).error().with("vehicles.listen");
    Result<Listener> services = bind(options.services.listen, services_port_);
    if (!services.ok()) return std::move(services).error().with("services.listen");
    threads_.push_back(
        std::make_unique<IoThread>(shared_, i, std::move(vehicles).value(), std::move(services).value()));
  }
  for (const std::unique_ptr<IoThread>& thread : threads_) thread->start();
  control_ = std::thread([this] { control(); });
  return {};
}

// The control thread: looks at the files and refreshes the gauges.
void RunningGate::control() {
  const auto interval = std::chrono::milliseconds(shared_.options.watch_interval_ms);
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, interval, [this] { return stopping_; })) {
    lock.unlock();
    if (reloader_.poll()) to_all(Recheck{});
    online_.set(static_cast<double>(shared_.vehicles_online.load()));
    connections_.set(static_cast<double>(shared_.connections.load()));
    tls_sessions_.set(static_cast<double>(shared_.resumption.size()));
    parked_packets_.set(static_cast<double>(shared_.parked_packets.load(std::memory_order_relaxed)));
    parked_bytes_.set(static_cast<double>(shared_.parked_bytes.load(std::memory_order_relaxed)));
    double dropped = 0;
    for (const std::shared_ptr<Mailbox>& mailbox : shared_.mailboxes)
      dropped += static_cast<double>(mailbox->dropped());
    dropped_.set(dropped);
    lock.lock();
  }
}

Result<void> RunningGate::set_blocked(const std::string& vehicle, bool blocked) {
  const std::scoped_lock lock(block_mutex_);
  Result<void> written = write_deny_list(shared_.options.deny_list, vehicle, blocked);
  if (!written.ok()) return written;
  return reload();
}

void RunningGate::drain(int ms) {
  to_all(Drain{});
  const MonoMs until = shared_.clock.mono() + ms;
  while (shared_.connections.load() > 0 && shared_.clock.mono() < until) std::this_thread::sleep_for(kDrainStep);
}

}  // namespace

Result<std::unique_ptr<Gate>> Gate::start(GateOptions options, session::SessionStore& sessions,
                                          metrics::Registry& metrics, const Clock& clock) {
  if (options.tls_sessions_max == 0) return Error{Fault::config, "vehicles.tls_sessions_max must be at least 1"};
  if (options.io_threads == 0) return Error{Fault::config, "vehicles.io_threads must be at least 1"};
  auto gate = std::make_unique<RunningGate>(std::move(options), sessions, metrics, clock);
  Result<void> prepared = gate->prepare();
  if (!prepared.ok()) return std::move(prepared).error();
  return std::unique_ptr<Gate>(std::move(gate));
}

}  // namespace wayside::broker::gate
