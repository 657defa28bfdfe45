// The ledger recomputed from outside: from what vehicles of three cohorts have an acknowledgement for, what the rules
// of the edge say of it, and what lies in the file sink; against what `wayside ledger` prints, to the last character.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "certs/pki.h"
#include "fleet/admin.h"
#include "fleet/evidence.h"
#include "schemas/signal_batch.h"
#include "spool/settlement.h"
#include "spool/spool.h"
#include "tests/broker/support/mqtt_client.h"
#include "tests/fleet/region_fixture.h"

namespace wayside::test {
namespace {

constexpr int kPatienceMs = 30'000;
constexpr const char* kRules =
    "\n[[rule]]\ntopic_filter = \"v1/{vehicle}/bulk/old\"\nttl_ms = 1\n"
    "[[rule]]\ntopic_filter = \"v1/{vehicle}/state\"\npolicy = \"latest\"\n";
constexpr const char* kRotten = "this record will rot on the edge's disk";

// One acknowledged publish, and what must become of it.
struct Said {
  std::string vehicle = {};
  Lane lane{};
  std::string source = {};             // topic and mid; empty: no source id
  std::set<std::string> signals = {};  // of a SignalBatch under `latest`
  bool old = false;                    // beyond its rule's TTL when it can be shipped
  bool rotten = false;
  unsigned phase = 0;  // what one phase says is planned as one batch a lane
};

using Cohorts = std::map<std::string, std::string>;  // vehicle -> cohort
using Books = std::map<Lane, spool::CohortTotals>;

// What the trace says of each lane and cohort; delivered as well, so that the sink can be checked against it.
Books settled_by(const std::vector<Said>& trace, const Cohorts& cohorts) {
  Books books;
  std::map<std::pair<unsigned, std::string>, std::set<std::string>> later;
  std::set<const Said*> superseded;
  for (auto said = trace.rbegin(); said != trace.rend(); ++said) {
    if (said->signals.empty()) continue;
    std::set<std::string>& paths = later[{said->phase, said->vehicle}];
    if (std::ranges::includes(paths, said->signals)) superseded.insert(&*said);
    paths.insert(said->signals.begin(), said->signals.end());
  }
  std::set<std::pair<std::string, std::string>> delivered;
  for (const Said& said : trace) {
    spool::CohortTotals& lane = books[said.lane];
    spool::Totals& totals = lane[said.rotten ? "other" : cohorts.at(said.vehicle)];
    const bool repeats = !said.source.empty() && delivered.contains({said.vehicle, said.source});
    if (said.rotten) {
      ++totals.lost;
    } else if (said.old) {
      ++totals.expired;
    } else if (repeats || superseded.contains(&said)) {
      ++totals.compacted;
      totals.resent += repeats ? 1 : 0;
    } else {
      ++totals.delivered;
      if (!said.source.empty()) delivered.insert({said.vehicle, said.source});
    }
  }
  return books;
}

struct Sink {
  std::map<Lane, std::map<std::string, std::set<std::string>>> ids;  // by cohort, of what vehicles said
  std::map<Lane, std::map<std::string, std::set<std::string>>> own;  // of the gate's own presence records
};

Sink read_sink(const std::string& folder, const std::string& uuid, const Cohorts& cohorts) {
  Sink sink;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".jsonl") continue;
    std::ifstream in(file.path());
    for (std::string text; std::getline(in, text);) {
      const auto line = fleet::parse_sink_line(text);
      REQUIRE(line.ok());
      auto& into = line->topic.ends_with("/presence") ? sink.own : sink.ids;
      for (const std::string& id : line->ids) {
        const auto slash = id.rfind('/');
        Lane lane{};
        REQUIRE(id.starts_with(uuid + "/"));
        REQUIRE(parse_lane(id.substr(uuid.size() + 1, slash - uuid.size() - 1), lane));
        REQUIRE(into[lane][cohorts.at(line->vehicle)].insert(id).second);
      }
    }
  }
  return sink;
}

// A region with rules, cars that say one thing at a time and wait for its PUBACK, and the trace of what had one.
class TracedRegion {
 public:
  TracedRegion() {
    const std::string pki = dir_ / "r/pki";
    fleet::RegionOptions options;
    options.dir = dir_ / "r";
    options.bin_dir = WAYSIDE_BIN_DIR;
    auto authority = certs::Pki::init(pki, {.development = true});
    REQUIRE(authority.ok());
    for (const std::string& vin : fleet::simulated_vins(5)) {
      cohorts_[vin] = "cohort-" + std::to_string(cohorts_.size() % 3);
      REQUIRE(authority->issue_vehicle(vin, cohorts_[vin]).ok());
      options.vehicles.push_back(vin);
    }
    auto prepared = fleet::Region::prepare(options);
    INFO((prepared ? std::string() : prepared.error().what));
    REQUIRE(prepared.ok());
    region_ = std::move(*prepared);
    std::ofstream(region_->paths().edge_bridge_toml(), std::ios::app) << kRules;
    auto up = region_->start([](const std::string&) {});
    INFO((up ? std::string() : up.error().what));
    REQUIRE(up.ok());
    for (const auto& [vin, cohort] : cohorts_) connect(vin);
  }

  void connect(const std::string& vin) {
    ClientOptions options;
    options.port = region_->ports().vehicles;
    options.ca = region_->paths().pki + "/ca/links.crt";
    options.certificate = region_->paths().pki + "/vehicles/" + vin + ".crt";
    options.key = region_->paths().pki + "/vehicles/" + vin + ".key";
    auto& car = cars_[vin] = std::make_unique<MqttClient>(options);
    REQUIRE(car->open());
    REQUIRE(car->connect(vin).has_value());
  }

  void say(Said said, const std::string& rest, ByteView payload, const std::string& mid = {}) {
    const std::string topic = "v1/" + said.vehicle + "/" + rest;
    mqtt::Publish publish;
    publish.topic = topic;
    publish.payload = payload;
    publish.qos = 1;
    publish.packet_id = ++packet_id_;
    if (!mid.empty()) publish.properties.user.emplace_back("mid", mid);
    MqttClient& car = *cars_.at(said.vehicle);
    REQUIRE(car.send(publish));
    const auto answer = car.expect<mqtt::Ack>();
    REQUIRE(answer.has_value());
    REQUIRE(answer->get<mqtt::Ack>()->reason < 0x80);
    if (!mid.empty()) said.source = topic + " " + mid;
    said.phase = phase_;
    trace_.push_back(std::move(said));
  }
  void text(const std::string& vin, Lane lane, const std::string& rest, const std::string& what,
            const std::string& mid = {}) {
    say({.vehicle = vin, .lane = lane, .old = rest == "bulk/old", .rotten = what == kRotten}, rest, as_bytes(what),
        mid);
  }
  void state(const std::string& vin, const std::set<std::string>& paths) {
    std::vector<schemas::SignalValue> values;
    for (const auto& path : paths) values.push_back({path, clock_.wall(), static_cast<double>(++sequence_)});
    say({.vehicle = vin, .lane = Lane::state, .signals = paths}, "state",
        schemas::build_signal_batch(sequence_, "vss-6.0", values));
  }
  void rot() {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(spool() + "/bulk")) {
      const std::string content = entry.path().extension() == ".seg" ? slurp(entry.path().string()) : "";
      const auto at = content.find(kRotten);
      if (at == std::string::npos) continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(at));
      file.put('T');
      return;
    }
    FAIL("the record that is to rot is not on the disk");
  }

  [[nodiscard]] std::string spool() const { return region_->paths().edge_state() + "/spool"; }
  [[nodiscard]] bool drained() const {
    const auto volume = cli::read_volume(spool());
    return volume && std::ranges::all_of(volume->lanes, [](const auto& lane) { return lane.pending == 0; });
  }
  void next_phase() { ++phase_; }
  [[nodiscard]] Books books() const { return settled_by(trace_, cohorts_); }
  // Of what the next drain will settle: what was said since the last phase.
  [[nodiscard]] std::uint64_t said_now(Lane lane) const {
    return static_cast<std::uint64_t>(
        std::ranges::count_if(trace_, [&](const Said& said) { return said.phase == phase_ && said.lane == lane; }));
  }
  [[nodiscard]] Books books_before() const {
    std::vector<Said> before;
    std::ranges::copy_if(trace_, std::back_inserter(before), [&](const Said& said) { return said.phase < phase_; });
    return settled_by(before, cohorts_);
  }
  fleet::Region& region() { return *region_; }
  [[nodiscard]] const Cohorts& cohorts() const { return cohorts_; }
  [[nodiscard]] Ran ledger(std::vector<std::string> more) const {
    more.insert(more.begin(), {std::string(WAYSIDE_BIN_DIR) + "/wayside", "ledger", spool(), "--json"});
    return run(more);
  }

 private:
  TempDir dir_{"trace"};
  os::SystemClock clock_;
  Cohorts cohorts_;
  std::unique_ptr<fleet::Region> region_;
  std::map<std::string, std::unique_ptr<MqttClient>> cars_;
  std::vector<Said> trace_;
  std::uint16_t packet_id_ = 0;
  std::uint64_t sequence_ = 0;
  unsigned phase_ = 0;
};

// The gate's presence records are none of the cars' acknowledgements: counted where they lie, in the sink.
Books with_presence(Books books, const Sink& sink) {
  for (const auto& [lane, by_cohort] : sink.own) {
    for (const auto& [cohort, ids] : by_cohort) books[lane][cohort].delivered += ids.size();
  }
  return books;
}

fleet::VolumeLedger ledger_of(const std::string& uuid, const Books& books,
                              const std::map<Lane, std::uint64_t>& pending = {}) {
  fleet::VolumeLedger ledger;
  ledger.uuid = uuid;
  for (const Lane lane : kAllLanes) {
    spool::Totals all;
    const auto at = books.find(lane);
    if (at != books.end()) {
      for (const auto& [cohort, totals] : at->second) all += totals;
    }
    const auto waits = pending.find(lane);
    fleet::LaneLedger one;
    one.lane = to_string(lane);
    one.delivered = all.delivered;
    one.compacted = all.compacted;
    one.resent = all.resent;
    one.expired = all.expired;
    one.lost = all.lost;
    one.pending = waits == pending.end() ? 0 : waits->second;
    one.received = all.sum() + one.pending;
    one.cohorts = at == books.end() ? 0 : spool::cohorts_checksum(at->second);
    ledger.lanes.push_back(one);
  }
  return ledger;
}

std::string both(const fleet::VolumeLedger& ledger) {
  return "{\"edge\":" + fleet::ledger_json(ledger) + ",\"core\":" + fleet::ledger_json(ledger) + ",\"equal\":true}\n";
}

// Every lane and cohort of the sink holds as many ids as the trace says were delivered.
void check_sink(const Sink& sink, const Books& trace) {
  for (const auto& [lane, by_cohort] : trace) {
    for (const auto& [cohort, totals] : by_cohort) {
      INFO(to_string(lane) << " " << cohort);
      const auto found = sink.ids.find(lane);
      REQUIRE(found != sink.ids.end());
      const auto ids = found->second.find(cohort);
      CHECK((ids == found->second.end() ? 0 : ids->second.size()) == totals.delivered);
    }
  }
}

// What edge and core say by cohort: the edge's settlement, and the checksum that the core shows.
void check_cohorts(TracedRegion& traced, const std::string& uuid, const Books& books) {
  const auto disk = os::make_posix_disk();
  const auto volume = spool::open_volume(*disk, traced.spool(), spool::VolumeRole::reader, {});
  REQUIRE(volume.ok());
  const auto metrics = fleet::http_get(traced.region().ports().core_bridge_metrics, "/metrics");
  REQUIRE(metrics.ok());
  const auto core = fleet::core_ledger(metrics->body, traced.region().options().names.edge, uuid);
  const auto expected = ledger_of(uuid, books);
  for (const auto& [lane, by_cohort] : books) {
    INFO(to_string(lane));
    const auto settled = spool::read_settled(*disk, volume->lane_dir(lane), volume->uuid, lane);
    REQUIRE(settled.ok());
    CHECK(settled->cohorts == by_cohort);
    CHECK(core.lanes.at(index_of(lane)).cohorts == expected.lanes.at(index_of(lane)).cohorts);
  }
}

}  // namespace

TEST_CASE("the ledger of edge and core is what the trace of vehicles and sink says, by lane, by column and by cohort") {
  TracedRegion traced;
  unsigned n = 0;
  for (const auto& [vin, cohort] : traced.cohorts()) {
    for (unsigned i = 0; i < 3 + n; ++i) {
      const std::string number = std::to_string(i);
      traced.text(vin, Lane::event, "event/door", "open " + number, "m" + number);
      traced.text(vin, Lane::bulk, "bulk/trace", "bytes " + number);
      traced.text(vin, Lane::state, "state/Vehicle/Speed", number);
    }
    traced.text(vin, Lane::event, "event/door", "open 0",
                "m0");  // resent: the first was acknowledged, and lost was that
    ++n;
  }
  REQUIRE(wait_until([&] { return traced.drained(); }, kPatienceMs));

  traced.region().kill_core();
  traced.next_phase();
  n = 0;
  for (const auto& [vin, cohort] : traced.cohorts()) {
    for (unsigned i = 0; i < 2 + n; ++i) traced.text(vin, Lane::bulk, "bulk/old", "old " + std::to_string(i));
    traced.state(vin, {"Vehicle.Speed", "Vehicle.OdometerReading"});  // compacted: both come again
    traced.state(vin, {"Vehicle.Speed"});
    traced.state(vin, {"Vehicle.OdometerReading"});
    traced.state(vin, {"Vehicle.IsMoving"});
    traced.state(vin, {"Vehicle.Speed", "Vehicle.IsMoving"});
    traced.text(vin, Lane::event, "event/door", "open 1", "m1");  // told by the core that was killed and came again
    traced.text(vin, Lane::event, "event/door", "open 9", "m9");
    if (n == 2) traced.text(vin, Lane::bulk, "bulk/trace", kRotten);
    traced.text(vin, Lane::bulk, "bulk/trace", "the last");
    ++n;
  }
  const auto uuid = cli::read_volume(traced.spool())->uuid;
  const auto sink_folder = traced.region().paths().sink();
  // While the core is away all of this pends.
  std::map<Lane, std::uint64_t> pending;
  for (const Lane lane : kAllLanes) pending[lane] = traced.said_now(lane);
  const Sink before = read_sink(sink_folder, uuid, traced.cohorts());
  const auto apart = ledger_of(uuid, with_presence(traced.books_before(), before), pending);
  const auto alone = traced.ledger({});
  CHECK(alone.exit_code == 0);
  CHECK(alone.output == fleet::ledger_json(apart) + "\n");

  traced.rot();
  REQUIRE(traced.region().start_core().ok());
  REQUIRE(wait_until([&] { return traced.drained(); }, kPatienceMs));
  const Books trace = traced.books();
  const auto all_there = [&] {
    std::uint64_t delivered = 0;
    for (const auto& lane : cli::read_volume(traced.spool())->lanes) delivered += lane.delivered;
    std::uint64_t ids = 0;
    const Sink sink = read_sink(sink_folder, uuid, traced.cohorts());
    for (const auto* of : {&sink.ids, &sink.own}) {
      for (const auto& [lane, by_cohort] : *of) {
        for (const auto& [cohort, some] : by_cohort) ids += some.size();
      }
    }
    return ids >= delivered;
  };
  CHECK(wait_until(all_there, kPatienceMs));
  const Sink sink = read_sink(sink_folder, uuid, traced.cohorts());
  check_sink(sink, trace);
  const Books books = with_presence(trace, sink);
  const auto expected = ledger_of(uuid, books);
  const auto told =
      traced.ledger({"--core", traced.region().paths().core_run(), "--edge", traced.region().options().names.edge});
  CHECK(told.exit_code == 0);
  REQUIRE(told.output == both(expected));
  check_cohorts(traced, uuid, books);
  // Every column was in play, and one more or less in any of them would have been told.
  constexpr std::uint64_t fleet::LaneLedger::* kColumns[] = {
      &fleet::LaneLedger::received, &fleet::LaneLedger::delivered, &fleet::LaneLedger::compacted,
      &fleet::LaneLedger::resent,   &fleet::LaneLedger::expired,   &fleet::LaneLedger::lost,
      &fleet::LaneLedger::pending};
  for (const auto column : kColumns) {
    std::uint64_t in_play = 0;
    for (const Lane lane : kAllLanes) {
      in_play += expected.lanes[index_of(lane)].*column + apart.lanes[index_of(lane)].*column;
      for (const std::uint64_t by : {std::uint64_t{1}, ~std::uint64_t{0}}) {
        auto planted = expected;
        planted.lanes[index_of(lane)].*column += by;
        CHECK(told.output != both(planted));
      }
    }
    CHECK(in_play > 0);
  }
}

}  // namespace wayside::test
