#include <algorithm>
#include <filesystem>

#include "certs/command_keys.h"
#include "certs/pki.h"
#include "common/os/system.h"
#include "fleet/region_files.h"

namespace wayside::fleet {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kGrantMs = 24LL * 3'600'000;
constexpr std::int64_t kClockSlackMs = 60'000;

// What is there already is kept.
Result<void> unless_exists(Result<void> made) {
  if (!made && made.error().fault == Fault::exists) return {};
  return made;
}

bool there(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Result<void> issue_leaves(certs::Pki& pki, const RegionNames& names, const std::vector<std::string>& vehicles) {
  const auto& dir = pki.dir();
  for (std::size_t edge = kFirstEdge; edge <= names.edges(); ++edge) {
    if (there(dir + "/edge/" + names.of_edge(edge) + "/server.crt")) continue;
    if (auto issued = pki.issue_edge(names.of_edge(edge)); !issued) return issued;
  }
  if (!there(dir + "/core/" + names.core + "/server.crt")) {
    if (auto issued = pki.issue_core(names.core); !issued) return issued;
  }
  for (const auto* service : {kBackend, kRegionApp, kViewer}) {
    if (there(dir + "/services/" + service + ".crt")) continue;
    if (auto issued = pki.issue_service(service); !issued) return issued;
  }
  for (const auto& vehicle : vehicles) {
    if (there(dir + "/vehicles/" + vehicle + ".crt")) continue;
    if (auto issued = pki.issue_vehicle(vehicle, "demo-cars"); !issued) return issued;
  }
  return {};
}

Result<void> make_grants(const std::string& dir, const RegionNames& names, const std::vector<std::string>& vehicles) {
  auto keys = certs::CommandKeys::open(dir);
  if (!keys) return std::move(keys).error();
  const auto now = os::SystemClock().wall();
  if (!there(keys->dir() + "/root.pub")) {
    if (auto made = keys->init_root(); !made) return made;
    if (auto made = keys->new_grant_key(); !made) return std::move(made).error();
    if (auto signed_list = keys->trust(now); !signed_list) return std::move(signed_list).error();
  }
  for (const auto* issuer : {kBackend, kRegionApp}) {
    if (auto made = unless_exists(keys->init_issuer(issuer)); !made) return made;
    certs::GrantRequest request{
        issuer, vehicles, {"climate", "unlock"}, names.region, {now.value - kClockSlackMs}, {now.value + kGrantMs}, ""};
    if (auto grant = keys->issue_grant(request); !grant) return std::move(grant).error();
  }
  return {};
}

}  // namespace

Result<void> make_region_pki(const std::string& dir, const RegionNames& names,
                             const std::vector<std::string>& vehicles) {
  auto pki = there(dir + "/ca/vehicles.crt") ? certs::Pki::open(dir) : certs::Pki::init(dir, {.development = true});
  if (!pki) return std::move(pki).error();
  if (auto issued = issue_leaves(*pki, names, vehicles); !issued) return issued;
  return make_grants(dir, names, vehicles);
}

Result<std::vector<std::string>> vehicles_of(const std::string& pki) {
  std::error_code failed;
  std::vector<std::string> vehicles;
  for (fs::directory_iterator at(pki + "/vehicles", failed), end; !failed && at != end; at.increment(failed)) {
    if (at->path().extension() == ".crt") vehicles.push_back(at->path().stem().string());
  }
  if (failed) return Error{Fault::not_found, pki + "/vehicles: " + failed.message()};
  std::sort(vehicles.begin(), vehicles.end());
  return vehicles;
}

}  // namespace wayside::fleet
