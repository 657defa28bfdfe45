#include "bridge/sink/file_sink.h"

#include <charconv>
#include <utility>

#include "bridge/sink/followed_log.h"
#include "bridge/sink/sink_object.h"
#include "common/whole_file.h"

namespace wayside::bridge::sink {
namespace {

constexpr std::uint64_t kOffsetBytesMax = 4096;

std::string offset_name(Lane lane) { return std::string(to_string(lane)) + ".offset"; }

std::string file_name(Lane lane, Offset first) {
  std::string digits = std::to_string(first.value);
  digits.insert(0, 20 - digits.size(), '0');
  return std::string(to_string(lane)) + "-" + digits + ".jsonl";
}

// {"offset":"12","file":"state-....jsonl","length":"3456"}: written by this file alone, so read as strictly.
std::string offset_text(Offset offset, const std::string& file, std::uint64_t length) {
  return "{\"offset\":\"" + std::to_string(offset.value) + "\",\"file\":\"" + file + "\",\"length\":\"" +
         std::to_string(length) + "\"}\n";
}

bool take(std::string_view& rest, std::string_view literal) {
  if (!rest.starts_with(literal)) return false;
  rest.remove_prefix(literal.size());
  return true;
}

bool take_number(std::string_view& rest, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), out);
  if (error != std::errc()) return false;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return true;
}

bool parse_offset(std::string_view rest, Offset& offset, std::string& file, std::uint64_t& length) {
  if (!take(rest, "{\"offset\":\"") || !take_number(rest, offset.value) || !take(rest, "\",\"file\":\"")) return false;
  const std::size_t quote = rest.find('"');
  if (quote == std::string_view::npos) return false;
  file = rest.substr(0, quote);
  rest.remove_prefix(quote);
  return file.find('/') == std::string::npos && take(rest, "\",\"length\":\"") && take_number(rest, length) &&
         rest == "\"}\n";
}

struct StoredOffset {
  Offset offset{};
  std::string file;
  std::uint64_t length = 0;
};

// nullopt: there is none.
Result<std::optional<StoredOffset>> read_offset(Disk& disk, const std::string& dir, Lane lane) {
  const std::string name = offset_name(lane);
  const Result<std::optional<Bytes>> text = load_whole(disk, dir, name, kOffsetBytesMax);
  if (!text) return text.error();
  if (!*text) return std::optional<StoredOffset>();
  StoredOffset out;
  if (!parse_offset(as_text(**text), out.offset, out.file, out.length)) {
    return Error{Fault::corrupt, dir + "/" + name + ": not an offset of this sink"};
  }
  return std::optional<StoredOffset>(std::move(out));
}

constexpr const char* kFollowedLogFile = "core-log.uuid";

}  // namespace

Result<std::optional<core::SinkHolds>> FileSink::holds(Disk& disk, const std::string& dir) {
  const Result<std::optional<SpoolUuid>> log = followed_log(disk, dir, kFollowedLogFile);
  if (!log) return log.error();
  if (!*log) return std::optional<core::SinkHolds>();
  core::SinkHolds out{**log, {}};
  for (const Lane lane : kAllLanes) {
    const Result<std::optional<StoredOffset>> stored = read_offset(disk, dir, lane);
    if (!stored && stored.error().fault != Fault::corrupt) return stored.error();
    if (stored && *stored) out.below[index_of(lane)] = (*stored)->offset;
  }
  return std::optional<core::SinkHolds>(out);
}

Result<std::unique_ptr<FileSink>> FileSink::open(Disk& disk, const spool::Volume& core_log, FileSinkOptions options) {
  if (Result<void> made = disk.make_dir(options.dir); !made) return std::move(made).error().with("file sink");
  if (Result<void> other = refuse_other_log(disk, options.dir, kFollowedLogFile, core_log.uuid); !other) {
    return std::move(other).error().with("file sink");
  }
  std::unique_ptr<FileSink> sink(new FileSink(disk, std::move(options)));
  for (const Lane lane : kAllLanes) {
    if (Result<void> opened = sink->open_lane(core_log, lane); !opened)
      return std::move(opened).error().with("file sink");
  }
  Result<void> followed = follow_log(disk, sink->options_.dir, kFollowedLogFile, core_log.uuid);
  if (!followed) return std::move(followed).error().with("file sink");
  return sink;
}

Result<void> FileSink::open_lane(const spool::Volume& core_log, Lane lane) {
  LaneFile& file = lanes_[index_of(lane)];
  if (Result<void> loaded = load_offset(file, lane); !loaded) return loaded;
  Result<std::unique_ptr<LaneFollower>> follower =
      LaneFollower::open(disk_, core_log.lane_dir(lane), core_log.uuid, lane, file.offset);
  if (!follower) return follower.error();
  file.follower = std::move(*follower);
  if (file.name.empty()) return begin_file(file, lane, file.follower->position());
  return open_data(file);
}

Result<void> FileSink::load_offset(LaneFile& file, Lane lane) {
  Result<std::optional<StoredOffset>> stored = read_offset(disk_, options_.dir, lane);
  if (!stored) return stored.error();
  if (!*stored) return {};
  file.offset = (*stored)->offset;
  file.name = std::move((*stored)->file);
  file.length = (*stored)->length;
  // The name may be newer than what a loss of power would leave: segments go by what done() says from here on.
  return disk_.fsync_dir(options_.dir);
}

Result<void> FileSink::open_data(LaneFile& file) {
  Result<std::unique_ptr<DiskFile>> data = disk_.open(options_.dir + "/" + file.name, OpenMode::read_write);
  if (!data) return data.error();
  const Result<std::uint64_t> size = (*data)->size();
  if (!size) return size.error();
  if (*size < file.length)
    return Error{Fault::corrupt, options_.dir + "/" + file.name + ": shorter than its offset says"};
  if (Result<void> cut = (*data)->truncate(file.length); !cut) return cut;
  file.data = std::move(*data);
  return {};
}

// The offset file names the new data file before a byte goes there; a name that a crash left is reused.
Result<void> FileSink::begin_file(LaneFile& file, Lane lane, Offset first) {
  const std::string name = file_name(lane, first);
  const std::string path = options_.dir + "/" + name;
  const Result<bool> there = disk_.exists(path);
  if (!there) return there.error();
  Result<std::unique_ptr<DiskFile>> data = disk_.open(path, *there ? OpenMode::read_write : OpenMode::create_new);
  if (!data) return data.error();
  if (Result<void> cut = (*data)->truncate(0); !cut) return cut;
  if (Result<void> synced = (*data)->fdatasync(); !synced) return synced;
  if (Result<void> made = disk_.fsync_dir(options_.dir); !made) return made;
  file.data = std::move(*data);
  file.name = name;
  file.length = 0;
  file.offset = first;
  return store_offset(file, lane, first, 0);
}

Result<void> FileSink::store_offset(const LaneFile& file, Lane lane, Offset offset, std::uint64_t length) {
  return store_whole(disk_, options_.dir, offset_name(lane), as_bytes(offset_text(offset, file.name, length)));
}

Result<std::uint64_t> FileSink::turn(Lane lane) {
  LaneFile& file = lanes_[index_of(lane)];
  Result<std::vector<FollowedBatch>> batches = file.follower->next(options_.turn_records_max, options_.turn_bytes_max);
  if (!batches) return batches.error();
  if (batches->empty()) return std::uint64_t{0};
  if (file.length >= options_.file_bytes_max) {
    if (Result<void> begun = begin_file(file, lane, file.offset); !begun) return begun.error();
  }
  std::string lines;
  std::uint64_t objects = 0;
  for (const FollowedBatch& batch : *batches) {
    for (const SinkObject& object : objects_of(batch.records)) {
      lines.append(object.json).push_back('\n');
      ++objects;
    }
  }
  const Offset end = batches->back().end;
  if (!lines.empty()) {
    if (Result<void> written = file.data->pwrite(as_bytes(lines), file.length); !written) return written.error();
    if (Result<void> synced = file.data->fdatasync(); !synced) return synced.error();
  }
  const std::uint64_t length = file.length + lines.size();
  if (Result<void> stored = store_offset(file, lane, end, length); !stored) return stored.error();
  file.length = length;
  file.offset = end;
  return std::max<std::uint64_t>(objects, 1);
}

std::uint64_t FileSink::damaged() const {
  std::uint64_t all = 0;
  for (const LaneFile& file : lanes_) all += file.follower->damaged();
  return all;
}

}  // namespace wayside::bridge::sink
