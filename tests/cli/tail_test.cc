// `wayside tail` beside a writer: sealing, deletion, a slow reader, filters, and what it shows of payloads.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "cli/record_lines.h"
#include "common/os/posix_disk.h"
#include "schemas/messages.h"
#include "schemas/record.h"
#include "spool/lane.h"
#include "spool/spool.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

constexpr const char* kVehicle = "WSYDEM00000000042";
constexpr const char* kOther = "WSYDEM00000000077";
const std::string kProgram = std::string(WAYSIDE_BIN_DIR) + "/wayside";

test::Ran tail(std::vector<std::string> args) {
  args.insert(args.begin(), {kProgram, "tail"});
  return test::run(args);
}

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    INFO(line);
    Json json = Json::parse(line, nullptr, false);
    if (!json.is_discarded()) out.push_back(std::move(json));  // the last one may be in the making
  }
  return out;
}

// A spool with the writer of its state lane, in small segments.
struct Written {
  test::TempDir dir{"tail"};
  std::unique_ptr<Disk> disk = os::make_posix_disk();
  spool::Volume volume;
  std::unique_ptr<spool::LaneWriter> writer;

  Written() { begin(5); }
  void begin(std::uint8_t name) {
    SpoolUuid uuid;
    uuid.bytes.fill(name);
    auto opened = spool::open_volume(*disk, root(), spool::VolumeRole::writer, uuid);
    REQUIRE(opened.ok());
    volume = std::move(opened).value();
    spool::LaneOptions options;
    options.dir = volume.lane_dir(Lane::state);
    options.uuid = volume.uuid;
    options.segment_bytes_max = 1U << 20U;
    auto lane = spool::LaneWriter::open(*disk, options, {}, nullptr);
    REQUIRE(lane.ok());
    writer = std::move(lane).value();
  }
  [[nodiscard]] std::string root() const { return dir / "edge/spool"; }
  void append(const std::string& vehicle, const std::string& topic, ByteView payload) const {
    schemas::RecordView record;
    record.vehicle = vehicle;
    record.topic = topic;
    record.payload = payload;
    record.source_time = {1'700'000'000'000};
    Bytes body;
    schemas::encode_record(record, body);
    REQUIRE(writer->append(body, "", {1'700'000'000'000}, nullptr) == spool::AppendOutcome::appended);
  }
  void commit() const { REQUIRE(writer->commit({1'700'000'000'500}).ok()); }
  void fill(int groups, int records) const {
    const std::string payload(1'000, 'x');
    for (int group = 0; group < groups; ++group) {
      for (int i = 0; i < records; ++i) append(kVehicle, std::string("v1/") + kVehicle + "/state", as_bytes(payload));
      commit();
    }
  }
  [[nodiscard]] std::set<std::string> files() const {
    std::set<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(root())) out.insert(entry.path().string());
    return out;
  }
  [[nodiscard]] std::size_t segments() const {
    const auto all = files();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [](const auto& path) { return path.ends_with(".seg"); }));
  }
};

}  // namespace

TEST_CASE("tail follows a lane over sealed and deleted segments, every record once, and leaves no file behind") {
  const Written spool;
  spool.fill(1, 5);
  const auto before = spool.files();
  const std::string output = spool.dir / "out";
  test::Process process({kProgram, "tail", spool.dir / "edge", "--from", "oldest", "--json"}, {.output = output});
  const auto shown = [&] { return lines_of(test::slurp(output)).size(); };
  REQUIRE(test::wait_until([&] { return shown() == 5; }, 10'000));
  CHECK(spool.files() == before);
  std::uint64_t written = 5;
  for (int round = 0; round < 6; ++round) {
    // Appended and not committed is not shown.
    spool.append(kVehicle, "v1/x/state", as_bytes("open"));
    spool.commit();
    spool.fill(20, 40);
    written += 801;
    REQUIRE(test::wait_until([&] { return shown() == written; }, 20'000));
    REQUIRE(spool.writer->release_below(spool.writer->synced()).ok());
  }
  CHECK(spool.segments() <= 2);
  spool.append(kVehicle, "v1/x/state", as_bytes("open"));
  process.signal(SIGINT);
  CHECK(process.wait() == 0);
  const auto lines = lines_of(test::slurp(output));
  REQUIRE(lines.size() == written);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    REQUIRE(lines[i]["offset"] == std::to_string(i));
    REQUIRE(lines[i]["lane"] == "state");
  }
}

TEST_CASE("tail: a terminal that takes nothing holds up no writer, and what it missed is counted") {
  const Written spool;
  const std::string pipe = spool.dir / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const int reader = ::open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);  // its far end is never closed
  REQUIRE(reader >= 0);
  spool.fill(1, 10);
  test::Process process({kProgram, "tail", spool.root(), "--from", "oldest", "--json"}, {.output = pipe});
  std::string text;
  std::array<char, 65'536> chunk{};
  const auto take = [&] {
    const auto got = ::read(reader, chunk.data(), chunk.size());
    if (got > 0) text.append(chunk.data(), static_cast<std::size_t>(got));
    return got > 0;
  };
  REQUIRE(test::wait_until([&] { return take() && text.find("\"offset\":\"9\"") != std::string::npos; }, 10'000));
  // Some 6 MiB of lines into a pipe of 64 KiB that nobody reads.
  spool.fill(60, 100);
  REQUIRE(spool.writer->release_below(spool.writer->synced()).ok());
  CHECK(spool.segments() <= 1);
  spool.fill(1, 10);
  const std::string last = "\"offset\":\"" + std::to_string(spool.writer->synced().value - 1) + "\"";
  REQUIRE(test::wait_until(
      [&] {
        while (take()) {
        }
        return text.find(last) != std::string::npos;
      },
      20'000));
  process.signal(SIGINT);
  CHECK(process.wait() == 0);
  ::close(reader);
  std::uint64_t at = 0;
  std::uint64_t skipped = 0;
  for (const Json& line : lines_of(text)) {
    if (line.contains("skipped")) {
      skipped += line["skipped"].get<std::uint64_t>();
      at += line["skipped"].get<std::uint64_t>();
      continue;
    }
    REQUIRE(line["offset"] == std::to_string(at));
    ++at;
  }
  CHECK(at == spool.writer->synced().value);
  CHECK(skipped > 0);
}

TEST_CASE("tail goes on with a spool that takes the place of another") {
  Written spool;
  spool.fill(1, 3);
  const std::string output = spool.dir / "out";
  test::Process process({kProgram, "tail", spool.root(), "--from", "oldest", "--json"}, {.output = output});
  REQUIRE(test::wait_until([&] { return lines_of(test::slurp(output)).size() == 3; }, 10'000));
  spool.writer.reset();
  spool.volume.lock.reset();
  fs::rename(spool.root(), spool.dir / "old");
  spool.begin(6);
  spool.append(kOther, "v1/x/state", as_bytes("of the other"));
  spool.commit();
  REQUIRE(test::wait_until([&] { return test::slurp(output).find("of the other") != std::string::npos; }, 10'000));
  process.signal(SIGINT);
  CHECK(process.wait() == 0);
  CHECK(test::slurp(output).find("goes on as 06060606-") != std::string::npos);
}

TEST_CASE("tail shows what filters ask for: lane, vehicle by id or tag, topic, offset, limit") {
  const Written spool;
  for (int i = 0; i < 4; ++i) {
    for (const std::string vehicle : {kVehicle, kOther}) {
      spool.append(vehicle, "v1/" + vehicle + "/state/Speed" + std::to_string(i), as_bytes("1"));
    }
  }
  spool.commit();
  const auto offsets = [&](std::vector<std::string> args) {
    args.insert(args.begin(), {spool.root(), "--json", "--no-follow"});
    if (std::find(args.begin(), args.end(), "--from") == args.end()) args.insert(args.end(), {"--from", "oldest"});
    const auto ran = tail(args);
    INFO(ran.output);
    CHECK(ran.exit_code == 0);
    std::string out;
    for (const Json& line : lines_of(ran.output)) out += line["offset"].get<std::string>() + " ";
    return out;
  };
  CHECK(offsets({}) == "0 1 2 3 4 5 6 7 ");
  CHECK(offsets({"--lane", "event"}).empty());
  CHECK(offsets({"--vehicle", kOther}) == "1 3 5 7 ");
  CHECK(offsets({"--topic", "v1/+/state/Speed2"}) == "4 5 ");
  CHECK(offsets({"--topic", "v1/+/state/Speed2", "--vehicle", kVehicle}) == "4 ");
  CHECK(offsets({"--limit", "3"}) == "0 1 2 ");
  CHECK(offsets({"--lane", "state", "--from", "6"}) == "6 7 ");
  CHECK(offsets({"--from", "now"}).empty());
  const auto key = spool.dir.write("region.key", std::string(64, 'a') + "\n");
  const auto named = tail({spool.root(), "--json", "--no-follow", "--from", "oldest", "--region-key", key});
  CHECK(named.output.find("WSYDEM") == std::string::npos);
  const std::string tag = lines_of(named.output).front()["vehicle"];
  CHECK(offsets({"--region-key", key, "--vehicle", tag}) == "0 2 4 6 ");
}

TEST_CASE("tail decodes payloads of ours and shows others so that no terminal is harmed") {
  const Written spool;
  schemas::PresenceMessage presence;
  presence.vehicle = kVehicle;
  presence.online = true;
  presence.epoch = 7;
  const Bytes ours = schemas::build_presence(presence);
  const std::string topic = std::string("v1/") + kVehicle + "/x";
  spool.append(kVehicle, topic, ours);
  spool.append(kVehicle, topic, as_bytes("plain \x1b[31m \xc2\x9b caf\xc3\xa9 of WSYDEM00000000042"));
  spool.append(kVehicle, topic, as_bytes("\xff\xfe\x01 WSYDEM00000000042"));
  spool.append(kVehicle, topic, as_bytes(std::string(5'000, 'y')));
  spool.commit();
  const std::vector<std::string> args = {spool.root(), "--from", "oldest", "--no-follow"};
  const auto text = tail(args);
  INFO(text.output);
  CHECK(text.output.find('\x1b') == std::string::npos);
  CHECK(text.output.find("\xc2\x9b") == std::string::npos);
  CHECK(text.output.find("plain \\x1b[31m \\xc2\\x9b caf\xc3\xa9 of veh:") != std::string::npos);
  CHECK(text.output.find("\"ONLINE\"") != std::string::npos);
  CHECK(text.output.find("hex fffe01") != std::string::npos);
  CHECK(text.output.find(std::string(256, 'y') + "...") != std::string::npos);
  CHECK(text.output.find(std::string(257, 'y')) == std::string::npos);
  auto with_json = args;
  with_json.emplace_back("--json");
  const auto ran = tail(with_json);
  const auto lines = lines_of(ran.output);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0]["payload"].dump().find("ONLINE") != std::string::npos);
  CHECK(lines[1]["payload_text"].get<std::string>().starts_with("plain \x1b[31m"));
  CHECK(lines[2]["payload_hex"].get<std::string>().starts_with("fffe01"));
  CHECK(lines[3]["payload_cut"] == true);
  for (const auto* output : {&text.output, &ran.output}) {
    CHECK(output->find("WSYDEM") == std::string::npos);
    CHECK(output->find(to_hex(as_bytes("WSYDEM"))) == std::string::npos);
  }
}

TEST_CASE("terminal text: control characters of both sets and what is no UTF-8 become visible") {
  CHECK(cli::terminal_text("a\tb\x7f\xc2\x80\xc3\xa4\xe2\x82") == "a\\x09b\\x7f\\xc2\\x80\xc3\xa4\\xe2\\x82");
}

TEST_CASE("tail answers wrong use with 2 and an offset that is gone with 1") {
  const Written spool;
  spool.fill(30, 100);
  REQUIRE(spool.writer->release_below(spool.writer->synced()).ok());
  CHECK(tail({spool.root(), "--lane", "state", "--from", "0", "--no-follow"}).exit_code == 1);
  CHECK(tail({spool.root(), "--from", "0"}).exit_code == 2);
  CHECK(tail({spool.root(), "--from", "soon"}).exit_code == 2);
  CHECK(tail({spool.root(), "--lane", "fast"}).exit_code == 2);
  CHECK(tail({spool.root(), "--topic", "a/#/b"}).exit_code == 2);
  CHECK(tail({spool.dir / "nowhere"}).exit_code == 2);
  CHECK(tail({spool.root(), "--limits", "5"}).output.find("Did you mean --limit?") != std::string::npos);
  const std::string core = spool.dir / "core";
  fs::create_directories(core);
  fs::rename(spool.root(), core + "/corelog");
  CHECK(tail({core}).exit_code == 2);
}
