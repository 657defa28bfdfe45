#include "fleet/cars.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "certs/command_keys.h"
#include "common/os/system.h"
#include "fleet/drive/cycle_source.h"
#include "fleet/drive/obd_source.h"

namespace wayside::fleet {
namespace {

Result<CommandTrust> load_trust(const std::string& pki, const std::string& region) {
  auto keys = certs::CommandKeys::open(pki);
  if (!keys) return std::move(keys).error();
  auto root = keys->root_key();
  if (!root) return std::move(root).error();
  CommandTrust trust{*root, region, {}};
  std::vector<std::string> files;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(keys->dir() + "/trust", failed), end; !failed && at != end;
       at.increment(failed)) {
    if (at->path().extension() == ".wsl") files.push_back(at->path().string());
  }
  if (failed) return Error{Fault::not_found, keys->dir() + "/trust: " + failed.message()};
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const auto text = os::read_file(file);
    if (!text) return text.error();
    const auto bytes = as_bytes(*text);
    trust.lists.emplace_back(bytes.begin(), bytes.end());
  }
  return trust;
}

Result<std::vector<std::shared_ptr<const Recording>>> load_recordings(const CarsOptions& options) {
  std::vector<std::shared_ptr<const Recording>> recordings;
  if (options.replay_files.empty()) return recordings;
  auto map = read_obd_map(options.replay_map);
  if (!map) return std::move(map).error();
  for (const auto& file : options.replay_files) {
    auto recording = read_recording(file, *map);
    if (!recording) return std::move(recording).error();
    recordings.push_back(std::move(*recording));
  }
  return recordings;
}

std::unique_ptr<Source> make_source(const CarsOptions& options, std::size_t index, std::uint64_t seed,
                                    const std::vector<std::shared_ptr<const Recording>>& recordings) {
  if (recordings.empty()) {
    const auto& cycles = builtin_cycles();
    return std::make_unique<CycleSource>(cycles[index % cycles.size()], seed,
                                         options.car.interval_ms > 0 ? options.car.interval_ms : 1000);
  }
  const auto& recording = recordings[index % recordings.size()];
  const auto first = options.replay_whole ? 0 : seed % recording->rows.size();
  return std::make_unique<ObdSource>(recording, first);
}

}  // namespace

std::vector<std::string> simulated_vins(std::size_t count) {
  std::vector<std::string> vins;
  for (std::size_t i = 1; i <= count; ++i) vins.push_back(fmt::format("WSYDEM{:011}", i));
  return vins;
}

Result<std::unique_ptr<CarPool>> make_cars(const CarsOptions& options, Disk& disk) {
  auto journal = Journal::open(options.journal);
  if (!journal) return std::move(journal).error();
  auto recordings = load_recordings(options);
  if (!recordings) return std::move(recordings).error();
  const bool commands = !options.region.empty();
  CommandTrust trust;
  if (commands) {
    auto loaded = load_trust(options.pki, options.region);
    if (!loaded) return std::move(loaded).error();
    trust = std::move(*loaded);
  }
  const auto ca = options.server_ca.empty() ? options.pki + "/ca/links.crt" : options.server_ca;
  auto pool = std::make_unique<CarPool>(std::move(*journal));
  SeededRng seeds(options.seed);
  for (std::size_t i = 0; i < options.vehicles.size(); ++i) {
    const auto& vehicle = options.vehicles[i];
    const auto leaf = options.pki + "/vehicles/" + vehicle;
    auto tls = TlsClient::load({ca, leaf + ".crt", leaf + ".key"});
    if (!tls) return std::move(tls).error();
    std::unique_ptr<Commands> executor;
    if (commands) {
      auto opened = Commands::open(disk, options.state_dir, vehicle, trust);
      if (!opened) return std::move(opened).error().with(vehicle);
      executor = std::move(*opened);
    }
    CarOptions car = options.car;
    car.vehicle = vehicle;
    car.seed = seeds.next();
    auto source = make_source(options, i, car.seed, *recordings);
    if (car.interval_ms < 0) car.interval_ms = source->interval_ms();
    pool->add(std::make_unique<Car>(std::move(car), std::move(source), std::move(executor), pool->journal(),
                                    std::make_shared<TlsClient>(std::move(*tls)), options.to));
  }
  return pool;
}

}  // namespace wayside::fleet
