// Where a car's values come from: a schedule driven by a model, or a recording played back.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/types.h"
#include "fleet/drive/sample.h"

namespace wayside::fleet {

// Thread: one. Deterministic: the same construction gives the same values in the same order.
class Source {
 public:
  virtual ~Source() = default;
  // Appends the next frame of samples, stamped `at`. False: the drive has ended, nothing was appended.
  virtual bool next(WallMs at, std::vector<Sample>& out) = 0;
  // Natural distance of two frames.
  [[nodiscard]] virtual std::int64_t interval_ms() const = 0;
  // "vss-6.0": goes into SignalBatch.catalogue.
  [[nodiscard]] virtual std::string_view catalogue() const = 0;
  // A command the car has executed: what follows shows its effect where the source models one.
  virtual void executed(std::string_view group, std::string_view name) = 0;
};

}  // namespace wayside::fleet
