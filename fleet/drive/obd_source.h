// A recorded drive played back: each row of an OBD-II recording is one frame.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fleet/drive/obd_map.h"
#include "fleet/drive/source.h"

namespace wayside::fleet {

// A recording as values: columns that the map names, in the map's order; empty fields are absent.
struct Recording {
  std::vector<ObdSignal> signals;
  std::vector<std::vector<std::optional<double>>> rows;
  std::int64_t interval_ms = 500;  // mean distance of the rows, from the column of engine run time
};
// `path` may be gzip-compressed. Fault::malformed names the line; a map that matches no column is one too.
Result<std::shared_ptr<const Recording>> read_recording(const std::string& path, const std::vector<ObdSignal>& map);

// Owns    its place in the recording.   Thread  one.
// Limits  ends with the last row.
class ObdSource final : public Source {
 public:
  ObdSource(std::shared_ptr<const Recording> recording, std::size_t first_row);
  bool next(WallMs at, std::vector<Sample>& out) override;
  [[nodiscard]] std::int64_t interval_ms() const override { return recording_->interval_ms; }
  [[nodiscard]] std::string_view catalogue() const override { return "vss-6.0-obd"; }
  void executed(std::string_view /*group*/, std::string_view /*name*/) override {}  // a recording does not change

 private:
  std::shared_ptr<const Recording> recording_;
  std::size_t row_;
};

}  // namespace wayside::fleet
