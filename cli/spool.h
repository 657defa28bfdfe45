// What the `wayside spool` commands share: the volume as it lies on disk, and names that stand for vehicles.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/args.h"
#include "common/disk.h"
#include "spool/codec.h"
#include "spool/dry_disk.h"
#include "spool/spool.h"

namespace wayside::cli {

int run_spool_ls(const Args& args);
int run_spool_verify(const Args& args);
int run_spool_dump(const Args& args);
int run_spool_repair(const Args& args);
int run_spool_adopt(const Args& args);

// A volume that may be in use: nothing is locked, nothing is written.
class SpoolView {
 public:
  // `dir`: the spool, or the state folder that holds it as spool/ or corelog/.
  static Result<SpoolView> open(const std::string& dir);

  [[nodiscard]] spool::DryDisk& disk() { return *dry_; }
  // Below the dry disk: for what makes a dry disk of its own.
  [[nodiscard]] Disk& real() { return *disk_; }
  [[nodiscard]] const spool::Volume& volume() const { return volume_; }
  [[nodiscard]] std::string lane_dir(Lane lane) const { return volume_.lane_dir(lane); }
  [[nodiscard]] spool::Identity identity(Lane lane) const { return {volume_.uuid, lane}; }

 private:
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<spool::DryDisk> dry_;
  spool::Volume volume_;
};

// Every lane when `name` is empty; nullopt: there is no such lane.
std::optional<std::vector<Lane>> lanes_of(const std::string& name);

// What `wayside spool ls --json` prints.
Result<std::string> spool_listing_json(SpoolView& view, const std::vector<Lane>& lanes);

// The key that tags are made with: the region's, or where `key_file` is empty one that nobody else has.
Result<Bytes> tag_key(const std::string& key_file);

// How vehicles are called in output that may be passed on (P12).
class VehicleNames {
 public:
  // `key_file` empty: a key of this run alone, so that tags tell vehicles apart here and nowhere else.
  static Result<VehicleNames> open(const std::string& key_file, bool in_clear);
  [[nodiscard]] std::string name(std::string_view vehicle) const;
  // `text` with every occurrence of the vehicle's id replaced by its name.
  [[nodiscard]] std::string replace_in(std::string text, std::string_view vehicle) const;

 private:
  Bytes key_;
  bool in_clear_ = false;
};

std::string time_text(const std::optional<WallMs>& time);  // "-" when there is none

}  // namespace wayside::cli
