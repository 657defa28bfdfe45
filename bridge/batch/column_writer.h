// One column of samples on its way into a batch: all values of one signal path with one type.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "schemas/gen/batch_generated.h"
#include "schemas/signal_batch.h"

namespace wayside::bridge::batch {

// What a column becomes: the encoding whose bytes compress best.
struct PackedColumn {
  schemas::ColumnEncoding encoding{};
  std::uint8_t decimals = 0;
  Bytes values;
};

// Owns     the values until pack().   Thread   one.   Durable  -
// Limits   what the encoder's limits let in.
class ColumnWriter {
 public:
  ColumnWriter(std::string path, schemas::ColumnType type) : path_(std::move(path)), type_(type) {}

  void add(std::uint32_t vehicle, const schemas::SignalData& value);
  [[nodiscard]] PackedColumn pack() const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] schemas::ColumnType type() const { return type_; }
  [[nodiscard]] std::uint32_t samples() const { return static_cast<std::uint32_t>(bits_.size()); }
  [[nodiscard]] const std::vector<std::string>& text() const { return text_; }

 private:
  [[nodiscard]] std::vector<std::uint64_t> previous(const std::vector<std::uint64_t>& values) const;
  [[nodiscard]] Bytes pack_differences(const std::vector<std::uint64_t>& values) const;
  [[nodiscard]] Bytes pack_planes(bool exclusive_or) const;
  [[nodiscard]] bool pack_decimal(PackedColumn& out) const;
  [[nodiscard]] bool decimals_of(std::uint64_t bits, unsigned decimals, std::int64_t& n) const;
  [[nodiscard]] unsigned width() const { return type_ == schemas::ColumnType::FLOAT ? 4 : 8; }

  std::string path_;
  schemas::ColumnType type_;
  std::vector<std::uint64_t> bits_;      // of strings: index into text_
  std::vector<std::uint32_t> vehicles_;  // whose sample
  std::vector<std::string> text_;
  std::map<std::string, std::uint64_t> text_index_;
};

// The alternatives of SignalData stand in the order of ColumnType.
inline schemas::ColumnType column_type(const schemas::SignalData& value) {
  return static_cast<schemas::ColumnType>(value.index());
}

}  // namespace wayside::bridge::batch
