// What leaves a site in a support bundle, and what never does.
#include <sys/stat.h>
#include <zstd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/bundle/archive.h"
#include "cli/bundle/redactor.h"
#include "common/metrics/metrics.h"
#include "common/os/posix_disk.h"
#include "schemas/record.h"
#include "spool/lane.h"
#include "spool/spool.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using cli::Redactor;

namespace {

constexpr const char* kVin = "WSYDEM00000000042";       // in the spool
constexpr const char* kOtherVin = "WSYDEM00000000077";  // nobody learns it
constexpr const char* kPlainId = "truck-of-the-north";  // no VIN: in the deny list
constexpr const char* kSpoolId = "Bus_17.harbour";      // no VIN: in the spool
constexpr const char* kMarker = "MARKER";               // part of everything that is secret
constexpr const char* kKeyHex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

Redactor redactor() { return Redactor(Bytes(32, 7)); }

test::Ran run_wayside(std::vector<std::string> args) {
  args.insert(args.begin(), std::string(WAYSIDE_BIN_DIR) + "/wayside");
  return test::run(args, 40'000);
}

// The tar inside a .tar.zst.
std::string unpacked(const std::string& path) {
  const std::string packed = test::slurp(path);
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  REQUIRE(size != ZSTD_CONTENTSIZE_ERROR);
  REQUIRE(size != ZSTD_CONTENTSIZE_UNKNOWN);
  std::string tar(size, '\0');
  REQUIRE(ZSTD_decompress(tar.data(), tar.size(), packed.data(), packed.size()) == size);
  return tar;
}

bool holds(const std::string& text, const std::string& what) { return text.find(what) != std::string::npos; }

// An edge's folders with secrets and vehicle ids wherever one could lie, its metrics served by this test.
struct MarkedEdge {
  test::TempDir dir{"bundle"};
  std::unique_ptr<metrics::Registry> registry = metrics::Registry::create();
  std::unique_ptr<metrics::Server> server;
  std::string run = dir / "run";
  std::string state = dir / "state";
  std::string config;
  std::string log;

  MarkedEdge() {
    make_pki();
    serve_metrics();
    fill_spool();
    dir.write("state/deny.list", std::string("# blocked\n") + kPlainId + " # stolen\n" + kOtherVin + "\n");
    write_config();
    log = dir.write("edge.log", log_text());
  }

  void make_pki() const {
    REQUIRE(run_wayside({"pki", "init", dir / "pki"}).exit_code == 0);
    REQUIRE(run_wayside({"pki", "issue", "vehicle", dir / "pki", kVin}).exit_code == 0);
  }
  void serve_metrics() {
    registry->counter("wayside_marked_total", "help", {{"who", kVin}, {"what", "password=MARKER-metric"}}).add(3);
    registry->counter("wayside_plain_total", "help", {{"topic", std::string("v1/") + kSpoolId + "/state"}}).add(4);
    metrics::Server::Options options;
    options.ready = [] { return metrics::Health{false, std::string("waits for ") + kPlainId}; };
    auto started = metrics::Server::start(*registry, std::move(options));
    REQUIRE(started.ok());
    server = std::move(*started);
    dir.write("run/ports.json", R"({"metrics":)" + std::to_string(server->port()) + R"(,"pid":1})");
  }
  void fill_spool() const {
    const auto disk = os::make_posix_disk();
    SpoolUuid uuid;
    uuid.bytes.fill(9);
    auto volume = spool::open_volume(*disk, state + "/spool", spool::VolumeRole::writer, uuid);
    REQUIRE(volume.ok());
    spool::LaneOptions options;
    options.dir = volume->lane_dir(Lane::event);
    options.lane = Lane::event;
    options.uuid = volume->uuid;
    auto lane = spool::LaneWriter::open(*disk, options, {}, nullptr);
    REQUIRE(lane.ok());
    for (const std::string vehicle : {kVin, kSpoolId}) {
      schemas::RecordView record;
      const std::string topic = "v1/" + vehicle + "/event/x";
      record.vehicle = vehicle;
      record.topic = topic;
      record.payload = as_bytes("payload MARKER-payload");
      Bytes body;
      schemas::encode_record(record, body);
      Offset offset;
      REQUIRE((*lane)->append(body, "", {1'700'000'000'000}, &offset) == spool::AppendOutcome::appended);
    }
    REQUIRE((*lane)->commit({1'700'000'000'500}).ok());
  }
  void write_config() {
    const std::string leaf = dir / ("pki/vehicles/" + std::string(kVin));
    config = dir.write(
        "edge.toml",
        "# MARKER-comment of " + std::string(kVin) + "\n[edge]\nname = \"edge-9\"\nstate_dir = \"" + state +
            "\"\n[vehicles]\ncertificate = \"" + leaf + ".crt\"\nca = \"" + (dir / "pki/ca/vehicles.crt") +
            "\"\nkey = \"" + dir.write("keys/server.key", "MARKER-key") + "\"\n[local_broker]\n" +
            "password = \"MARKER-password\"\napi_token = [\"MARKER-one\", \"MARKER-two\"]\npsk = 4711\n" +
            "odd = { client_secret = \"MARKER-inline\" }\naddress = \"mqtts://user:MARKER-url@broker:8883\"\n" +
            "[[acl]]\nservice = \"app\"\nvehicles = [\"" + kSpoolId + "\", \"*\"]\n");
  }
  static std::string log_text() {
    const std::string vin = kVin;
    return "2026-11-24 info connected vehicle=" + vin + " client_id=some-other-bus\n" +
           "topic v1/unheard-of/state/x\n" + "peer urn:vin:" + kOtherVin + ", CN=" + kPlainId + "\nno space" + vin +
           "here, " + kSpoolId + "_backup\n" + "password=MARKER-log token: \"MARKER quoted\" --psk MARKER-option\n" +
           "Authorization: Basic TUFSS0VS MARKER-basic\nBearer MARKER-bearer\n" +
           "{\"secret\":\"MARKER-json\",\"vehicle\":\"json-bus\"}\nkey " + kKeyHex + "\n" +
           "-----BEGIN PRIVATE KEY-----\nMARKER-pem\n-----END PRIVATE KEY-----\nlast line\n";
  }
  [[nodiscard]] test::Ran collect(const std::string& output, std::vector<std::string> more = {}) const {
    std::vector<std::string> args = {"support-bundle", run, "-o", output, "--config", config, "--log", log};
    args.insert(args.end(), more.begin(), more.end());
    return run_wayside(args);
  }
};

}  // namespace

TEST_CASE("redactor: vehicles become tags wherever an id may stand, and nothing else does") {
  Redactor one = redactor();
  one.learn("bus.seven");
  const std::string vin = kVin;
  const std::string tag = one.text(vin);
  CHECK(tag.starts_with("veh:"));
  CHECK(one.text("a " + vin + ".crt") == "a " + tag + ".crt");
  CHECK(one.text("x" + vin + "x") == "x" + tag + "x");  // its capitals end there
  CHECK(one.text("v1/a-car/state") == one.text("v1/") + one.text("vehicle=a-car").substr(8) + "/state");
  CHECK(holds(one.text("the BUS.SEVEN stops"), "veh:"));
  for (const std::string same : {"v1/+/request", "v1/#", "v1/veh:0123456789/state", "rev1/abc/d", "vehicles=7",
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "2026-11-24T10:11:12.123Z", tag.c_str()}) {
    INFO(same);
    CHECK(one.text(same) == same);
  }
}

TEST_CASE("redactor: secrets go by their names, keys by their form, blocks whole though cut") {
  Redactor one = redactor();
  CHECK(one.text("password=abc, user=me") == "password=***, user=me");
  CHECK(one.text("\"db_password\": \"a \\\" b\", \"n\": 1") == "\"db_password\": ***, \"n\": 1");
  CHECK(one.text("--token abc --level info") == "--token *** --level info");
  CHECK(one.text("amqp://me:pw@host/x and http://host/a@b") == "amqp://***@host/x and http://host/a@b");
  CHECK(one.text("Authorization: Digest a=b c\nnext") == "Authorization: ***\nnext");
  CHECK(one.text(std::string("key ") + kKeyHex) == "key ***");
  CHECK(one.text("abc\n-----END CERTIFICATE-----\nrest") == "***\nrest");
  CHECK(one.text("a\n-----BEGIN EC PRIVATE KEY-----\nabc") == "a\n***");
  CHECK(one.text("wayside_gate_tickets_total{outcome=\"taken\"} 5") ==
        "wayside_gate_tickets_total{outcome=\"taken\"} 5");
  CHECK(one.take_counts().secrets == 8);
  CHECK(one.take_counts().secrets == 0);
  const auto json = nlohmann::json::parse(
      one.json(R"({"psk":"a","n":17,"list":["v1/a-car/x"],"vehicle":"b","deep":{"passphrase":["c"]}})"));
  CHECK(json["psk"] == "***");
  CHECK(json["n"] == 17);
  CHECK(holds(json["list"][0], "v1/veh:"));
  CHECK(holds(json["vehicle"], "veh:"));
  CHECK(json["deep"]["passphrase"][0] == "***");
}

TEST_CASE("support-bundle holds none of the secrets and vehicle ids that lie everywhere around it") {
  const MarkedEdge edge;
  const std::string output = edge.dir / "b.tar.zst";
  const auto ran = edge.collect(output);
  INFO(ran.output);
  REQUIRE(ran.exit_code == 0);
  const std::string tar = unpacked(output);
  for (const char* word : {kMarker, "TUFSS0VS", kVin, kOtherVin, kPlainId, kSpoolId, "some-other-bus", "unheard-of",
                           "json-bus", kKeyHex, "4711", "BEGIN"}) {
    INFO(word);
    if (holds(tar, word)) UNSCOPED_INFO(tar.substr(tar.find(word) - 60, 120));
    CHECK_FALSE(holds(tar, word));
    CHECK_FALSE(holds(ran.output, word));
  }
  // And it is no empty box.
  for (const char* word : {"edge-9", "wayside_marked_total", "veh:", "last line", "not_after", "\"lane\": \"event\"",
                           "server.key", "not ok", "free_bytes"}) {
    INFO(word);
    CHECK(holds(tar, word));
  }
  struct stat status{};
  REQUIRE(stat(output.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
}

TEST_CASE("support-bundle: the manifest names every part with its digest, and what could not be had") {
  const MarkedEdge edge;
  const std::string output = edge.dir / "b.tar.gz";
  const auto ran = edge.collect(output, {"--json", "--log-bytes-max", "1024", "--log", edge.dir / "nowhere.log"});
  INFO(ran.output);
  REQUIRE(ran.exit_code == 0);
  REQUIRE(test::run({"tar", "-C", edge.dir.path(), "-xzf", output}).exit_code == 0);
  const std::string root = edge.dir / "wayside-support";
  const auto manifest = nlohmann::json::parse(test::slurp(root + "/manifest.json"));
  CHECK(nlohmann::json::parse(ran.output) == manifest);
  for (const auto& entry : manifest["entries"]) {
    const std::string file = root + "/" + entry["name"].get<std::string>();
    INFO(file);
    CHECK(std::filesystem::file_size(file) == entry["bytes"]);
    CHECK(test::run({"sha256sum", file}).output.substr(0, 64) == entry["sha256"]);
  }
  std::string missing;
  for (const auto& part : manifest["missing"]) missing += part["name"].get<std::string>() + "\n";
  INFO(missing);
  // No broker answers here, and no process runs: the rest is there.
  for (const char* name : {"process/broker", "status.json", "admin/ledger.json", "metrics/bridge-edge.txt", "logs/1"}) {
    CHECK(holds(missing, name));
  }
  CHECK(test::slurp(root + "/ledger.json").find("\"received\": 2") != std::string::npos);
}

TEST_CASE("support-bundle -o - is the archive on standard output and nothing else, for a pod without tar") {
  const MarkedEdge edge;
  const std::string output = edge.dir / "piped.tar.zst";
  const std::string words = edge.dir / "words";
  const std::string command = std::string(WAYSIDE_BIN_DIR) + "/wayside support-bundle " + edge.run + " -o - --config " +
                              edge.config + " --log " + edge.log + " > " + output + " 2> " + words;
  REQUIRE(test::run({"sh", "-c", command}).exit_code == 0);
  CHECK(holds(unpacked(output), "edge-9"));
  CHECK(holds(test::slurp(words), "standard output: "));
  CHECK(holds(test::slurp(words), "without "));
  const auto both = edge.collect("-", {"--json"});
  CHECK(both.exit_code == 2);
  CHECK(holds(both.output, "both want standard output"));
  CHECK(test::run({"sh", "-c", command + " > /dev/full"}).exit_code == 1);
  CHECK_FALSE(std::filesystem::exists("-"));
}

TEST_CASE("support-bundle overwrites nothing and answers wrong use with 2") {
  const MarkedEdge edge;
  const auto taken = edge.dir.write("taken.tar.zst", "mine");
  CHECK(edge.collect(taken).exit_code == 1);
  CHECK(test::slurp(taken) == "mine");
  CHECK(cli::write_new_file(taken, "other").error().fault == Fault::exists);
  CHECK(test::slurp(taken) == "mine");
  CHECK(edge.collect(edge.dir / "no/folder.tar.zst").exit_code == 1);
  CHECK(edge.collect(edge.dir / "b.zip").exit_code == 2);
  CHECK(run_wayside({"support-bundle", edge.state}).exit_code == 2);
  CHECK(holds(run_wayside({"support-bundle", edge.run, "--logs", "x"}).output, "Did you mean --log?"));
  for (const auto& entry : std::filesystem::directory_iterator(edge.dir.path())) {
    CHECK_FALSE(entry.path().string().ends_with(".part"));
  }
}
