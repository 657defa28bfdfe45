#include "bridge/batch/unpack.h"

#include <map>

#include "bridge/batch/column_reader.h"
#include "bridge/batch/packed.h"
#include "schemas/signal_batch.h"
#include "schemas/text.h"
#include "schemas/verified.h"

namespace wayside::bridge::batch {

namespace fb = wayside::schemas;

namespace {

using Strings = flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>;
using Packed = flatbuffers::Vector<std::uint8_t>;

ByteView bytes_of(const Packed* column) {
  return column == nullptr ? ByteView{} : ByteView(column->data(), column->size());
}

std::uint64_t size_of(const Strings* strings) { return strings == nullptr ? 0 : strings->size(); }

// An index column and the strings it points into.
struct IndexColumn {
  PackedReader packed;
  const Strings* strings = nullptr;

  bool next(std::uint64_t& index, std::string_view& text) {
    if (!packed.next(index) || index >= size_of(strings)) return false;
    text = fb::view(strings->Get(static_cast<flatbuffers::uoffset_t>(index)));
    return true;
  }
};

class Unpacker {
 public:
  Unpacker(const fb::Batch& batch, std::uint64_t payload_bytes_max)
      : batch_(batch), payload_bytes_max_(payload_bytes_max) {}

  wayside::Outcome<std::vector<Delivered>> run();

 private:
  struct Previous {
    std::uint64_t epoch = 0;
    std::uint64_t sequence = 0;
  };

  bool open();
  bool open_shapes();
  bool open_columns();
  bool next_record(Delivered& out);
  bool next_identity(Delivered& out, std::uint64_t& vehicle);
  bool next_payload(Kind kind, std::uint64_t vehicle, Delivered& out);
  bool next_signals(std::uint64_t vehicle, Delivered& out);
  bool next_bytes(Delivered& out);
  [[nodiscard]] bool finished() const;

  const fb::Batch& batch_;
  std::uint64_t payload_bytes_max_;
  std::uint64_t payload_bytes_ = 0;
  bool too_large_ = false;

  IndexColumn vehicles_, topics_, cohorts_, catalogues_;
  PackedReader committed_, epoch_, sequence_, shape_, times_;
  ByteView kinds_;
  const Strings* mids_ = nullptr;
  std::uint64_t last_committed_ = 0;
  Previous last_;
  std::map<std::uint64_t, Previous> last_of_;
  std::uint32_t record_ = 0;
  std::vector<std::vector<std::uint32_t>> shapes_;
  std::vector<ColumnReader> columns_;
  ByteView payloads_;
  std::size_t payload_ = 0;
};

bool Unpacker::open() {
  const fb::RecordColumns* columns = batch_.columns();
  if (columns == nullptr) return false;
  vehicles_ = {PackedReader(bytes_of(columns->vehicle())), batch_.vehicles()};
  topics_ = {PackedReader(bytes_of(columns->topic())), batch_.topics()};
  cohorts_ = {PackedReader(bytes_of(columns->cohort())), batch_.cohorts()};
  catalogues_ = {PackedReader(bytes_of(columns->catalogue())), batch_.catalogues()};
  committed_ = PackedReader(bytes_of(columns->committed_ms()));
  epoch_ = PackedReader(bytes_of(columns->epoch()));
  sequence_ = PackedReader(bytes_of(columns->sequence()));
  shape_ = PackedReader(bytes_of(columns->shape()));
  times_ = PackedReader(bytes_of(batch_.times()));
  kinds_ = bytes_of(columns->kind());
  mids_ = columns->mid();
  payloads_ = bytes_of(batch_.payloads());
  if (kinds_.size() != batch_.records() || (mids_ != nullptr && mids_->size() != batch_.records())) return false;
  return open_columns() && open_shapes();
}

bool Unpacker::open_columns() {
  if (batch_.signals() == nullptr) return true;
  columns_.resize(batch_.signals()->size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!columns_[i].open(*batch_.signals()->Get(static_cast<flatbuffers::uoffset_t>(i)))) return false;
  }
  return true;
}

bool Unpacker::open_shapes() {
  PackedReader packed(bytes_of(batch_.shapes()));
  if (batch_.shape_count() > batch_.records()) return false;
  for (std::uint32_t i = 0; i < batch_.shape_count(); ++i) {
    std::uint64_t size = 0;
    if (!packed.next(size) || size == 0 || size > fb::kSignalsMax || size > packed.left()) return false;
    std::vector<std::uint32_t> shape(size);
    for (std::uint32_t& column : shape) {
      std::uint64_t index = 0;
      if (!packed.next(index) || index >= columns_.size()) return false;
      column = static_cast<std::uint32_t>(index);
    }
    shapes_.push_back(std::move(shape));
  }
  return packed.at_end();
}

bool Unpacker::next_identity(Delivered& out, std::uint64_t& vehicle) {
  std::uint64_t index = 0;
  std::string_view vehicle_text;
  std::string_view topic_text;
  std::string_view cohort_text;
  if (!vehicles_.next(vehicle, vehicle_text) || !topics_.next(index, topic_text)) return false;
  if (!cohorts_.next(index, cohort_text) || !full_topic(vehicle_text, topic_text, out.topic)) return false;
  const std::string_view mid = mids_ == nullptr ? std::string_view{} : fb::view(mids_->Get(record_));
  if (!valid_record(vehicle_text, out.topic, cohort_text, mid)) return false;
  out.vehicle = vehicle_text;
  out.cohort = cohort_text;
  out.mid = mid;
  return true;
}

bool Unpacker::next_record(Delivered& out) {
  std::uint64_t vehicle = 0;
  if (!next_identity(out, vehicle) || !committed_.next_after(last_committed_, last_committed_)) return false;
  out.committed = {static_cast<std::int64_t>(last_committed_)};
  const auto [before, fresh] = last_of_.try_emplace(vehicle, last_);
  if (!epoch_.next_after(before->second.epoch, out.epoch)) return false;
  if (!sequence_.next_after(before->second.sequence, out.sequence)) return false;
  before->second = last_ = {out.epoch, out.sequence};
  const std::uint8_t kind = kinds_[record_];
  if (kind > static_cast<std::uint8_t>(Kind::signal_bytes)) return false;
  if (!next_payload(static_cast<Kind>(kind), vehicle, out)) return false;
  ++record_;
  payload_bytes_ += out.payload.size();
  too_large_ = payload_bytes_ > payload_bytes_max_;
  return !too_large_;
}

bool Unpacker::next_payload(Kind kind, std::uint64_t vehicle, Delivered& out) {
  out.signal_batch = kind != Kind::bytes;
  if (kind == Kind::columns) return next_signals(vehicle, out);
  if (!next_bytes(out)) return false;
  if (kind == Kind::bytes) return true;
  const auto info = fb::verify_signal_batch(out.payload);
  if (info) out.catalogue = info->catalogue;
  return info.ok();
}

bool Unpacker::next_bytes(Delivered& out) {
  const auto* sizes = batch_.payload_sizes();
  if (sizes == nullptr || payload_ >= sizes->size()) return false;
  const std::size_t size = sizes->Get(static_cast<flatbuffers::uoffset_t>(payload_++));
  if (size > payloads_.size()) return false;
  out.payload.assign(payloads_.begin(), payloads_.begin() + static_cast<std::ptrdiff_t>(size));
  payloads_ = payloads_.subspan(size);
  return true;
}

bool Unpacker::next_signals(std::uint64_t vehicle, Delivered& out) {
  std::uint64_t index = 0;
  std::uint64_t shape = 0;
  std::string_view catalogue;
  if (!catalogues_.next(index, catalogue) || !fb::valid_catalogue(catalogue)) return false;
  if (!shape_.next(shape) || shape >= shapes_.size()) return false;
  std::vector<fb::SignalValue> signals;
  signals.reserve(shapes_[shape].size());
  auto time = static_cast<std::uint64_t>(out.committed.value);
  for (const std::uint32_t column : shapes_[shape]) {
    fb::SignalValue signal;
    if (!times_.next_after(time, time) || time > static_cast<std::uint64_t>(fb::kTimeMsMax)) return false;
    if (!columns_[column].next(static_cast<std::uint32_t>(vehicle), signal.value)) return false;
    signal.t = {static_cast<std::int64_t>(time)};
    signal.path = columns_[column].path();
    signals.push_back(std::move(signal));
  }
  out.catalogue = catalogue;
  out.payload = fb::build_signal_batch(out.sequence, catalogue, signals);
  return true;
}

bool Unpacker::finished() const {
  for (const ColumnReader& column : columns_) {
    if (!column.finished()) return false;
  }
  const auto* sizes = batch_.payload_sizes();
  return vehicles_.packed.at_end() && topics_.packed.at_end() && cohorts_.packed.at_end() &&
         catalogues_.packed.at_end() && committed_.at_end() && epoch_.at_end() && sequence_.at_end() &&
         shape_.at_end() && times_.at_end() && payloads_.empty() && payload_ == (sizes == nullptr ? 0 : sizes->size());
}

wayside::Outcome<std::vector<Delivered>> Unpacker::run() {
  if (!open()) return Reason::BATCH_MALFORMED;
  std::vector<Delivered> out;
  while (record_ < batch_.records()) {
    Delivered next;
    if (!next_record(next)) return too_large_ ? Reason::BATCH_TOO_LARGE : Reason::BATCH_MALFORMED;
    out.push_back(std::move(next));
  }
  if (!finished()) return Reason::BATCH_MALFORMED;
  return out;
}

}  // namespace

bool valid_cohort(std::string_view cohort) { return !cohort.empty() && cohort.size() <= 64 && fb::valid_utf8(cohort); }

wayside::Outcome<std::vector<Delivered>> unpack(const fb::Batch& batch, std::uint64_t payload_bytes_max) {
  return Unpacker(batch, payload_bytes_max).run();
}

}  // namespace wayside::bridge::batch
