#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/volume.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "fleet/cars.h"
#include "fleet/drill.h"
#include "fleet/region.h"

namespace wayside::cli {
namespace {

volatile std::sig_atomic_t stop_asked = 0;

struct UpOptions {
  std::string drill;
  std::vector<std::string> replay;
  std::string map = "data/obd-to-vss.toml";
  std::int64_t cars = 20;
  std::int64_t seconds = 100;
  std::int64_t seed = 0;
  std::string dir;
  std::string pki;
  bool json = false;
  bool no_peer = false;
};

std::string make_dir(const UpOptions& options) {
  if (!options.dir.empty()) return options.dir;
  const char* base = std::getenv("TMPDIR");
  std::string name = std::string(base == nullptr ? "/tmp" : base) + "/wayside-XXXXXX";
  return mkdtemp(name.data()) == nullptr ? std::string() : name;
}

Result<std::vector<std::string>> choose_vehicles(const UpOptions& options) {
  const auto count = static_cast<std::size_t>(options.cars);
  if (options.pki.empty()) return fleet::simulated_vins(count);
  auto known = fleet::vehicles_of(options.pki);
  if (!known) return known;
  if (known->empty())
    return Error{Fault::config, options.pki + " holds no vehicle; `wayside pki issue vehicle` makes one"};
  if (known->size() > count) known->resize(count);
  return known;
}

fleet::CarsOptions cars_options(const UpOptions& options, const fleet::Region& region) {
  fleet::CarsOptions cars;
  cars.vehicles = region.options().vehicles;
  cars.pki = region.paths().pki;
  cars.region = region.options().names.region;
  cars.journal = region.paths().journals() + "/cars.jsonl";
  cars.state_dir = region.paths().dir + "/cars";
  cars.to = {"127.0.0.1", region.ports().vehicles};
  cars.seed = region.options().seed;
  cars.replay_files = options.replay;
  cars.replay_map = options.map;
  cars.car.interval_ms = options.replay.empty() ? 1000 : -1;
  return cars;
}

void print_view_lines(const fleet::Region& region) {
  const auto& pki = region.paths().pki;
  const auto& vehicle = region.options().vehicles.front();
  const auto tls = [&](const std::string& leaf) {
    return "--cafile " + pki + "/ca/links.crt --cert " + pki + "/" + leaf + ".crt --key " + pki + "/" + leaf + ".key";
  };
  std::printf("\nports: vehicles %d, services %d, core backends %d, core links %d (edge connects through relay %d)\n",
              region.ports().vehicles, region.ports().services, region.ports().core_services, region.ports().core_links,
              region.ports().relay);
  std::printf("metrics: edge %d, edge bridge %d, core bridge %d   folder: %s\n", region.ports().edge_metrics,
              region.ports().edge_bridge_metrics, region.ports().core_bridge_metrics, region.paths().dir.c_str());
  std::printf("\nwhat a backend gets, at the core:\n  mosquitto_sub -V 5 -h 127.0.0.1 -p %d %s -t 'v1/#' -v\n",
              region.ports().core_services, tls("services/viewer").c_str());
  std::printf(
      "presence and command status, at the edge:\n  mosquitto_sub -V 5 -h 127.0.0.1 -p %d %s -t 'v1/+/presence' "
      "-t 'v1/+/status/+' -v\n",
      region.ports().services, tls("services/viewer").c_str());
  std::printf(
      "say something as a vehicle:\n  mosquitto_pub -V 5 -h 127.0.0.1 -p %d %s -i %s -q 1 -t "
      "'v1/%s/event/hello' -m '{\"from\":\"mosquitto_pub\"}'\n",
      region.ports().vehicles, tls("vehicles/" + vehicle).c_str(), vehicle.c_str(), vehicle.c_str());
  std::printf(
      "unlock a car:\n  wayside send %s unlock doors --to 127.0.0.1:%d --pki %s --service region-app --wait\n\n",
      region.options().vehicles.back().c_str(), region.ports().services, pki.c_str());
  std::fflush(stdout);
}

int run_until_stopped(fleet::Region& region, fleet::CarPool& cars, fleet::Screen& screen) {
  const os::SystemClock clock;
  const auto started = clock.mono();
  fleet::Observer observer(region, cars);
  print_view_lines(region);
  while (stop_asked == 0) {
    const auto elapsed_s = static_cast<double>(clock.mono() - started) / 1000;
    if (auto tended = region.tend(); !tended) screen.note(elapsed_s, tended.error().what);
    screen.draw(observer.look(elapsed_s));
    if (const auto fault = cars.stats().fault; !fault.empty()) return fail(kNo, "the cars' journal failed: " + fault);
    poll(nullptr, 0, 500);
  }
  screen.leave();
  std::printf("\nstopping; everything stays in %s\n", region.paths().dir.c_str());
  cars.stop();
  return region.stop() ? kYes : fail(kNo, "a process did not drain in time");
}

Result<std::vector<std::unique_ptr<fleet::Peer>>> start_peers(const UpOptions& options, const fleet::Region& region,
                                                              Disk& disk) {
  std::vector<std::unique_ptr<fleet::Peer>> peers;
  if (options.no_peer) return peers;
  for (const auto settings : {fleet::PeerSettings::best, fleet::PeerSettings::defaults}) {
    fleet::PeerOptions peer;
    peer.dir = region.paths().dir + (settings == fleet::PeerSettings::best ? "/stock-best" : "/stock-defaults");
    peer.mosquitto = region.options().mosquitto;
    peer.settings = settings;
    peer.cars = cars_options(options, region);
    auto started = fleet::Peer::start(std::move(peer), disk);
    if (!started) return std::move(started).error();
    peers.push_back(std::move(*started));
  }
  return peers;
}

int run_drill(const UpOptions& options, fleet::Region& region, fleet::CarPool& cars, fleet::Screen& screen,
              Disk& disk) {
  const os::SystemClock clock;
  auto peers = start_peers(options, region, disk);
  if (!peers) return fail(kNo, "the stock broker to compare with: " + peers.error().what);
  std::vector<fleet::Peer*> views;
  for (const auto& peer : *peers) views.push_back(peer.get());
  fleet::DrillOptions drill_options;
  drill_options.drive_s = static_cast<double>(options.seconds);
  const auto spool = region.paths().edge_state() + "/spool";
  fleet::Drill drill(region, cars, screen, [&] { return read_volume(spool); }, views, clock, drill_options);
  auto result = drill.run();
  if (!region.stop()) result.failures.emplace_back("a process did not drain in time");
  screen.leave();
  auto* to = options.json ? stderr : stdout;
  std::fprintf(to, "%s\nfolder: %s\n", fleet::drill_text(result).c_str(), region.paths().dir.c_str());
  if (options.json) std::printf("%s\n", fleet::drill_json(result).c_str());
  return result.passed() ? kYes : kNo;
}

int run_with(const UpOptions& options) {
  fleet::RegionOptions region_options;
  region_options.dir = make_dir(options);
  if (region_options.dir.empty()) return fail(kUsage, "no folder can be made; name one with --dir");
  region_options.pki = options.pki;
  region_options.bin_dir = fleet::own_bin_dir();
  region_options.seed = options.seed != 0 ? static_cast<std::uint64_t>(options.seed) : os::random_seed() >> 1U;
  auto vehicles = choose_vehicles(options);
  if (!vehicles) return fail(kUsage, vehicles.error().what);
  region_options.vehicles = std::move(*vehicles);
  auto* to = options.json ? stderr : stdout;
  std::fprintf(to, "folder %s, seed %" PRIu64 "\n", region_options.dir.c_str(), region_options.seed);
  auto region = fleet::Region::prepare(std::move(region_options));
  if (!region) return fail(kUsage, region.error().what);
  const auto disk = os::make_posix_disk();
  auto cars = fleet::make_cars(cars_options(options, **region), *disk);
  if (!cars) return fail(kUsage, cars.error().what);
  const auto say = [&](const std::string& text) { std::fprintf(to, "%s\n", text.c_str()); };
  if (auto up = (*region)->start(say); !up) return fail(kNo, up.error().what);
  if (auto started = (*cars)->start(); !started) return fail(kNo, started.error().what);
  fleet::Screen screen(isatty(STDOUT_FILENO) == 1, options.json);
  return options.drill.empty() ? run_until_stopped(**region, **cars, screen)
                               : run_drill(options, **region, **cars, screen, *disk);
}

}  // namespace

int run_up(const Args& args) {
  UpOptions options;
  const Spec spec{
      "wayside up",
      "Starts a whole region on this machine: a development PKI, a core (Mosquitto and wayside-bridge core), an edge "
      "(wayside-broker and wayside-bridge edge) and simulated cars. Runs until Ctrl-C and prints how to look at it; "
      "with "
      "--drill outage the core is killed for 30 s and the exit status says whether everything held.",
      {{"--drill", &options.drill, "drill to run: outage"},
       {"--cars", &options.cars, "number of cars", false, 2, 10'000},
       {"--seconds", &options.seconds, "how long the cars drive in a drill", false, 60, 110},
       {"--seed", &options.seed, "seed of the cars' drives; 0: a new one", false, 0, INT64_MAX},
       {"--replay", &options.replay, "recorded drive (CSV, may be gzip) instead of EPA schedules, may be repeated"},
       {"--map", &options.map, "which column of a recording is which VSS signal"},
       {"--dir", &options.dir, "folder of the run (default: a new one under $TMPDIR)"},
       {"--pki", &options.pki, "an existing PKI folder; missing certificates and grants are added to it"},
       {"--no-peer", &options.no_peer, "drill without the stock Mosquitto beside it"},
       {"--json", &options.json, "the drill's result as one JSON object on the last line"}},
      "Exit status: 0 all held, 1 something did not, 2 usage."};
  if (const auto exit = parse(spec, args)) return *exit;
  if (!options.drill.empty() && options.drill != "outage") {
    return fail(kUsage, "there is no drill '" + options.drill + "'. Did you mean 'outage'?");
  }
  if (options.json && options.drill.empty()) return fail(kUsage, "--json is of --drill");
  std::signal(SIGINT, [](int) { stop_asked = 1; });
  std::signal(SIGTERM, [](int) { stop_asked = 1; });
  return run_with(options);
}

}  // namespace wayside::cli
