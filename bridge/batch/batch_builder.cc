#include "bridge/batch/batch_builder.h"

#include <algorithm>

#include "bridge/batch/packed.h"
#include "schemas/ids.h"
#include "schemas/verified.h"

namespace wayside::bridge::batch {

namespace fb = wayside::schemas;
using flatbuffers::FlatBufferBuilder;

namespace {

using RunOffsets = std::vector<flatbuffers::Offset<fb::Run>>;

// Of all but delivered runs: those are counted from the records themselves.
flatbuffers::Offset<fb::Run> build_run(FlatBufferBuilder& builder, Outcome outcome, std::uint64_t count,
                                       const std::map<std::string, std::uint64_t>& cohorts) {
  std::vector<flatbuffers::Offset<fb::CohortCount>> counts;
  if (outcome != Outcome::deliver) {
    for (const auto& [cohort, n] : cohorts) {
      counts.push_back(fb::CreateCohortCount(builder, builder.CreateSharedString(cohort), n));
    }
  }
  const auto vector = counts.empty() ? 0 : builder.CreateVector(counts);
  return fb::CreateRun(builder, static_cast<fb::Outcome>(outcome), count, vector);
}

RunOffsets build_runs(FlatBufferBuilder& builder, const std::vector<PlannedRecord>& all) {
  RunOffsets runs;
  for (std::size_t i = 0; i < all.size();) {
    std::map<std::string, std::uint64_t> cohorts;
    const std::size_t first = i;
    for (; i < all.size() && all[i].outcome == all[first].outcome; ++i) {
      ++cohorts[std::string(counted_cohort(all[i].record ? all[i].record->cohort : std::string_view{}))];
    }
    runs.push_back(build_run(builder, all[first].outcome, i - first, cohorts));
  }
  return runs;
}

}  // namespace

std::uint32_t Dictionary::index_of(std::string_view text) {
  if (const auto known = index_.find(text); known != index_.end()) return known->second;
  const auto index = static_cast<std::uint32_t>(entries_.size());
  entries_.emplace_back(text);
  index_.emplace(text, index);
  return index;
}

void ColumnsBuilder::add(const PlannedRecord& planned) {
  const schemas::RecordView& record = *planned.record;
  const std::uint32_t vehicle = vehicles_.index_of(record.vehicle);
  put_varint(vehicle_, vehicle);
  put_varint(topic_, topics_.index_of(short_topic(record.vehicle, record.topic)));
  put_varint(cohort_, cohorts_.index_of(record.cohort));
  const auto committed = static_cast<std::uint64_t>(planned.read->time.value);
  put_difference(committed_, committed, last_committed_);
  last_committed_ = committed;
  const auto [before, fresh] = last_of_.try_emplace(vehicle, last_);
  put_difference(epoch_, record.epoch, before->second.epoch);
  put_difference(sequence_, record.sequence, before->second.sequence);
  before->second = last_ = {record.epoch, record.sequence};
  mids_.emplace_back(record.mid);
  any_mid_ = any_mid_ || !record.mid.empty();
  kind_.push_back(static_cast<std::uint8_t>(planned.kind));
  if (planned.kind == Kind::columns) {
    add_signals(vehicle, planned);
  } else {
    payload_sizes_.push_back(static_cast<std::uint32_t>(record.payload.size()));
    payloads_.insert(payloads_.end(), record.payload.begin(), record.payload.end());
  }
  ++records_;
}

void ColumnsBuilder::add_signals(std::uint32_t vehicle, const PlannedRecord& planned) {
  const std::uint32_t catalogue = catalogues_.index_of(planned.signals->catalogue);
  ++catalogue_uses_[catalogue];
  put_varint(catalogue_, catalogue);
  std::vector<std::uint32_t> shape;
  auto previous = static_cast<std::uint64_t>(planned.read->time.value);
  for (const schemas::SignalValue& signal : planned.signals->signals) {
    const std::uint32_t column = column_of(signal);
    shape.push_back(column);
    columns_[column].add(vehicle, signal.value);
    put_difference(times_, static_cast<std::uint64_t>(signal.t.value), previous);
    previous = static_cast<std::uint64_t>(signal.t.value);
  }
  samples_ += shape.size();
  const auto [known, fresh] = shape_index_.try_emplace(shape, static_cast<std::uint32_t>(shape_index_.size()));
  put_varint(shape_, known->second);
  if (!fresh) return;
  put_varint(shapes_, shape.size());
  for (const std::uint32_t column : shape) put_varint(shapes_, column);
}

std::uint32_t ColumnsBuilder::column_of(const schemas::SignalValue& signal) {
  const auto next = static_cast<std::uint32_t>(columns_.size());
  const auto [known, fresh] = column_index_.try_emplace({signal.path, signal.value.index()}, next);
  if (fresh) columns_.emplace_back(signal.path, column_type(signal.value));
  return known->second;
}

flatbuffers::Offset<fb::RecordColumns> ColumnsBuilder::record_columns(FlatBufferBuilder& builder) const {
  const auto vehicle = builder.CreateVector(vehicle_);
  const auto topic = builder.CreateVector(topic_);
  const auto cohort = builder.CreateVector(cohort_);
  const auto committed = builder.CreateVector(committed_);
  const auto epoch = builder.CreateVector(epoch_);
  const auto sequence = builder.CreateVector(sequence_);
  const auto mids = any_mid_ ? builder.CreateVectorOfStrings(mids_) : 0;
  const auto kind = builder.CreateVector(kind_);
  const auto catalogue = builder.CreateVector(catalogue_);
  const auto shape = builder.CreateVector(shape_);
  return fb::CreateRecordColumns(builder, vehicle, topic, cohort, committed, epoch, sequence, mids, kind, catalogue,
                                 shape);
}

std::vector<flatbuffers::Offset<fb::SignalColumn>> ColumnsBuilder::signal_columns(FlatBufferBuilder& builder) const {
  std::vector<flatbuffers::Offset<fb::SignalColumn>> out;
  for (const ColumnWriter& column : columns_) {
    const PackedColumn packed = column.pack();
    const auto path = builder.CreateString(column.path());
    const auto values = builder.CreateVector(packed.values);
    const auto text = column.text().empty() ? 0 : builder.CreateVectorOfStrings(column.text());
    out.push_back(fb::CreateSignalColumn(builder, path, column.type(), packed.encoding, packed.decimals,
                                         column.samples(), values, text));
  }
  return out;
}

Bytes ColumnsBuilder::finish(const EncodeInput& input, const std::vector<PlannedRecord>& all, Digest after,
                             std::uint64_t framed_bytes) const {
  FlatBufferBuilder builder(64U << 10U);
  const auto runs = builder.CreateVector(build_runs(builder, all));
  const auto vehicles = builder.CreateVectorOfStrings(vehicles_.entries());
  const auto topics = builder.CreateVectorOfStrings(topics_.entries());
  const auto cohorts = builder.CreateVectorOfStrings(cohorts_.entries());
  const auto catalogues = builder.CreateVectorOfStrings(catalogues_.entries());
  const auto columns = record_columns(builder);
  const auto payload_sizes = builder.CreateVector(payload_sizes_);
  const auto payloads = builder.CreateVector(payloads_);
  const auto signals = builder.CreateVector(signal_columns(builder));
  const auto shapes = builder.CreateVector(shapes_);
  const auto times = builder.CreateVector(times_);
  std::vector<fb::Branch> told;
  for (const spool::Branch& branch : input.branches) {
    if (branch.offset < input.first + all.size()) told.emplace_back(branch.offset.value, branch.id);
  }
  const auto branches = told.empty() || told.size() > kBranchesMax ? 0 : builder.CreateVectorOfStructs(told);
  const auto most = std::max_element(catalogue_uses_.begin(), catalogue_uses_.end(),
                                     [](const auto& left, const auto& right) { return left.second < right.second; });
  const auto catalogue = most == catalogue_uses_.end() ? 0 : builder.CreateString(catalogues_.entries()[most->first]);
  const fb::Uuid spool = fb::uuid_struct(input.uuid);
  const fb::Digest128 before_digest = fb::digest_struct(input.before);
  const fb::Digest128 after_digest = fb::digest_struct(after);
  fb::BatchBuilder batch(builder);
  batch.add_spool(&spool);
  batch.add_session(input.session);
  batch.add_lane(static_cast<fb::LaneId>(input.lane));
  batch.add_number(input.number);
  batch.add_first(input.first.value);
  batch.add_count(all.size());
  batch.add_before(&before_digest);
  batch.add_after(&after_digest);
  batch.add_framed_bytes(framed_bytes);
  batch.add_key_frame(input.key_frame);
  batch.add_catalogue(catalogue);
  batch.add_runs(runs);
  batch.add_records(records_);
  batch.add_vehicles(vehicles);
  batch.add_topics(topics);
  batch.add_cohorts(cohorts);
  batch.add_catalogues(catalogues);
  batch.add_columns(columns);
  batch.add_payload_sizes(payload_sizes);
  batch.add_payloads(payloads);
  batch.add_signals(signals);
  batch.add_shapes(shapes);
  batch.add_shape_count(static_cast<std::uint32_t>(shape_index_.size()));
  batch.add_times(times);
  batch.add_branches(branches);
  fb::FinishBatchBuffer(builder, batch.Finish());
  return fb::take(builder);
}

}  // namespace wayside::bridge::batch
