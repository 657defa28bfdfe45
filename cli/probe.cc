#include "cli/probe.h"

#include "common/os/system.h"
#include "fleet/admin.h"

namespace wayside::cli {
namespace {

constexpr std::size_t kPortsBytesMax = 4096;

Result<Samples> scrape(const std::string& ports_file) {
  const auto text = ask_http(ports_file, "/metrics");
  if (!text) return text.error();
  return Samples::parse(*text);
}

}  // namespace

Result<std::string> ask_http(const std::string& ports_file, const std::string& path) {
  const auto told = os::read_file(ports_file, kPortsBytesMax);
  if (!told) return told.error();
  const auto place = fleet::metrics_place(*told);
  if (!place) return Error(place.error()).with(ports_file);
  auto reply = fleet::http_get(*place, path);
  if (!reply) return std::move(reply).error();
  if (reply->status != 200 && reply->status != 503) {
    return Error{Fault::unreachable, ports_file + ": " + path + " answers " + std::to_string(reply->status), 0};
  }
  return std::move(reply->body);
}

Result<Probe> ask_edge(const std::string& run_dir, const Clock& clock) {
  Probe probe;
  auto status = fleet::admin_ask(run_dir + "/admin.sock", R"({"op":"status"})");
  if (!status) return std::move(status).error();
  probe.status = std::move(*status);
  auto broker = scrape(run_dir + "/" + kBrokerPorts);
  if (!broker) return std::move(broker).error();
  probe.broker_at = clock.mono();
  probe.broker = std::move(*broker);
  if (auto bridge = scrape(run_dir + "/" + kEdgeBridgePorts); bridge) {
    probe.bridge_at = clock.mono();
    probe.bridge = std::move(*bridge);
  } else {
    probe.bridge_why = bridge.error().what;
  }
  probe.at = clock.wall();
  return probe;
}

std::string silent_broker(const Error& why) {
  return "the broker does not answer (" + why.what +
         "): it is down, starts, hangs, or this is not its run folder. Nothing acknowledged is lost. "
         "Do now: read the end of its log; exit 2 is its configuration. Runbook WS-UP-01";
}

}  // namespace wayside::cli
