// Repeats by source id. A vehicle's resend after a lost PUBACK is a record of its own; where its sender gave it a
// source id, the second one ends as compacted, sub-count resent, and reaches no sink.
//
// A repeat has the vehicle, the lane, the full topic and the source id of a record that was delivered before:
//   mid        as the sender gave it, whatever the payload: it is the sender's own name for the message
//   sequence   without a mid, and only together with the payload: a counter begins again with new firmware, and other
//              data under an old number is data
// A presence epoch is no part of it: resends come with the next connection. What has neither id never repeats.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/core/core_record.h"

namespace wayside::bridge::core {

struct DedupeOptions {
  std::uint32_t ids_per_vehicle = 128;  // 0: nothing is a repeat
  std::uint64_t vehicles_max = 100'000;
  std::uint64_t bytes_max = 16U << 20U;
};

// The ids of a vehicle, oldest first; as the checkpoint keeps them.
struct SeenVehicle {
  std::string vehicle;
  std::vector<std::uint64_t> ids;
};

// The window of one lane: the last ids of each vehicle that delivered last. A function of the delivered records in
// their order, so that reading the core log gives the same window again.
//
// Owns     the ids.   Thread   one.
// Durable  with the core log: revert() takes back what was added since keep(); durable() leaves it out.
// Limits   ids_per_vehicle; vehicles_max; bytes_max at 8 bytes an id and kVehicleBytes + name a vehicle: the vehicle
//          that delivered longest ago goes, with all of its ids. Steps since keep(): what the core log has staged.
class RepeatWindow {
 public:
  static constexpr std::uint64_t kVehicleBytes = 256;  // two nodes of maps, two copies of the name, an array's head

  explicit RepeatWindow(DedupeOptions options = {}) : options_(options) {}

  [[nodiscard]] bool enabled() const { return options_.ids_per_vehicle > 0; }
  [[nodiscard]] bool contains(std::string_view vehicle, std::uint64_t id) const;
  void add(std::string_view vehicle, std::uint64_t id);
  void keep() { changes_.clear(); }
  void revert();

  [[nodiscard]] std::vector<SeenVehicle> durable() const;  // the one that delivered longest ago first
  void restore(std::vector<SeenVehicle> vehicles);         // into an empty window

  [[nodiscard]] std::size_t vehicles() const { return vehicles_.size(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  struct Seen {
    std::uint64_t used = 0;
    std::vector<std::uint64_t> ids;
  };
  // One step since keep(), as revert() takes it back.
  struct Change {
    enum class Kind : std::uint8_t { new_vehicle, new_id, evicted };
    Kind kind{};
    std::string vehicle;
    Seen was;  // new_id: when it was used, and the id that went for the new one; evicted: all of it
  };
  void use(Seen& seen, std::uint64_t at);
  void take_back(Change& change);
  void put(const std::string& vehicle, Seen seen);
  void erase(std::string_view vehicle);
  void evict();

  DedupeOptions options_;
  std::map<std::string, Seen, std::less<>> vehicles_;
  std::map<std::uint64_t, std::string> by_use_;
  std::vector<Change> changes_;
  std::uint64_t uses_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t evicted_ = 0;
};

// What a repeat is told by: XXH3-64 of topic and source id (and payload). 64 bits: among 128 ids of a vehicle a
// record is taken for a repeat by chance once in 10^17. nullopt: no source id.
std::optional<std::uint64_t> source_id(const batch::Delivered& record);

// Makes tombstones of the records of a batch that repeat one of the window or an earlier one of the batch.
void settle_repeats(const RepeatWindow& window, std::vector<CoreRecord>& batch);
// Adds what the batch delivers.
void note_delivered(RepeatWindow& window, const std::vector<CoreRecord>& batch);

}  // namespace wayside::bridge::core
