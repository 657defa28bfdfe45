// Planned records as columns, and the columns as a FlatBuffer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bridge/batch/batch.h"
#include "bridge/batch/column_writer.h"
#include "bridge/batch/plan.h"

namespace wayside::bridge::batch {

// Strings by index, in the order they came.
class Dictionary {
 public:
  std::uint32_t index_of(std::string_view text);
  [[nodiscard]] const std::vector<std::string>& entries() const { return entries_; }

 private:
  std::vector<std::string> entries_;
  std::map<std::string, std::uint32_t, std::less<>> index_;
};

// Owns     the columns until finish().   Thread   one.   Durable  -
// Limits   the plan's.
class ColumnsBuilder {
 public:
  void add(const PlannedRecord& planned);  // delivered ones, in offset order
  [[nodiscard]] Bytes finish(const EncodeInput& input, const std::vector<PlannedRecord>& all, Digest after,
                             std::uint64_t framed_bytes) const;
  [[nodiscard]] std::uint64_t samples() const { return samples_; }

 private:
  // What the next record of a vehicle is told as a difference to.
  struct Previous {
    std::uint64_t epoch = 0;
    std::uint64_t sequence = 0;
  };
  void add_signals(std::uint32_t vehicle, const PlannedRecord& planned);
  std::uint32_t column_of(const schemas::SignalValue& signal);
  [[nodiscard]] flatbuffers::Offset<schemas::RecordColumns> record_columns(flatbuffers::FlatBufferBuilder& fb) const;
  [[nodiscard]] std::vector<flatbuffers::Offset<schemas::SignalColumn>> signal_columns(
      flatbuffers::FlatBufferBuilder& fb) const;

  std::uint32_t records_ = 0;
  std::uint64_t samples_ = 0;
  Dictionary vehicles_, topics_, cohorts_, catalogues_;
  std::map<std::uint32_t, std::uint64_t> catalogue_uses_;
  Bytes vehicle_, topic_, cohort_, committed_, epoch_, sequence_, kind_, catalogue_, shape_;
  std::vector<std::string> mids_;
  bool any_mid_ = false;
  std::uint64_t last_committed_ = 0;
  Previous last_;
  std::map<std::uint32_t, Previous> last_of_;
  std::vector<std::uint32_t> payload_sizes_;
  Bytes payloads_;
  std::vector<ColumnWriter> columns_;
  std::map<std::pair<std::string, std::size_t>, std::uint32_t> column_index_;
  std::map<std::vector<std::uint32_t>, std::uint32_t> shape_index_;
  Bytes shapes_;
  Bytes times_;
};

}  // namespace wayside::bridge::batch
