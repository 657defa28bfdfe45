#include "cli/spool.h"

#include "cli/commands.h"
#include "common/identity/identity.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"

namespace wayside::cli {
namespace {

constexpr std::size_t kRegionKeyBytes = 32;

}  // namespace

Result<SpoolView> SpoolView::open(const std::string& dir) {
  SpoolView view;
  view.disk_ = os::make_posix_disk();
  view.dry_ = std::make_unique<spool::DryDisk>(*view.disk_);
  std::optional<Error> first;
  for (const char* below : {"", "/spool", "/corelog"}) {
    auto volume = spool::open_volume(*view.dry_, dir + below, spool::VolumeRole::reader, {});
    if (volume) {
      view.volume_ = std::move(volume).value();
      return view;
    }
    if (volume.error().fault != Fault::not_found) return std::move(volume).error();
    if (!first) first = std::move(volume).error();
  }
  return *first;
}

std::optional<std::vector<Lane>> lanes_of(const std::string& name) {
  if (name.empty()) return std::vector<Lane>(kAllLanes.begin(), kAllLanes.end());
  Lane lane{};
  if (!parse_lane(name, lane)) return std::nullopt;
  return std::vector<Lane>{lane};
}

Result<Bytes> tag_key(const std::string& key_file) {
  return key_file.empty() ? os::random_bytes(kRegionKeyBytes) : os::read_hex_file(key_file, kRegionKeyBytes);
}

Result<VehicleNames> VehicleNames::open(const std::string& key_file, bool in_clear) {
  auto key = tag_key(key_file);
  if (!key) return std::move(key).error();
  VehicleNames names;
  names.key_ = std::move(key).value();
  names.in_clear_ = in_clear;
  return names;
}

std::string VehicleNames::name(std::string_view vehicle) const {
  return in_clear_ ? std::string(vehicle) : identity::tag(key_, vehicle);
}

std::string VehicleNames::replace_in(std::string text, std::string_view vehicle) const {
  if (in_clear_ || vehicle.empty()) return text;
  const std::string tag = name(vehicle);
  for (std::size_t at = text.find(vehicle); at != std::string::npos; at = text.find(vehicle, at + tag.size())) {
    text.replace(at, vehicle.size(), tag);
  }
  return text;
}

std::string time_text(const std::optional<WallMs>& time) { return time ? os::rfc3339(*time) : "-"; }

int run_spool(const Args& args) {
  static const std::vector<Command> commands = {
      {"ls", "lists lanes and segments", run_spool_ls},
      {"verify", "reads everything and says what is damaged or gone", run_spool_verify},
      {"dump", "prints records", run_spool_dump},
      {"repair", "says what recovery would do at the next open (--dry-run)", run_spool_repair},
      {"adopt", "ships the volume of an edge that is no more", run_spool_adopt},
  };
  return dispatch("wayside spool",
                  "looks at a spool or a core log, in use or not, and changes nothing; adopts one that nobody uses",
                  commands, args);
}

}  // namespace wayside::cli
