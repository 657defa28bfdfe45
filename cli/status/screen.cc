#include "cli/status/screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <vector>

#include "cli/status/words.h"

namespace wayside::cli {
namespace {

constexpr std::size_t kReasonsMax = 5;

std::string utc(WallMs at) {
  const auto seconds = static_cast<std::time_t>(at.value / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

// The largest first: "BUDGET 200, REVOKED 3, 2 more".
std::string reasons_text(const std::map<std::string, double>& counts) {
  std::vector<std::pair<std::string, double>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string out;
  for (std::size_t i = 0; i < std::min(sorted.size(), kReasonsMax); ++i) {
    out += (i == 0 ? "" : ", ") + sorted[i].first + " " + count_text(sorted[i].second);
  }
  if (sorted.size() > kReasonsMax) out += fmt::format(", {} more", sorted.size() - kReasonsMax);
  return out;
}

double total(const std::map<std::string, double>& counts) {
  double sum = 0;
  for (const auto& [name, count] : counts) sum += count;
  return sum;
}

std::string tail_of(const std::string& act, const std::string& runbook) {
  return (act.empty() ? "" : " Do now: " + act + ".") + (runbook.empty() ? "" : " Runbook " + runbook);
}

std::string head(const EdgeFacts& facts) {
  return fmt::format("wayside  region {}  edge {}  {}  {}  up {}  window {:.1f} s\n", facts.region, facts.edge,
                     utc(facts.at), facts.version, duration_text(facts.uptime_s), facts.window_s);
}

std::string verdict_lines(const EdgeFacts& facts, const Verdict& verdict, bool colour) {
  std::string out;
  if (verdict.healthy()) {
    const std::string ack = facts.link && facts.link->last_ack_s >= 0
                                ? "last acknowledgement " + duration_text(facts.link->last_ack_s) + " ago"
                                : "nothing to acknowledge yet";
    out += fmt::format("{}HEALTHY{}  core linked, {}, custody writable, ledger adds up.\n", colour ? "\x1b[1;32m" : "",
                       colour ? "\x1b[0m" : "", ack);
  } else {
    const Finding& worst = verdict.now.front();
    out += fmt::format("{}DEGRADED{} {}.{}\n", colour ? "\x1b[1;31m" : "", colour ? "\x1b[0m" : "", worst.what,
                       tail_of(worst.act, worst.runbook));
  }
  if (verdict.next) {
    out += fmt::format("NEXT     {} in {}.{}\n", verdict.next->what, duration_text(verdict.next->in_s),
                       tail_of(verdict.next->in_s < 30 * 86'400.0 ? verdict.next->act : "", verdict.next->runbook));
  } else {
    out += "NEXT     no limit is in sight\n";
  }
  for (std::size_t i = 1; i < verdict.now.size(); ++i) {
    out += fmt::format("ALSO     {}.{}\n", verdict.now[i].what, tail_of(verdict.now[i].act, verdict.now[i].runbook));
  }
  return out + "\n";
}

std::string gate_lines(const EdgeFacts& facts) {
  std::string out =
      fmt::format("VEHICLES {} online   connects {}/s", count_text(facts.vehicles), count_text(facts.connects_per_s));
  if (facts.resumed_percent) out += fmt::format("   resumed {:.0f} %", *facts.resumed_percent);
  out += fmt::format("\nREFUSED  since start: {}", count_text(total(facts.refused)));
  if (!facts.refused.empty()) out += " = " + reasons_text(facts.refused);
  out += fmt::format("   now {}/s\n", count_text(facts.refused_per_s));
  out += "EXPIRY  ";
  for (const auto& [use, in_s] : facts.expires_in_s) {
    out += fmt::format(" {} {}  ", use, in_s > 0 ? duration_text(in_s) : "EXPIRED");
  }
  for (const auto& [use, age] : facts.crl_age_s) out += fmt::format(" CRL {} made {} ago  ", use, duration_text(age));
  while (out.back() == ' ') out.pop_back();
  return out + "\n";
}

std::string lane_lines(const EdgeFacts& facts) {
  std::string out = "LANES    lane        in/s   out/s   waiting     oldest    full in   bytes\n";
  for (const LaneFacts& lane : facts.lanes) {
    const std::string oldest = lane.waiting > 0 ? duration_text(lane.oldest_s) : "-";
    const std::string full = std::isinf(lane.full_in_s) ? "-"
                             : lane.full_in_s <= 0      ? "full"
                                                        : duration_text(lane.full_in_s);
    const double percent = lane.bytes_max > 0 ? 100 * lane.bytes / lane.bytes_max : 0;
    out += fmt::format("         {:8} {:>7} {:>7} {:>9} {:>10} {:>10}   {} ({:.0f} %)", to_string(lane.lane),
                       count_text(lane.in_per_s), count_text(lane.out_per_s), count_text(lane.waiting), oldest, full,
                       bytes_text(lane.bytes), percent);
    if (!lane.turned_away.empty()) out += "   turned away: " + reasons_text(lane.turned_away);
    if (lane.forked) out += "   FORKED";
    out += "\n";
  }
  return out;
}

std::string link_line(const EdgeFacts& facts) {
  if (!facts.link) return "LINK     bridge edge does not answer: " + facts.bridge_why + "\n";
  const LinkFacts& link = *facts.link;
  std::string out =
      fmt::format("LINK     {}  {}   last acknowledgement {}   waiting {}   batches sent again {}", link.core,
                  link.up ? "UP" : "DOWN", link.last_ack_s < 0 ? "never" : duration_text(link.last_ack_s) + " ago",
                  count_text(link.backlog), count_text(link.resent));
  if (link.sessions > 1) out += "   sessions since start: " + count_text(link.sessions);
  if (total(link.alarms) > 0) out += "   alarms: " + reasons_text(link.alarms);
  return out + "\n";
}

std::string rest_lines(const EdgeFacts& facts) {
  const CommandFacts& commands = facts.commands;
  std::string out = "COMMANDS since start: " + (commands.states.empty() ? "none" : reasons_text(commands.states));
  out += fmt::format("   open {}", count_text(commands.open));
  if (commands.p50_s) {
    out += fmt::format("   p50 {}  p99 {}", duration_text(*commands.p50_s), duration_text(*commands.p99_s));
  }
  if (!commands.alarms.empty()) out += "   alarms: " + reasons_text(commands.alarms);
  out += fmt::format("\nLOCAL    local broker {}{}", facts.local_broker,
                     facts.local_broker == "off" ? ""
                     : facts.local_broker_up     ? ", up"
                                                 : ", DOWN");
  if (facts.local_broker_restarts > 0) {
    out += ", started again " + count_text(facts.local_broker_restarts) + " times since start";
  }
  out += "\n";
  double pending = 0;
  for (const LaneFacts& lane : facts.lanes) pending += lane.waiting;
  const LedgerFacts& ledger = facts.ledger;
  out += fmt::format(
      "LEDGER   received {} = delivered {} + compacted {} + expired {} + lost {} + pending {}   residual {}\n",
      count_text(ledger.received), count_text(ledger.delivered), count_text(ledger.compacted),
      count_text(ledger.expired), count_text(ledger.lost), count_text(pending), count_text(ledger.residual));
  return out;
}

}  // namespace

std::string status_text(const EdgeFacts& facts, const Verdict& verdict, bool colour) {
  std::string out = head(facts) + verdict_lines(facts, verdict, colour);
  out += gate_lines(facts) + lane_lines(facts) + link_line(facts) + rest_lines(facts);
  out += verdict.healthy() ? "exit 0 (healthy)" : "exit 1 (degraded)";
  return out + "   more: wayside ledger | wayside spool ls | wayside status --json\n";
}

}  // namespace wayside::cli
