// The region of a rotation run: its secrets in mounts, its cars under load, and what can be seen of it from outside.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "certs/command_keys.h"
#include "certs/pki.h"
#include "common/disk.h"
#include "common/metrics/samples.h"
#include "common/os/system.h"
#include "fleet/cars.h"
#include "fleet/region.h"
#include "tests/rotate/mount.h"
#include "tests/rotate/rotate_run.h"

namespace wayside::test {

// Owns     the region, its cars, the mounts, a second authority of each kind.
// Thread   one: the same that makes it.
class RotateWorld {
 public:
  static Result<std::unique_ptr<RotateWorld>> start(const RotateOptions& options);

  // Polls `done` while the region's dead are raised. Fault::timeout with `what` in its sentence.
  Result<void> until(const std::string& what, const std::function<bool()>& done);

  // A new connection of a vehicle: the serial of the certificate that the edge showed, and whether CONNECT got in.
  struct Seen {
    std::string serial;
    bool in = false;
  };
  [[nodiscard]] Seen connect(const std::string& vehicle) const;
  // A request of the region's service: ACCEPTED or the reason of its refusal.
  Result<std::string> ask(const std::string& vehicle);
  // Of a metrics port; -1: it does not answer.
  [[nodiscard]] double metric(int port, std::string_view name, const metrics::SampleLabels& with = {}) const;
  Result<void> kill_core_broker();

  // Connections that cars lost and were not meant to.
  [[nodiscard]] std::uint64_t dropped();
  void expect_loss(const std::string& car) { ++meant_[car]; }
  void leaves(const std::string& car);  // for ever: it is not waited for
  Result<void> finish_cars();

  // A leaf of the edge's server certificate, by the first or the second authority.
  Result<Mount::Files> server_pair(bool second);
  [[nodiscard]] std::string pki(const std::string& relative) const { return region_->paths().pki + "/" + relative; }
  [[nodiscard]] Mount::Files lists() const;  // of the folder that signs them

  [[nodiscard]] const fleet::Region& region() const { return *region_; }
  bool stop() { return region_->stop(); }
  fleet::CarPool& cars() { return *cars_; }
  certs::Pki& authority() { return *authority_; }
  certs::CommandKeys& keys() { return *keys_; }
  [[nodiscard]] const certs::Issuer& second_vehicles_ca() const { return second_vehicles_; }
  [[nodiscard]] const std::string& car(std::size_t index) const { return vins_.at(index); }
  [[nodiscard]] const std::string& probe() const { return vins_[vins_.size() - 2]; }
  // A vehicle of the second authority.
  [[nodiscard]] const std::string& newcomer() const { return vins_.back(); }

  std::unique_ptr<Mount> server;     // tls.crt, tls.key
  std::unique_ptr<Mount> peers;      // ca.crt, crl.pem, deny.list
  std::unique_ptr<Mount> lists_of;   // *.wsl
  std::unique_ptr<Mount> link;       // tls.crt, tls.key, ca.crt of bridge edge
  std::unique_ptr<Mount> core_link;  // of bridge core

 private:
  explicit RotateWorld(const RotateOptions& options) : options_(options) {}
  Result<void> prepare();
  Result<void> second_authorities();
  Result<void> make_mounts();
  Result<void> mount_into_configuration() const;
  Result<void> start_cars();

  const RotateOptions& options_;
  os::SystemClock clock_;
  std::unique_ptr<Disk> disk_;
  std::vector<std::string> vins_;
  std::unique_ptr<fleet::Region> region_;
  std::unique_ptr<fleet::CarPool> cars_;
  std::optional<certs::Pki> authority_;
  std::optional<certs::CommandKeys> keys_;
  certs::Issuer second_links_;
  certs::Issuer second_vehicles_;
  std::string servers_ca_;  // whom vehicles and services trust: both
  std::map<std::string, std::uint64_t> meant_;
  std::vector<std::string> left_;
};

}  // namespace wayside::test
