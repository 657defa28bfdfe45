// What the drill found, from evidence outside the processes, and how it is told.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "fleet/admin.h"
#include "fleet/drill.h"

namespace wayside::fleet {
namespace {

// The last line of signals in the sink: what a backend gets of one car.
std::string last_sink_line(const std::string& sink) {
  std::string last;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(sink, failed), end; !failed && at != end; at.increment(failed)) {
    const auto name = at->path().filename().string();
    if (name.rfind("state-", 0) != 0 || at->path().extension() != ".jsonl") continue;
    std::ifstream file(at->path());
    for (std::string line; std::getline(file, line);) last = line;
  }
  return last;
}

void fail_unless(bool holds, std::vector<std::string>& failures, const std::string& sentence) {
  if (!holds) failures.push_back(sentence);
}

std::string peer_json(const PeerResult& peer) {
  return fmt::format(R"({{"acked":{},"arrived":{},"missing":{},"link_bytes":{}}})", peer.acked, peer.arrived,
                     peer.missing, peer.link_bytes);
}

PeerResult ours(const DrillResult& result) {
  return {result.verify.acked, result.verify.arrived, result.verify.missing, result.link_bytes};
}

std::string json_texts(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const auto& text : texts) {
    if (out.size() > 1) out += ',';
    append_json_string(out, text);
  }
  return out + "]";
}

std::string row(const char* name, std::uint64_t PeerResult::* column, const DrillResult& result) {
  std::string text = fmt::format("{:14} {:>12}", name, ours(result).*column);
  for (const auto* peer : {&result.mosquitto, &result.mosquitto_default}) {
    if (*peer) text += fmt::format(" {:>22}", (**peer).*column);
  }
  return text + "\n";
}

std::string comparison_text(const DrillResult& result) {
  std::string text = fmt::format("\n{:14} {:>12}", "same cars", "wayside");
  if (result.mosquitto) text += fmt::format(" {:>22}", "mosquitto, best");
  if (result.mosquitto_default) text += fmt::format(" {:>22}", "mosquitto, defaults");
  text += "\n" + row("acked", &PeerResult::acked, result) + row("arrived", &PeerResult::arrived, result);
  return text + row("missing", &PeerResult::missing, result) + row("link bytes", &PeerResult::link_bytes, result);
}

}  // namespace

void Drill::compare_all() {
  auto& failures = result_.failures;
  if (auto report = verify(region_.paths().journals(), region_.paths().sink()); report) {
    result_.verify = std::move(*report);
    fail_unless(result_.verify.ok(), failures, "verify: not every acknowledged value arrived once, bit-exact");
    fail_unless(result_.verify.acked > 0, failures, "verify: no car said anything");
    fail_unless(result_.verify.refused == 0, failures, "verify: the edge refused what cars said");
  } else {
    failures.push_back("verify: " + report.error().what);
  }
  auto edge = read_volume_();
  const auto core = http_get(region_.ports().core_bridge_metrics, "/metrics");
  if (edge && core) {
    result_.ledgers = check_ledgers(*edge, core_ledger(core->body, region_.options().names.edge, edge->uuid),
                                    result_.verify.ids_by_lane, result_.verify.resent);
    for (const auto& difference : result_.ledgers.differences) failures.push_back("ledger: " + difference);
    fail_unless(result_.ledgers.pending == 0, failures, "ledger: records are still pending");
    fail_unless(result_.ledgers.lost == 0, failures, "ledger: records are lost");
  } else {
    failures.push_back("ledger: " + (edge ? core.error().what : edge.error().what));
  }
  result_.backend_sees = last_sink_line(region_.paths().sink());
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    auto peer = peers_[i]->result();
    if (!peer) {
      note("the comparison cannot be read: " + peer.error().what);
      continue;
    }
    (peers_[i]->settings() == PeerSettings::best ? result_.mosquitto : result_.mosquitto_default) = *peer;
  }
}

std::string drill_json(const DrillResult& result) {
  std::string json = fmt::format(
      R"({{"passed":{},"missing":{},"twice":{},"residual":{},"unlock_ms_core_dead":{:.0f},"forged_refused":{},)"
      R"("expired_refused":{},"climate_delivered":{},"forged_reason":"{}","expired_reason":"{}",)"
      R"("ledgers_equal":{},"resent":{},"values":{},"seconds":{:.1f},"seed":{},"wayside":{})",
      result.passed(), result.verify.missing, result.verify.twice + result.verify.values_twice, result.ledgers.residual,
      result.unlock_ms_core_dead, result.forged_refused, result.expired_refused, result.climate_delivered,
      result.forged_reason, result.expired_reason, result.ledgers.equal, result.verify.resent, result.verify.values,
      result.seconds, result.seed, peer_json(ours(result)));
  if (result.mosquitto) json += ",\"mosquitto\":" + peer_json(*result.mosquitto);
  if (result.mosquitto_default) json += ",\"mosquitto_default\":" + peer_json(*result.mosquitto_default);
  return json + ",\"failures\":" + json_texts(result.failures) + "}";
}

std::string drill_text(const DrillResult& result) {
  std::string text = "\nOne car as a backend gets it:\n" + result.backend_sees.substr(0, 1500) + "\n\nVERIFY    " +
                     fmt::format("{} messages acknowledged, {} values; missing {}, different {}, twice {}\n",
                                 result.verify.acked, result.verify.values, result.verify.missing,
                                 result.verify.values_different, result.verify.twice + result.verify.values_twice);
  for (const auto& example : result.verify.examples) text += "          " + example + "\n";
  text += "LEDGER    " + std::string(result.ledgers.equal ? "edge and core are equal" : "edge and core DIFFER") +
          fmt::format(", residual {} against the sink\n", result.ledgers.residual);
  VolumeLedger edge;
  for (const auto& lane : result.ledgers.lanes) edge.lanes.push_back(lane.edge);
  text += ledger_text(edge);
  text += fmt::format("UNLOCK    {:.0f} ms with the core dead; forged: {}, expired: {}; climate {}\n",
                      result.unlock_ms_core_dead, result.forged_reason, result.expired_reason,
                      result.climate_delivered ? "delivered before its deadline" : "NOT delivered");
  text += comparison_text(result);
  for (const auto& failure : result.failures) text += "\nFAILED " + failure;
  return text + (result.passed() ? "\nPASSED: nothing acknowledged was lost, and the region opened its cars alone.\n"
                                 : "\nThe drill did NOT pass.\n");
}

}  // namespace wayside::fleet
