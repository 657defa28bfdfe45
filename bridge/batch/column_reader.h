// One column of samples as a peer sent it, read value by value in record order.
#pragma once

#include <map>

#include "bridge/batch/packed.h"
#include "schemas/gen/batch_generated.h"
#include "schemas/signal_batch.h"

namespace wayside::bridge::batch {

// Owns     nothing of the batch; the verified buffer must outlive it.   Thread   one.
// Limits   one remembered value for each vehicle that has a sample in the column.
class ColumnReader {
 public:
  // False: type, encoding, path, text or lengths are not what the schema says.
  bool open(const schemas::SignalColumn& column);
  // False: no value is left, or it is out of range.
  bool next(std::uint32_t vehicle, schemas::SignalData& out);
  // Every value was read, and nothing else is in the column.
  [[nodiscard]] bool finished() const;

  [[nodiscard]] std::string_view path() const { return path_; }
  [[nodiscard]] std::uint32_t samples() const { return column_->samples(); }

 private:
  bool open_text();
  bool next_number(std::uint32_t vehicle, std::uint64_t& out);
  [[nodiscard]] std::uint64_t plane_value() const;
  bool to_data(std::uint64_t number, schemas::SignalData& out) const;
  [[nodiscard]] bool planes() const;
  [[nodiscard]] unsigned width() const { return column_->type() == schemas::ColumnType::FLOAT ? 4 : 8; }

  const schemas::SignalColumn* column_ = nullptr;
  std::string_view path_;
  ByteView values_;
  PackedReader packed_;
  std::uint32_t read_ = 0;
  std::uint64_t last_ = 0;
  std::map<std::uint32_t, std::uint64_t> last_of_;
};

}  // namespace wayside::bridge::batch
