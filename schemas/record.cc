#include "schemas/record.h"

#include <algorithm>

namespace wayside::schemas {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kFlagSignalBatch = 1;
constexpr std::size_t kFixedBytes = 1 + 1 + 2 + 8 + 8 + 8;
constexpr std::size_t kLengthBytes = 5 * 1 + 2 + 4;  // of the names, the topic, the payload

// Into room that was measured before.
class Writer {
 public:
  explicit Writer(std::uint8_t* at) : at_(at) {}

  template <typename T>
  void number(T value) {
    auto bits = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i) at_[i] = static_cast<std::uint8_t>(bits >> (8 * i));
    at_ += sizeof(T);
  }
  template <typename Length>
  void text(std::string_view value, std::size_t bytes_max) {
    WAYSIDE_ASSERT(value.size() <= bytes_max);
    number(static_cast<Length>(value.size()));
    append(as_bytes(value));
  }
  void append(ByteView bytes) { at_ = std::copy(bytes.begin(), bytes.end(), at_); }
  [[nodiscard]] const std::uint8_t* at() const { return at_; }

 private:
  std::uint8_t* at_;
};

// Reads in order; after the first read beyond the end every further one fails too.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  template <typename T>
  T number() {
    const ByteView bytes = take(sizeof(T));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      value |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
    }
    return static_cast<T>(value);
  }
  template <typename Length>
  std::string_view text(std::size_t bytes_min, std::size_t bytes_max) {
    const std::string_view value = as_text(take(number<Length>()));
    ok_ = ok_ && value.size() >= bytes_min && value.size() <= bytes_max;
    return value;
  }
  ByteView take(std::size_t count) {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      return {};
    }
    const ByteView taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  [[nodiscard]] bool finished() const { return ok_ && rest_.empty(); }

 private:
  ByteView rest_;
  bool ok_ = true;
};

}  // namespace

void encode_record(const RecordView& record, Bytes& out) {
  WAYSIDE_ASSERT(!record.vehicle.empty() && !record.topic.empty() && !record.tenant.empty());
  WAYSIDE_ASSERT(record.payload.size() <= UINT32_MAX);
  out.resize(kFixedBytes + kLengthBytes + record.vehicle.size() + record.topic.size() + record.payload.size() +
             record.cohort.size() + record.tenant.size() + record.mid.size() + record.qos2_session.size());
  Writer writer(out.data());
  writer.number(kVersion);
  writer.number(record.signal_batch ? kFlagSignalBatch : std::uint8_t{0});
  writer.number(record.packet_id);
  writer.number(record.source_time.value);
  writer.number(record.epoch);
  writer.number(record.sequence);
  writer.text<std::uint8_t>(record.vehicle, kRecordNameBytesMax);
  writer.text<std::uint16_t>(record.topic, kRecordTopicBytesMax);
  writer.text<std::uint8_t>(record.cohort, kRecordNameBytesMax);
  writer.text<std::uint8_t>(record.tenant, kRecordNameBytesMax);
  writer.text<std::uint8_t>(record.mid, kRecordNameBytesMax);
  writer.text<std::uint8_t>(record.qos2_session, kRecordSessionBytesMax);
  writer.number(static_cast<std::uint32_t>(record.payload.size()));
  writer.append(record.payload);
  WAYSIDE_ASSERT(writer.at() == out.data() + out.size());
}

Result<RecordView> decode_record(ByteView bytes) {
  Reader reader(bytes);
  const auto version = reader.number<std::uint8_t>();
  if (!bytes.empty() && version != kVersion) {
    return Error{Fault::unsupported, "record of version " + std::to_string(version)};
  }
  RecordView record;
  const auto flags = reader.number<std::uint8_t>();
  if ((flags & ~kFlagSignalBatch) != 0) {
    return Error{Fault::unsupported, "record with unknown flags " + std::to_string(flags)};
  }
  record.signal_batch = (flags & kFlagSignalBatch) != 0;
  record.packet_id = reader.number<std::uint16_t>();
  record.source_time = {reader.number<std::int64_t>()};
  record.epoch = reader.number<std::uint64_t>();
  record.sequence = reader.number<std::uint64_t>();
  record.vehicle = reader.text<std::uint8_t>(1, kRecordNameBytesMax);
  record.topic = reader.text<std::uint16_t>(1, kRecordTopicBytesMax);
  record.cohort = reader.text<std::uint8_t>(0, kRecordNameBytesMax);
  record.tenant = reader.text<std::uint8_t>(1, kRecordNameBytesMax);
  record.mid = reader.text<std::uint8_t>(0, kRecordNameBytesMax);
  record.qos2_session = reader.text<std::uint8_t>(0, kRecordSessionBytesMax);
  record.payload = reader.take(reader.number<std::uint32_t>());
  if (!reader.finished()) {
    return Error{Fault::malformed, "record of " + std::to_string(bytes.size()) + " bytes does not parse"};
  }
  return record;
}

}  // namespace wayside::schemas
