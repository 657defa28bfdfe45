// Records of a running edge as they become durable, decoded.
#include <algorithm>
#include <charconv>
#include <cstdio>

#include "cli/commands.h"
#include "cli/follow_disk.h"
#include "cli/interrupt.h"
#include "cli/lane_tail.h"
#include "cli/record_lines.h"
#include "cli/spool.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "common/topic/topic.h"
#include "schemas/record.h"

namespace wayside::cli {
namespace {

constexpr std::int64_t kIdleMs = 100;      // between two looks when nothing comes
constexpr std::int64_t kVolumeMs = 1'000;  // between two looks whether the spool is still the one it was

struct TailOptions {
  std::string dir;
  std::string lane;
  std::string vehicle;
  std::string topic;
  std::string from;
  std::string region_key;
  std::int64_t limit = 0;
  std::int64_t payload_bytes_max = 256;
  bool no_follow = false;
  bool json = false;
  bool show_vehicles = false;
};

// Where to begin, as --from says it; false: it says nothing that can be understood.
bool parse_from(const std::string& text, TailFrom& from, Offset& offset) {
  if (text.empty() || text == "now") return from = TailFrom::now, true;
  if (text == "oldest") return from = TailFrom::oldest, true;
  from = TailFrom::offset;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, offset.value);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

// Owns    the readers of the lanes that are followed.
// Thread  one.   Durable  nothing.   Limits  those of LaneTail, a lane.
class Tail {
 public:
  Tail(const TailOptions& options, const VehicleNames& names, std::vector<Lane> lanes)
      : options_(options), names_(names), lanes_(std::move(lanes)) {
    style_.payload = true;
    style_.other_bytes_max = static_cast<std::size_t>(options.payload_bytes_max);
  }

  Result<void> open(TailFrom from, Offset offset);
  // Of an open that failed: the offset is no longer on disk.
  [[nodiscard]] bool gone() const { return gone_; }
  // Until the limit, an interrupt or, without following, what was synced at first.
  int run();

 private:
  Result<bool> turn(LaneTail& tail, Offset end);
  void show(Lane lane, const spool::RecordView& read);
  [[nodiscard]] bool wanted(const spool::RecordView& read) const;
  void say(Lane lane, const LaneTail::Turn& turn) const;
  Result<void> look_at_volume();
  [[nodiscard]] bool done() const { return options_.limit > 0 && shown_ >= options_.limit; }

  const TailOptions& options_;
  const VehicleNames& names_;
  std::vector<Lane> lanes_;
  RecordStyle style_;
  std::unique_ptr<Disk> real_ = os::make_posix_disk();
  FollowDisk disk_{*real_};
  SpoolUuid uuid_;
  std::vector<LaneTail> tails_;
  std::vector<Offset> ends_;  // without following
  std::int64_t shown_ = 0;
  MonoMs looked_{};
  bool gone_ = false;
};

Result<void> Tail::open(TailFrom from, Offset offset) {
  const auto view = SpoolView::open(options_.dir);
  if (!view) return view.error();
  if (view->volume().root == options_.dir + "/corelog") {
    return Error{Fault::unsupported, "a core log is not followed; wayside spool ls and verify look at it", 0};
  }
  uuid_ = view->volume().uuid;
  tails_.clear();
  ends_.clear();
  for (const Lane lane : lanes_) {
    auto tail = LaneTail::open(disk_, *view, lane, from, offset);
    if (!tail) {
      gone_ = from == TailFrom::offset && tail.error().fault == Fault::not_found;
      return std::move(tail).error();
    }
    ends_.push_back(tail->synced());
    tails_.push_back(std::move(tail).value());
  }
  return {};
}

bool Tail::wanted(const spool::RecordView& read) const {
  if (options_.vehicle.empty() && options_.topic.empty()) return true;
  const auto record = schemas::decode_record(read.body);
  if (!record) return false;
  if (!options_.topic.empty() && !topic::matches(options_.topic, record->topic)) return false;
  return options_.vehicle.empty() || record->vehicle == options_.vehicle ||
         names_.name(record->vehicle) == options_.vehicle;
}

void Tail::show(Lane lane, const spool::RecordView& read) {
  if (done() || !wanted(read)) return;
  style_.lane = lane;
  const std::string line = options_.json ? record_json(read, style_, names_) + "\n" : record_text(read, style_, names_);
  std::fwrite(line.data(), 1, line.size(), stdout);
  ++shown_;
}

void Tail::say(Lane lane, const LaneTail::Turn& turn) const {
  if (turn.skipped > 0 && options_.json) {
    std::printf(R"({"lane":"%s","skipped":%llu})"
                "\n",
                to_string(lane), static_cast<unsigned long long>(turn.skipped));
  } else if (turn.skipped > 0) {
    std::printf("%-8s-- %llu records were settled and let go before they could be shown\n", to_string(lane),
                static_cast<unsigned long long>(turn.skipped));
  }
  if (turn.went_back) {
    std::fprintf(stderr, "wayside: lane %s: the volume went back in time; what comes now is another history\n",
                 to_string(lane));
  }
}

// True: there is more at once.
Result<bool> Tail::turn(LaneTail& tail, Offset end) {
  const auto turn = tail.turn([&](const spool::RecordView& read) {
    if (!options_.no_follow || read.offset < end) show(tail.lane(), read);
  });
  if (!turn) return turn.error();
  say(tail.lane(), *turn);
  return turn->records > 0 || turn->skipped > 0;
}

// A spool that forked goes on under another uuid in the same place.
Result<void> Tail::look_at_volume() {
  const MonoMs now = os::SystemClock().mono();
  if (now - looked_ < kVolumeMs) return {};
  looked_ = now;
  const auto view = SpoolView::open(options_.dir);
  if (!view || view->volume().uuid == uuid_) return {};
  std::fprintf(stderr, "wayside: the spool goes on as %s\n", to_string(view->volume().uuid).c_str());
  return open(TailFrom::oldest, {});
}

int Tail::run() {
  looked_ = os::SystemClock().mono();
  while (!interrupted()) {
    bool more = false;
    for (std::size_t i = 0; i < tails_.size() && !done() && !interrupted(); ++i) {
      if (options_.no_follow && tails_[i].at() >= ends_[i]) continue;
      const auto turned = turn(tails_[i], ends_[i]);
      if (!turned) return std::fflush(stdout), fail(kNo, turned.error().what);
      more = more || *turned;
    }
    if (std::fflush(stdout) != 0 || done()) return kYes;
    if (options_.no_follow && !more) return kYes;
    if (options_.no_follow) continue;
    if (auto looked = look_at_volume(); !looked) return fail(kNo, looked.error().what);
    if (!more) wait_ms(kIdleMs);
  }
  return kYes;
}

}  // namespace

int run_tail(const Args& args) {
  TailOptions options;
  const Spec spec{
      "wayside tail",
      "Prints the records of an edge's spool as they become durable, decoded, until Ctrl-C. Only reads: nothing is "
      "locked, made or kept, and nobody waits for a slow terminal; what the spool lets go meanwhile is counted and "
      "left "
      "out. Exit 0, 1 when --from is no longer on disk or the disk does not read, 2 wrong use.",
      {{"DIR", &options.dir, "the spool, or the edge's state folder that holds it", true},
       {"--lane", &options.lane, "this lane alone: command, ack, event, state or bulk"},
       {"--vehicle", &options.vehicle, "records of this vehicle alone, by id or by tag"},
       {"--topic", &options.topic, "records on topics that this MQTT filter matches"},
       {"--from", &options.from, "now, oldest, or an offset of --lane; default: now"},
       {"--limit", &options.limit, "records to show; default: no end", false, 1, INT64_MAX},
       {"--no-follow", &options.no_follow, "end at what is durable now; with --from"},
       {"--json", &options.json, "one JSON object a record instead of text"},
       {"--payload-bytes-max", &options.payload_bytes_max, "shown of payloads; formats of ours are whole with --json",
        false, 16, 1 << 20},
       {"--show-vehicles", &options.show_vehicles, "vehicle ids in clear: not for output that is passed on"},
       {"--region-key", &options.region_key,
        "file of the region's key: tags are those of the logs; default: tags of this run alone"}},
      "Order is that of each lane, not between lanes. Payloads hold what vehicles said, positions too."};
  if (const auto exit = parse(spec, args)) return *exit;
  const auto lanes = lanes_of(options.lane);
  if (!lanes) return fail(kUsage, "no lane is called '" + options.lane + "'");
  TailFrom from{};
  Offset offset;
  if (!parse_from(options.from, from, offset)) return fail(kUsage, "--from is now, oldest or an offset");
  if (from == TailFrom::offset && options.lane.empty()) return fail(kUsage, "--from OFFSET needs --lane");
  if (!options.topic.empty() && !topic::valid_filter(options.topic)) {
    return fail(kUsage, "'" + terminal_text(options.topic) + "' is no topic filter");
  }
  const auto names = VehicleNames::open(options.region_key, options.show_vehicles);
  if (!names) return fail(kUsage, names.error().what);
  watch_interrupts();
  Tail tail(options, *names, *lanes);
  if (auto opened = tail.open(from, offset); !opened) {
    return fail(tail.gone() ? kNo : kUsage, opened.error().what);
  }
  return tail.run();
}

}  // namespace wayside::cli
