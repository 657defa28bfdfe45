#include "bridge/batch/column_reader.h"

#include <bit>

#include "bridge/batch/decimal.h"
#include "schemas/text.h"
#include "schemas/verified.h"

namespace wayside::bridge::batch {

using schemas::ColumnEncoding;
using schemas::ColumnType;

namespace {

bool fits(ColumnType type, ColumnEncoding encoding, std::uint8_t decimals) {
  switch (type) {
    case ColumnType::INT64:
    case ColumnType::UINT64:
    case ColumnType::BOOL: return encoding == ColumnEncoding::DELTA && decimals == 0;
    case ColumnType::STRING: return encoding == ColumnEncoding::DICTIONARY && decimals == 0;
    case ColumnType::DOUBLE:
    case ColumnType::FLOAT:
      if (encoding == ColumnEncoding::DECIMAL) return decimals <= kDecimalsMax;
      return (encoding == ColumnEncoding::XOR || encoding == ColumnEncoding::BITS) && decimals == 0;
  }
  return false;  // a type this release does not know
}

}  // namespace

bool ColumnReader::planes() const {
  return column_->encoding() == ColumnEncoding::XOR || column_->encoding() == ColumnEncoding::BITS;
}

bool ColumnReader::open(const schemas::SignalColumn& column) {
  column_ = &column;
  path_ = schemas::view(column.path());
  if (!fits(column.type(), column.encoding(), column.decimals()) || !schemas::valid_path(path_)) return false;
  if (column.samples() == 0 || column.values() == nullptr) return false;
  values_ = {column.values()->data(), column.values()->size()};
  // A value takes a byte or more: what is claimed is bounded by what is there.
  if (values_.size() < column.samples()) return false;
  if (planes() && values_.size() != std::uint64_t{column.samples()} * width()) return false;
  packed_ = PackedReader(values_);
  return open_text();
}

bool ColumnReader::open_text() {
  const auto* text = column_->text();
  if (column_->type() != ColumnType::STRING) return text == nullptr || text->size() == 0;
  if (text == nullptr || text->size() == 0 || text->size() > column_->samples()) return false;
  for (const auto* entry : *text) {
    const std::string_view view = schemas::view(entry);
    if (view.size() > schemas::kSignalTextBytesMax || !schemas::valid_utf8(view)) return false;
  }
  return true;
}

std::uint64_t ColumnReader::plane_value() const {
  std::uint64_t value = 0;
  for (unsigned plane = 0; plane < width(); ++plane) {
    value = value << 8U | values_[std::size_t{plane} * column_->samples() + read_];
  }
  return value;
}

bool ColumnReader::next_number(std::uint32_t vehicle, std::uint64_t& out) {
  if (column_->type() == ColumnType::STRING) return packed_.next(out);
  const auto known = last_of_.find(vehicle);
  const std::uint64_t previous = known == last_of_.end() ? last_ : known->second;
  if (column_->encoding() == ColumnEncoding::XOR) {
    out = previous ^ plane_value();
  } else if (column_->encoding() == ColumnEncoding::BITS) {
    out = previous + unzigzag(plane_value());
    if (width() == 4) out &= 0xFFFFFFFFU;
  } else if (!packed_.next_after(previous, out)) {
    return false;
  }
  last_of_[vehicle] = out;
  last_ = out;
  return true;
}

bool ColumnReader::next(std::uint32_t vehicle, schemas::SignalData& out) {
  std::uint64_t number = 0;
  if (read_ >= column_->samples() || !next_number(vehicle, number)) return false;
  ++read_;
  return to_data(number, out);
}

bool ColumnReader::to_data(std::uint64_t number, schemas::SignalData& out) const {
  const bool decimal = column_->encoding() == ColumnEncoding::DECIMAL;
  const auto n = static_cast<std::int64_t>(number);
  switch (column_->type()) {
    case ColumnType::INT64: out = n; return true;
    case ColumnType::UINT64: out = number; return true;
    case ColumnType::DOUBLE:
      out = decimal ? decimal_to_double(n, column_->decimals()) : std::bit_cast<double>(number);
      return true;
    case ColumnType::FLOAT:
      out =
          decimal ? decimal_to_float(n, column_->decimals()) : std::bit_cast<float>(static_cast<std::uint32_t>(number));
      return true;
    case ColumnType::BOOL: out = number != 0; return number <= 1;
    case ColumnType::STRING:
      if (number >= column_->text()->size()) return false;
      out = std::string(schemas::view(column_->text()->Get(static_cast<flatbuffers::uoffset_t>(number))));
      return true;
  }
  return false;
}

bool ColumnReader::finished() const { return read_ == column_->samples() && (planes() || packed_.at_end()); }

}  // namespace wayside::bridge::batch
