#include "broker/edge_process.h"

#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "broker/gate/sqlite_session_store.h"
#include "broker/receipt_scan.h"
#include "broker/run.h"
#include "broker/spool_move.h"
#include "common/log/log.h"
#include "common/version.h"

namespace wayside::broker {
namespace {

constexpr std::size_t kRegionKeyBytes = 32;
constexpr int kTurnMs = 50;
constexpr std::int64_t kSecondMs = 1000;
constexpr int kDrainMsMax = 5000;
constexpr int kLocalBrokerMsMax = 3000;

}  // namespace

EdgeProcess::EdgeProcess(const config::Config& config, const Signals& signals, Disk& disk, MonoMs moves_from)
    : config_(config), folders_(folders(config)), signals_(signals), disk_(disk), moves_from_(moves_from) {}

EdgeProcess::~EdgeProcess() { drain(); }

Result<std::unique_ptr<EdgeProcess>> EdgeProcess::start(const config::Config& config, const Signals& signals,
                                                        Disk& disk, MonoMs moves_from) {
  std::unique_ptr<EdgeProcess> edge(new EdgeProcess(config, signals, disk, moves_from));
  using Step = Result<void> (EdgeProcess::*)();
  constexpr Step kSteps[] = {&EdgeProcess::prepare_folders, &EdgeProcess::start_durable, &EdgeProcess::start_gate,
                             &EdgeProcess::start_commands,  &EdgeProcess::start_control, &EdgeProcess::start_metrics,
                             &EdgeProcess::write_ports};
  for (const Step step : kSteps) {
    if (Result<void> done = (edge.get()->*step)(); !done.ok()) return std::move(done).error();
  }
  return edge;
}

Result<void> EdgeProcess::prepare_folders() {
  for (const std::string& dir : {folders_.state_dir, folders_.run_dir}) {
    if (Result<void> made = os::make_dirs(dir, 0700); !made.ok()) return made;
  }
  // Its sockets are guarded by this mode: a folder that was there before gets it too.
  if (chmod(folders_.run_dir.c_str(), 0700) != 0) {
    return Error{Fault::io, "chmod 0700 " + folders_.run_dir + ": " + std::strerror(errno), errno};
  }
  return {};
}

// Custody first: its lock on the volume fences a second process of the same edge.
Result<void> EdgeProcess::start_durable() {
  if (Result<void> finished = finish_move(disk_, clock_, config_); !finished.ok()) return finished;
  CustodyOptions custody_of = custody_options(config_);
  custody_of.branch = os::random_seed();
  Result<std::unique_ptr<Custody>> custody =
      Custody::open(disk_, clock_, *metrics_, std::move(custody_of), os::random_uuid());
  if (!custody.ok()) return std::move(custody).error().with("custody");
  custody_ = std::move(*custody);
  const auto moved = spool::load_moved(disk_, custody_->volume().root, custody_->volume().uuid);
  if (!moved.ok()) return Error(moved.error()).with("custody");
  if (*moved) shift_ = (*moved)->shift();
  const gate::SessionStoreOptions options{
      .path = folders_.in_state("sessions.db"),
      .sessions_max = static_cast<std::uint32_t>(config_.integer("vehicles.sessions_max")),
      .spool = custody_->volume().uuid,
      .moved = shift_,
      .scan = scan_of_receipts(disk_, custody_->volume()),
      .keep_from = [this](Lane lane, Offset offset) { custody_->keep_from(lane, offset, Keeper::sessions); }};
  Result<std::unique_ptr<session::SessionStore>> sessions = gate::open_sqlite_session_store(options, clock_.wall());
  if (!sessions.ok()) return std::move(sessions).error().with("sessions");
  sessions_ = std::move(*sessions);
  return {};
}

Result<Bytes> EdgeProcess::region_key() const {
  const std::string& path = config_.text("privacy.region_key_file");
  return path.empty() ? os::random_bytes(kRegionKeyBytes) : os::read_hex_file(path, kRegionKeyBytes);
}

Result<void> EdgeProcess::start_gate() {
  Result<Bytes> key = region_key();
  if (!key.ok()) return std::move(key).error().with("privacy.region_key_file");
  Result<std::unique_ptr<gate::Gate>> gate =
      gate::Gate::start(gate_options(config_, std::move(*key)), *sessions_, *metrics_, clock_);
  if (!gate.ok()) return std::move(gate).error().with("gate");
  gate_ = std::move(*gate);
  custody_->start(*gate_);
  return {};
}

Result<void> EdgeProcess::start_commands() {
  const spool::Volume& volume = custody_->volume();
  Result<DeskOptions> options = desk_options(config_, {volume.lane_dir(Lane::ack), volume.uuid, shift_});
  if (!options.ok()) return std::move(options).error();
  Result<std::unique_ptr<CommandDesk>> commands = CommandDesk::open(disk_, clock_, *metrics_, std::move(*options));
  if (!commands.ok()) return std::move(commands).error().with("commands");
  commands_ = std::move(*commands);
  return commands_->start(*custody_, *gate_);
}

Result<void> EdgeProcess::start_control() {
  Result<std::unique_ptr<ControlLoop>> loop = ControlLoop::create();
  if (!loop.ok()) return std::move(loop).error();
  loop_ = std::move(*loop);
  local_broker_ = std::make_unique<LocalBroker>(local_broker_options(config_), *metrics_, clock_);
  if (Result<void> started = local_broker_->start(); !started.ok())
    return std::move(started).error().with("local broker");
  const std::string& name = config_.text("edge.name");
  const std::string& region = config_.text("edge.region");
  operator_ = std::make_unique<OperatorDesk>(
      OperatorDesk::Parts{name, region, *gate_, *custody_, *local_broker_, clock_},
      VehicleDesk({name, region, *gate_, *sessions_, *commands_, clock_,
                   [this](std::function<void()> task) { loop_->post(std::move(task)); }}));
  Result<std::unique_ptr<AdminServer>> admin =
      AdminServer::start(*loop_, *operator_, folders_.in_run("admin.sock"), admin_options(config_));
  if (!admin.ok()) return std::move(admin).error().with("admin socket");
  admin_ = std::move(*admin);
  Result<std::unique_ptr<BridgeServer>> bridge =
      BridgeServer::start(*loop_, *commands_, *metrics_, folders_.in_run("bridge.sock"),
                          ipc::Hello{custody_->volume().uuid, name, region}, bridge_socket_options(config_));
  if (!bridge.ok()) return std::move(bridge).error().with("bridge socket");
  bridge_ = std::move(*bridge);
  session::LocalBrokerPort* proxy = local_broker_->mode() == LocalBrokerMode::off ? nullptr : local_broker_.get();
  gate_->open({*custody_, *commands_, proxy});
  presence_sweep_ =
      std::make_unique<PresenceSweep>(PresenceSweep::Parts{*sessions_, *custody_, *gate_, *metrics_, clock_}, name,
                                      config_.integer("vehicles.presence_grace_s") * kSecondMs);
  return loop_->watch(signals_.fd(), EPOLLIN, [this](std::uint32_t) { on_signal(); });
}

metrics::Health EdgeProcess::ready() const {
  if (operator_->draining()) return {false, "draining"};
  if (!custody_->writable()) return {false, "custody is not writable"};
  return {true, "custody is writable"};
}

Result<void> EdgeProcess::start_metrics() {
  Result<Address> address = parse_address(config_.text("metrics.listen"));
  if (!address.ok()) return std::move(address).error();
  metrics::Server::Options options;
  options.address = address->host;
  options.port = address->port;
  options.live = [] { return metrics::Health{true, "alive"}; };
  options.ready = [this] { return ready(); };
  options.before_scrape = [this] { custody_->publish_door(); };
  Result<std::unique_ptr<metrics::Server>> server = metrics::Server::start(*metrics_, std::move(options));
  if (!server.ok()) return std::move(server).error().with("metrics.listen");
  metrics_server_ = std::move(*server);
  return {};
}

Result<void> EdgeProcess::write_ports() {
  const auto member = [](const char* name, std::int64_t value) {
    return std::string("\"") + name + "\":" + std::to_string(value);
  };
  const std::string json =
      "{" + member("vehicles", gate_->vehicles_port()) + "," + member("services", gate_->services_port()) + "," +
      member("metrics", metrics_server_->port()) + ",\"metrics_host\":\"" + metrics_server_->host() + "\"," +
      member("pid", getpid()) + "," + member("mosquitto_pid", local_broker_->pid()) + "}\n";
  if (Result<void> wrote = os::write_file_atomic(folders_.in_run("ports.json"), json, 0600); !wrote.ok()) return wrote;
  log::info("edge_up", {{"edge", config_.text("edge.name")},
                        {"region", config_.text("edge.region")},
                        {"version", wayside::version()},
                        {"vehicles", std::to_string(gate_->vehicles_port())},
                        {"services", std::to_string(gate_->services_port())},
                        {"metrics", std::to_string(metrics_server_->port())}});
  return {};
}

void EdgeProcess::on_signal() {
  while (const std::optional<Signal> signal = signals_.next()) {
    if (*signal == Signal::stop) {
      operator_->drain();
    } else if (const Result<void> reloaded = gate_->reload(); !reloaded.ok()) {
      log::error("reload", {{"why", reloaded.error().what}});
    }
  }
}

void EdgeProcess::every_second() {
  door_counts_.look(custody_->persist_door());
  custody_->watch_space();
  for (const Lane lane : kAllLanes) sessions_->lane_synced(lane, custody_->ledger(lane).synced);
  presence_sweep_->tick();
  look_for_closing();
}

// The bridge says that the volume went back in time, and has given it free. What offers there must be at rest before
// its records move: an orderly end, the move, and a start in the same process.
void EdgeProcess::look_for_closing() {
  if (closed_spool_ || operator_->draining() || clock_.mono() < moves_from_) return;
  const spool::Volume& volume = custody_->volume();
  const Result<bool> may = spool::may_move(disk_, volume.root, volume.uuid);
  if (!may.ok() || !*may) return;
  log::warning("spool_closed", {{"spool", to_string(volume.uuid)}, {"why", "the bridge says that it is FORKED"}});
  closed_spool_ = true;
  operator_->drain();
}

void EdgeProcess::serve() {
  while (!operator_->draining()) {
    loop_->turn(kTurnMs);
    local_broker_->tick();
    if (clock_.mono() < next_second_) continue;
    every_second();
    next_second_ = clock_.mono() + kSecondMs;
  }
}

void EdgeProcess::drain() {
  if (std::exchange(drained_, true)) return;
  const bool served = operator_ != nullptr;
  if (served) {
    log::info("draining");
    operator_->drain();
  }
  admin_.reset();
  // Connections end first: their upstreams say DISCONNECT before the local broker is told to stop.
  if (gate_) gate_->drain(kDrainMsMax);
  if (commands_) commands_->stop();
  bridge_.reset();  // after the last answer it could have been given
  if (custody_) custody_->stop();
  metrics_server_.reset();
  gate_.reset();      // after the last post it could have been given
  sessions_.reset();  // its last commit still tells custody what need not be kept
  if (local_broker_) local_broker_->stop(kLocalBrokerMsMax);
  if (served) log::info("drained");
}

}  // namespace wayside::broker
