#include "tests/rotate/world.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "common/os/posix_disk.h"
#include "fleet/admin.h"
#include "fleet/issuer.h"
#include "tests/broker/support/mqtt_client.h"
#include "tests/support/temp_dir.h"

namespace wayside::test {
namespace {

constexpr int kPollMs = 20;
constexpr int kAskMs = 5'000;
constexpr std::int64_t kDeadlineMs = 1'500;  // of a command for a car that takes none

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

Result<std::unique_ptr<Mount>> mounted(const std::string& dir, Mount::Files files) {
  auto made = Mount::create(dir, std::move(files));
  if (!made) return std::move(made).error();
  return std::make_unique<Mount>(std::move(*made));
}

}  // namespace

Result<std::unique_ptr<RotateWorld>> RotateWorld::start(const RotateOptions& options) {
  std::unique_ptr<RotateWorld> world(new RotateWorld(options));
  world->disk_ = os::make_posix_disk();
  if (auto prepared = world->prepare(); !prepared) return std::move(prepared).error();
  if (auto up = world->region_->start(options.say); !up) return std::move(up).error();
  if (auto driving = world->start_cars(); !driving) return std::move(driving).error();
  return world;
}

Result<void> RotateWorld::prepare() {
  fleet::RegionOptions options;
  options.dir = options_.dir;
  options.bin_dir = options_.bin_dir;
  options.seed = options_.seed;
  options.vehicles = vins_ = fleet::simulated_vins(options_.cars + options_.cycles + 2);
  auto region = fleet::Region::prepare(options);
  if (!region) return std::move(region).error();
  region_ = std::move(*region);
  auto pki = certs::Pki::open(region_->paths().pki);
  if (!pki) return std::move(pki).error();
  authority_.emplace(std::move(*pki));
  auto keys = certs::CommandKeys::open(region_->paths().pki);
  if (!keys) return std::move(keys).error();
  keys_.emplace(std::move(*keys));
  for (const auto& step : {&RotateWorld::second_authorities, &RotateWorld::make_mounts}) {
    if (auto done = (this->*step)(); !done) return done;
  }
  return mount_into_configuration();
}

Result<void> RotateWorld::second_authorities() {
  for (auto [issuer, name] : {std::pair{&second_links_, "links"}, std::pair{&second_vehicles_, "vehicles"}}) {
    auto made = certs::make_ca(std::string("Wayside ") + name + " CA 2", true, certs::Validity::of_days(365));
    if (!made) return std::move(made).error();
    *issuer = std::move(*made);
  }
  certs::LeafProfile profile;
  profile.common_name = newcomer();
  profile.uris = {"urn:vin:" + newcomer()};
  profile.client = true;
  const auto leaf = certs::issue_leaf(second_vehicles_, profile);
  if (!leaf) return leaf.error();
  const std::string stem = pki("vehicles/" + newcomer());
  if (auto written = os::write_file_atomic(stem + ".crt", leaf->certificate_pem(), 0600); !written) return written;
  if (auto written = os::write_file_atomic(stem + ".key", leaf->key_pem(), 0600); !written) return written;
  servers_ca_ = region_->paths().dir + "/servers-ca.crt";
  return os::write_file_atomic(
      servers_ca_, slurp(pki("ca/links.crt")) + certs::certificate_pem(second_links_.certificate.get()), 0600);
}

Mount::Files RotateWorld::lists() const {
  Mount::Files files;
  for (const auto& entry : std::filesystem::directory_iterator(pki("commands/trust"))) {
    files[entry.path().filename().string()] = slurp(entry.path().string());
  }
  return files;
}

Result<void> RotateWorld::make_mounts() {
  const std::string dir = region_->paths().dir + "/mounts/";
  const auto link_of = [&](const std::string& site) {
    return Mount::Files{{"tls.crt", slurp(pki(site + "/link.crt"))},
                        {"tls.key", slurp(pki(site + "/link.key"))},
                        {"ca.crt", slurp(pki("ca/links.crt"))}};
  };
  auto pair = server_pair(false);
  if (!pair) return std::move(pair).error();
  const std::pair<std::unique_ptr<Mount>*, std::pair<std::string, Mount::Files>> all[] = {
      {&server, {"server", *pair}},
      {&peers,
       {"peers",
        {{"ca.crt", slurp(pki("ca/vehicles.crt"))}, {"crl.pem", slurp(pki("crl/vehicles.crl"))}, {"deny.list", ""}}}},
      {&lists_of, {"lists", lists()}},
      {&link, {"link", link_of("edge/edge-1")}},
      {&core_link, {"core-link", link_of("core/core-1")}}};
  for (const auto& [mount, what] : all) {
    auto made = mounted(dir + what.first, what.second);
    if (!made) return std::move(made).error();
    *mount = std::move(*made);
  }
  return {};
}

Result<void> RotateWorld::mount_into_configuration() const {
  const auto edit = [](const std::string& path, const std::vector<std::pair<std::string, std::string>>& changes) {
    std::string text = slurp(path);
    for (const auto& [from, to] : changes) replace_all(text, from, to);
    return os::write_file_atomic(path, text, 0600);
  };
  const fleet::RegionPaths& paths = region_->paths();
  const std::string quick = "[vehicles]\nwatch_interval_ms = 100\ndeny_list = \"" + peers->path("deny.list") + "\"";
  auto done = edit(paths.edge_toml(), {{"[vehicles]", quick},
                                       {"[commands]", "[commands]\nlook_interval_ms = 100"},
                                       {pki("edge/edge-1/server.crt"), server->path("tls.crt")},
                                       {pki("edge/edge-1/server.key"), server->path("tls.key")},
                                       {pki("ca/vehicles.crt"), peers->path("ca.crt")},
                                       {pki("crl/vehicles.crl"), peers->path("crl.pem")},
                                       {"\"" + pki("commands/trust") + "\"", "\"" + lists_of->path("") + "\""}});
  const auto link_changes = [&](const std::string& site, const Mount& mount) {
    return std::vector<std::pair<std::string, std::string>>{{pki(site + "/link.crt"), mount.path("tls.crt")},
                                                            {pki(site + "/link.key"), mount.path("tls.key")},
                                                            {pki("ca/links.crt"), mount.path("ca.crt")}};
  };
  if (done) done = edit(paths.edge_bridge_toml(), link_changes("edge/edge-1", *link));
  auto of_core = link_changes("core/core-1", *core_link);
  of_core.emplace_back("\"" + pki("commands/trust") + "\"", "\"" + lists_of->path("") + "\"");
  if (done) done = edit(paths.core_toml(), of_core);
  return done;
}

Result<void> RotateWorld::start_cars() {
  fleet::CarsOptions cars;
  cars.vehicles.assign(vins_.begin(), vins_.end() - 2);
  cars.pki = region_->paths().pki;
  cars.journal = region_->paths().journals() + "/cars.jsonl";
  cars.state_dir = region_->paths().dir + "/cars";
  cars.to = {"127.0.0.1", region_->ports().vehicles};
  cars.server_ca = servers_ca_;
  cars.seed = options_.seed;
  cars.car.interval_ms = options_.interval_ms;
  cars.car.qos2_every = 4;
  auto pool = fleet::make_cars(cars, *disk_);
  if (!pool) return std::move(pool).error();
  cars_ = std::move(*pool);
  if (auto started = cars_->start(); !started) return started;
  return until("all cars online", [this] { return cars_->stats().online == vins_.size() - 2; });
}

Result<void> RotateWorld::until(const std::string& what, const std::function<bool()>& done) {
  const MonoMs end = clock_.mono() + options_.step_timeout_ms;
  while (!done()) {
    if (clock_.mono() >= end) return Error{Fault::timeout, "not in time: " + what};
    if (auto tended = region_->tend(); !tended) return tended;
    ::poll(nullptr, 0, kPollMs);
  }
  return {};
}

RotateWorld::Seen RotateWorld::connect(const std::string& vehicle) const {
  ClientOptions options;
  options.port = region_->ports().vehicles;
  options.ca = servers_ca_;
  options.certificate = pki("vehicles/" + vehicle + ".crt");
  options.key = pki("vehicles/" + vehicle + ".key");
  MqttClient client(options);
  Seen seen;
  if (!client.open()) return seen;
  X509* shown = SSL_get1_peer_certificate(client.ssl());
  if (shown != nullptr) seen.serial = certs::serial_hex(X509_get0_serialNumber(shown));
  X509_free(shown);
  const auto answer = client.connect(vehicle);
  seen.in = answer && answer->get<mqtt::Connack>() != nullptr && answer->get<mqtt::Connack>()->reason == 0;
  return seen;
}

Result<std::string> RotateWorld::ask(const std::string& vehicle) {
  const auto key = keys_->issuer_key(fleet::kRegionApp);
  if (!key) return key.error();
  const auto grant = keys_->grant_of(fleet::kRegionApp);
  if (!grant) return grant.error();
  fleet::RequestSpec spec{vehicle, "demo", "climate", "climate", {}, "", kDeadlineMs};
  const auto request = fleet::sign_request(*key, *grant, spec, clock_.wall());
  if (!request) return request.error();
  const std::string leaf = pki("services/" + std::string(fleet::kRegionApp));
  auto service = fleet::Issuer::connect({fleet::Way::region,
                                         {"127.0.0.1", region_->ports().services},
                                         {servers_ca_, leaf + ".crt", leaf + ".key"},
                                         fleet::kRegionApp},
                                        clock_);
  if (!service) return std::move(service).error();
  auto answer = (*service)->request(vehicle, *request, kAskMs);
  if (!answer) return std::move(answer).error();
  return answer->reason.empty() ? answer->outcome : answer->reason;
}

double RotateWorld::metric(int port, std::string_view name, const metrics::SampleLabels& with) const {
  const auto scrape = fleet::http_get(port, "/metrics");
  return scrape ? metrics::Samples::parse(scrape->body).sum(name, with) : -1;
}

Result<void> RotateWorld::kill_core_broker() {
  for (const fleet::ProcessInfo& process : region_->processes()) {
    if (process.name == "core broker" && process.pid > 0 && ::kill(process.pid, SIGKILL) == 0) return {};
  }
  return Error{Fault::not_found, "the core broker was not there to be killed"};
}

std::uint64_t RotateWorld::dropped() {
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i + 2 < vins_.size(); ++i) {
    const fleet::PoolStats stats = cars_->stats_of(vins_[i]);
    const std::uint64_t ends = stats.total.connects - stats.online;
    const std::uint64_t meant = meant_[vins_[i]];
    lost += ends > meant ? ends - meant : 0;
  }
  return lost;
}

void RotateWorld::leaves(const std::string& car) {
  cars_->go_offline(car);
  left_.push_back(car);
}

Result<void> RotateWorld::finish_cars() {
  cars_->finish();
  auto done = until("every car has its acknowledgements", [this] {
    return std::ranges::all_of(vins_.begin(), vins_.end() - 2, [this](const std::string& vin) {
      return std::ranges::find(left_, vin) != left_.end() || cars_->stats_of(vin).idle == 1;
    });
  });
  cars_->stop();
  return done;
}

Result<Mount::Files> RotateWorld::server_pair(bool second) {
  certs::LeafProfile profile;
  profile.common_name = "edge-1";
  profile.server = true;
  profile.dns_names = {"localhost"};
  profile.addresses = {"127.0.0.1"};
  const auto leaf = certs::issue_leaf(second ? second_links_ : authority_->issuer(certs::Ca::links), profile);
  if (!leaf) return leaf.error();
  return Mount::Files{{"tls.crt", leaf->certificate_pem()}, {"tls.key", leaf->key_pem()}};
}

}  // namespace wayside::test
