#include "tests/simulation/sink_view.h"

#include <charconv>
#include <optional>

namespace wayside::test {
namespace {

struct CoreView {
  std::map<std::pair<SpoolUuid, Lane>, std::uint64_t> next;
  std::string problem;
};

bool damaged(const World& world, const bridge::core::CoreRecord& record, std::uint64_t from) {
  const auto rotted = world.core_rotted(record.uuid, record.lane);
  for (std::uint64_t offset = from; offset < record.first.value; ++offset) {
    if (!rotted.contains(offset)) return false;
  }
  return from < record.first.value;
}

void read_record(const World& world, const bridge::core::CoreRecord& record, CoreView& view) {
  std::uint64_t& next = view.next[{record.uuid, record.lane}];
  if (record.first.value != next && !damaged(world, record, next)) {
    view.problem = "core log, lane " + std::string(to_string(record.lane)) + " of " + to_string(record.uuid) +
                   ": offset " + std::to_string(record.first.value) + " where " + std::to_string(next) + " follows";
  }
  next = record.first.value + record.count;
}

std::string read_lane(World& world, Lane lane, CoreView& view) {
  const auto& volume = world.core->log->volume();
  auto follower = bridge::sink::LaneFollower::open(world.core_disk, volume.lane_dir(lane), volume.uuid, lane, Offset{});
  if (!follower) return follower.error().what;
  bool first = true;
  while ((*follower)->position() < (*follower)->synced()) {
    auto batches = (*follower)->next(1'000, 1U << 20U);
    if (!batches) return batches.error().what;
    for (const auto& batch : *batches) {
      // Segments that every sink is past are gone; what is left must follow without a gap.
      const bridge::core::CoreRecord& front = batch.records.front();
      if (std::exchange(first, false)) view.next[{front.uuid, lane}] = front.first.value;
      for (const auto& record : batch.records) read_record(world, record, view);
    }
  }
  return view.problem;
}

std::optional<std::uint64_t> number_at(std::string_view text, std::size_t at) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return value;
}

// The strings of a JSON array that follows `key` in a line.
std::vector<std::string_view> strings_of(std::string_view line, std::string_view key) {
  std::vector<std::string_view> out;
  std::size_t at = line.find(key);
  if (at == std::string_view::npos) return out;
  at += key.size();
  const std::size_t end = line.find(']', at);
  while (at < end && line[at] == '"') {
    const std::size_t close = line.find('"', at + 1);
    out.push_back(line.substr(at + 1, close - at - 1));
    at = close + 2;  // behind the comma
  }
  return out;
}

std::vector<std::optional<std::uint64_t>> sequences_of(std::string_view line) {
  std::vector<std::optional<std::uint64_t>> out;
  for (const std::string_view text : strings_of(line, "\"sequences\":[")) out.push_back(number_at(text, 0));
  constexpr std::string_view kText = "\"text\":\"payload ";
  const std::size_t at = line.find(kText);
  if (at != std::string_view::npos) out.push_back(number_at(line, at + kText.size()));
  return out;
}

// "<spool uuid>/<lane>/<offset>"
bool read_id(std::string_view id, std::uint64_t sequence, SinkView& view) {
  const std::size_t first = id.find('/');
  const std::size_t last = id.rfind('/');
  SpoolUuid uuid;
  Lane lane{};
  if (first == std::string_view::npos || !parse_spool_uuid(id.substr(0, first), uuid)) return false;
  const auto offset = number_at(id, last + 1);
  if (last <= first || !parse_lane(id.substr(first + 1, last - first - 1), lane) || !offset) return false;
  if (!view.sequences[{uuid, lane}].emplace(*offset, sequence).second) {
    view.problem = std::string(id) + " is twice in the file sink";
  }
  return true;
}

void read_line(std::string_view line, SinkView& view) {
  const auto ids = strings_of(line, "\"ids\":[");
  const auto sequences = sequences_of(line);
  if (ids.empty() || ids.size() != sequences.size()) {
    view.problem = "a line of the file sink with " + std::to_string(ids.size()) + " ids and " +
                   std::to_string(sequences.size()) + " sequences";
    return;
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (sequences[i] && read_id(ids[i], *sequences[i], view)) continue;
    view.problem = "not understood in the file sink: " + std::string(ids[i]);
  }
}

}  // namespace

std::string check_core_log(World& world) {
  CoreView view;
  for (const Lane lane : kAllLanes) {
    if (std::string problem = read_lane(world, lane, view); !problem.empty()) return problem;
  }
  return {};
}

std::map<std::uint64_t, bridge::core::CoreRecord> core_records(SimDisk& disk, Lane lane) {
  std::map<std::uint64_t, bridge::core::CoreRecord> out;
  const std::string dir = std::string(kCoreRoot) + "/" + to_string(lane);
  auto reader = spool::LaneReader::open(disk, dir, uuid_of(0xC0), lane);
  if (!reader) return out;
  const auto oldest = (*reader)->oldest();
  if (!oldest) return out;
  for (Offset at = *oldest; at < (*reader)->synced();) {
    auto records = (*reader)->read(at, 1'000, UINT64_MAX);
    if (!records || records->empty()) return out;
    for (const spool::ReadRecord& record : *records) {
      at = record.offset + 1;
      if (record.lost) continue;
      if (auto decoded = bridge::core::decode_core_record(record.body)) out.emplace(record.offset.value, *decoded);
    }
  }
  return out;
}

SinkView read_sink(World& world) {
  SinkView view;
  for (const std::string& path : world.core_disk.files()) {
    if (!path.starts_with(std::string(kSinkDir) + "/") || !path.ends_with(".jsonl")) continue;
    const Bytes content = world.core_disk.content(path);
    std::string_view text = as_text(content);
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      read_line(text.substr(0, end), view);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  return view;
}

std::uint64_t sequence_of(const Bytes& body) {
  const Result<schemas::RecordView> record = schemas::decode_record(body);
  if (!record) return 0;
  if (record->signal_batch) return record->sequence;
  constexpr std::string_view kText = "payload ";
  return number_at(as_text(record->payload), kText.size()).value_or(0);
}

}  // namespace wayside::test
