#include "bench/side.h"

#include "fleet/peer.h"
#include "fleet/region.h"

namespace wayside::bench {
namespace {

class WaysideSide final : public Side {
 public:
  explicit WaysideSide(std::unique_ptr<fleet::Region> region) : region_(std::move(region)) {}
  ~WaysideSide() override { region_->stop(); }
  std::string name() const override { return "wayside"; }
  std::string durable() const override {
    return "acknowledged after fdatasync at the edge; passed on after fdatasync at the core";
  }
  fleet::Endpoint door() const override { return {"127.0.0.1", region_->ports().vehicles}; }
  std::string sink() const override { return region_->paths().sink(); }
  std::vector<pid_t> edge_processes() override {
    std::vector<pid_t> pids;
    for (const auto& process : region_->processes()) {
      const bool core = process.name.rfind("core", 0) == 0;
      if (!core) pids.push_back(process.pid);
    }
    return pids;
  }
  std::uint64_t link_bytes() override { return region_->relay().bytes(); }

 private:
  std::unique_ptr<fleet::Region> region_;
};

class StockSide final : public Side {
 public:
  explicit StockSide(std::unique_ptr<fleet::Peer> peer) : peer_(std::move(peer)) {}
  std::string name() const override { return "mosquitto"; }
  std::string durable() const override { return "acknowledged from memory; a killed broker has lost what was waiting"; }
  fleet::Endpoint door() const override { return peer_->door(); }
  std::string sink() const override { return peer_->sink(); }
  std::vector<pid_t> edge_processes() override { return {peer_->edge_pid()}; }
  std::uint64_t link_bytes() override { return peer_->link_bytes(); }

 private:
  std::unique_ptr<fleet::Peer> peer_;
};

}  // namespace

Result<std::unique_ptr<Side>> start_wayside(const SideOptions& options) {
  fleet::RegionOptions region;
  region.dir = options.dir;
  region.pki = options.pki;
  region.bin_dir = options.bin_dir;
  region.mosquitto = options.mosquitto;
  region.vehicles = options.vehicles;
  region.seed = options.seed;
  auto prepared = fleet::Region::prepare(std::move(region));
  if (!prepared) return std::move(prepared).error();
  if (auto up = (*prepared)->start([](const std::string&) {}); !up) return std::move(up).error();
  return std::unique_ptr<Side>(new WaysideSide(std::move(*prepared)));
}

Result<std::unique_ptr<Side>> start_stock(const SideOptions& options, Disk& disk) {
  fleet::PeerOptions peer;
  peer.dir = options.dir;
  peer.mosquitto = options.mosquitto;
  peer.settings = fleet::PeerSettings::memory;
  peer.cars.pki = options.pki;
  auto started = fleet::Peer::start(std::move(peer), disk);
  if (!started) return std::move(started).error();
  return std::unique_ptr<Side>(new StockSide(std::move(*started)));
}

}  // namespace wayside::bench
