#include "bridge/batch/column_writer.h"

#include <bit>
#include <utility>

#include "bridge/batch/decimal.h"
#include "bridge/batch/frame.h"
#include "bridge/batch/packed.h"

namespace wayside::bridge::batch {

using schemas::ColumnEncoding;
using schemas::ColumnType;

void ColumnWriter::add(std::uint32_t vehicle, const schemas::SignalData& value) {
  vehicles_.push_back(vehicle);
  switch (type_) {
    case ColumnType::INT64: bits_.push_back(static_cast<std::uint64_t>(std::get<0>(value))); break;
    case ColumnType::UINT64: bits_.push_back(std::get<1>(value)); break;
    case ColumnType::DOUBLE: bits_.push_back(std::bit_cast<std::uint64_t>(std::get<2>(value))); break;
    case ColumnType::FLOAT: bits_.push_back(std::bit_cast<std::uint32_t>(std::get<3>(value))); break;
    case ColumnType::BOOL: bits_.push_back(std::get<4>(value) ? 1 : 0); break;
    case ColumnType::STRING: {
      const auto [at, fresh] = text_index_.try_emplace(std::get<5>(value), text_.size());
      if (fresh) text_.push_back(at->first);
      bits_.push_back(at->second);
      break;
    }
  }
}

// For each value the same vehicle's value before, else the value before, else 0.
std::vector<std::uint64_t> ColumnWriter::previous(const std::vector<std::uint64_t>& values) const {
  std::map<std::uint32_t, std::uint64_t> last;
  std::vector<std::uint64_t> out;
  out.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto [at, fresh] = last.try_emplace(vehicles_[i], values[i]);
    out.push_back(!fresh ? at->second : (i == 0 ? 0 : values[i - 1]));
    at->second = values[i];
  }
  return out;
}

Bytes ColumnWriter::pack_differences(const std::vector<std::uint64_t>& values) const {
  const auto before = previous(values);
  Bytes out;
  out.reserve(values.size() * 2);
  for (std::size_t i = 0; i < values.size(); ++i) put_difference(out, values[i], before[i]);
  return out;
}

Bytes ColumnWriter::pack_planes(bool exclusive_or) const {
  const auto before = previous(bits_);
  const std::size_t n = bits_.size();
  Bytes out(n * width());
  for (std::size_t i = 0; i < n; ++i) {
    std::uint64_t value = bits_[i] ^ before[i];
    if (!exclusive_or) {
      const std::uint64_t difference = bits_[i] - before[i];
      value = width() == 8 ? zigzag(difference)
                           : zigzag(static_cast<std::uint64_t>(static_cast<std::int64_t>(
                                 static_cast<std::int32_t>(static_cast<std::uint32_t>(difference)))));
    }
    for (unsigned plane = 0; plane < width(); ++plane) {
      out[plane * n + i] = static_cast<std::uint8_t>(value >> (8 * (width() - 1 - plane)));
    }
  }
  return out;
}

bool ColumnWriter::decimals_of(std::uint64_t bits, unsigned decimals, std::int64_t& n) const {
  const auto found = type_ == ColumnType::FLOAT
                         ? decimal_of(std::bit_cast<float>(static_cast<std::uint32_t>(bits)), decimals)
                         : decimal_of(std::bit_cast<double>(bits), decimals);
  if (found) n = *found;
  return found.has_value();
}

// The fewest digits that give every value exactly.
bool ColumnWriter::pack_decimal(PackedColumn& out) const {
  unsigned decimals = 0;
  std::int64_t n = 0;
  for (const std::uint64_t bits : bits_) {
    while (!decimals_of(bits, decimals, n)) {
      if (++decimals > kDecimalsMax) return false;
    }
  }
  std::vector<std::uint64_t> numbers;
  numbers.reserve(bits_.size());
  for (const std::uint64_t bits : bits_) {
    if (!decimals_of(bits, decimals, n)) return false;
    numbers.push_back(static_cast<std::uint64_t>(n));
  }
  out = {ColumnEncoding::DECIMAL, static_cast<std::uint8_t>(decimals), pack_differences(numbers)};
  return true;
}

PackedColumn ColumnWriter::pack() const {
  if (type_ == ColumnType::STRING) {
    PackedColumn out{ColumnEncoding::DICTIONARY, 0, {}};
    for (const std::uint64_t index : bits_) put_varint(out.values, index);
    return out;
  }
  if (type_ != ColumnType::DOUBLE && type_ != ColumnType::FLOAT) {
    return {ColumnEncoding::DELTA, 0, pack_differences(bits_)};
  }
  std::vector<PackedColumn> candidates;
  candidates.push_back({ColumnEncoding::XOR, 0, pack_planes(true)});
  candidates.push_back({ColumnEncoding::BITS, 0, pack_planes(false)});
  if (PackedColumn decimal; pack_decimal(decimal)) candidates.push_back(std::move(decimal));
  std::size_t best = 0;
  std::size_t best_bytes = SIZE_MAX;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::size_t bytes = trial_size(candidates[i].values);
    if (bytes < best_bytes) {
      best_bytes = bytes;
      best = i;
    }
  }
  return std::move(candidates[best]);
}

}  // namespace wayside::bridge::batch
