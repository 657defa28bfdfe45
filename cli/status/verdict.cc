#include "cli/status/verdict.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/status/words.h"

namespace wayside::cli {
namespace {

// The alert WS-LINK-03 waits for 120 s; who asks is told sooner. Longer than three times link.resend_ms.
constexpr double kSilentSeconds = 16;
constexpr double kOutboxMax = 10'000;  // as the alert WS-COMMAND-03

using Findings = std::vector<Finding>;

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// What durable custody itself says: nothing is worse.
void judge_custody(const EdgeFacts& facts, Findings& out) {
  if (!facts.writable) {
    out.push_back({"custody cannot write to its volume: publishes are refused, nothing acknowledged is lost",
                   "look at the volume and the broker's log", "WS-SPOOL-07"});
  }
  if (facts.ledger.residual != 0) {
    out.push_back({"the ledger does not add up: residual " + count_text(facts.ledger.residual), "", "WS-LEDGER-01"});
  }
  if (facts.recovery_lost > 0) {
    out.push_back({"the last start found " + count_text(facts.recovery_lost) + " records gone or in doubt",
                   "wayside spool verify names them", "WS-SPOOL-03"});
  }
}

void judge_lanes(const EdgeFacts& facts, Findings& out) {
  std::vector<std::string> full;
  std::vector<std::string> forked;
  for (const LaneFacts& lane : facts.lanes) {
    if (lane.turned_away.contains("SPOOL_FULL")) full.emplace_back(to_string(lane.lane));
    if (lane.forked) forked.emplace_back(to_string(lane.lane));
  }
  if (!full.empty()) {
    out.push_back({"full, refusing records: " + joined(full) + "; none of them was acknowledged",
                   "bring the core back, or give the lane room", "WS-SPOOL-04"});
  }
  if (!forked.empty()) {
    out.push_back({"the volume went back in time, waiting for its spool to move: " + joined(forked), "", "WS-LINK-02"});
  }
  if (facts.volume_mark == 2) {
    out.push_back(
        {"the volume has too little room for what lanes and commands may still take: something else takes it, "
         "or it is too small",
         "free it or enlarge it; volume_short in the broker's log: it is too small", "WS-SPOOL-02"});
  }
}

// How long something has waited for an acknowledgement while none came.
double silent_s(const EdgeFacts& facts, const LinkFacts& link) {
  double oldest_s = 0;
  for (const LaneFacts& lane : facts.lanes) {
    if (lane.waiting > 0) oldest_s = std::max(oldest_s, lane.oldest_s);
  }
  return link.last_ack_s < 0 ? oldest_s : std::min(link.last_ack_s, oldest_s);
}

// What fills most often does so because the core is away: that is said before.
void judge_marks(const EdgeFacts& facts, Findings& out) {
  std::vector<std::string> high;
  for (const LaneFacts& lane : facts.lanes) {
    if (lane.mark == 2) high.emplace_back(to_string(lane.lane));
  }
  if (facts.total_mark == 2) high.emplace_back("all lanes together");
  if (!high.empty()) out.push_back({"above the high mark: " + joined(high), "", "WS-SPOOL-01"});
}

struct Unreachable {
  std::string words;
  std::string act;
};

// What the last attempts met. Of two causes the one that reached further says more; a core broker that meets an expired
// certificate breaks off the handshake, or the connection just behind it.
Unreachable unreachable(const EdgeFacts& facts, const std::vector<std::string>& causes) {
  const auto met = [&](const char* cause) { return std::find(causes.begin(), causes.end(), cause) != causes.end(); };
  const auto link = facts.expires_in_s.find("link");
  if (link != facts.expires_in_s.end() && link->second <= 0 && (met("tls") || met("other"))) {
    return {": the certificate of the link expired " + duration_text(-link->second) + " ago",
            "renew it; the bridge takes it with its next attempt"};
  }
  if (met("refused"))
    return {": its broker refuses this edge", "look at its ACL and at the name in the link certificate"};
  if (met("tls")) {  // a load balancer before a core broker that is down looks the same
    return {
        ": it breaks off in the TLS handshake",
        "look whether the core broker runs; if so, at the certificates, CA bundle and revocation list of both sides"};
  }
  if (met("timeout")) return {": no answer", "look at the core broker and at what drops packets on the way to it"};
  if (met("connect")) return {": connection refused or no route", "bring the core broker or the network back"};
  if (met("name")) return {": its name does not resolve", "look at DNS and at core.address"};
  return {"", "bring the core or the network back"};
}

void judge_link(const EdgeFacts& facts, Findings& out) {
  const std::string safe =
      ". Vehicles stay connected, commands are delivered by the edge, nothing acknowledged is lost";
  if (!facts.link) {
    out.push_back({"bridge edge does not answer (" + facts.bridge_why + ")" + safe,
                   "start it; if it runs and hangs, start it anew", "WS-UP-01"});
    return;
  }
  const LinkFacts& link = *facts.link;
  const std::string ago = link.last_ack_s < 0 ? "no acknowledgement since the bridge started"
                                              : "last acknowledgement " + duration_text(link.last_ack_s) + " ago";
  if (!link.up) {
    const Unreachable why = unreachable(facts, link.failing);
    out.push_back({"core " + link.core + " unreachable" + why.words + ", " + ago + safe, why.act, "WS-LINK-01"});
  } else if (link.backlog > 0 && silent_s(facts, link) > kSilentSeconds) {
    out.push_back(
        {"core " + link.core + " connected and silent, " + ago + ": its broker answers, its bridge does not" + safe,
         "look whether bridge core runs, at its log and its volume", "WS-LINK-03"});
  }
  if (link.alarms_now.contains("SPOOL_FAULT")) {
    out.push_back(
        {"bridge edge cannot read its spool or write what is settled: SPOOL_FAULT, nothing acknowledged is lost",
         "the bridge's log names file and errno", "WS-LINK-04"});
  }
}

// One page for each kind of file.
void judge_files(const EdgeFacts& facts, Findings& out) {
  std::map<std::string, std::vector<std::string>> by_page;
  for (const std::string& what : facts.reload_failing) {
    by_page[what == "link" ? "WS-LINK-06" : what == "command_lists" ? "WS-COMMAND-04" : "WS-GATE-01"].push_back(what);
  }
  for (const auto& [page, whats] : by_page) {
    out.push_back(
        {"files on disk are bad, older ones are in force: " + joined(whats),
         std::string("the log of ") + (page == "WS-LINK-06" ? "bridge edge" : "the broker") + " names the file", page});
  }
}

void judge_rest(const EdgeFacts& facts, Findings& out) {
  for (const auto& [use, in_s] : facts.expires_in_s) {
    if (in_s > 0) continue;
    out.push_back({"certificate " + use + " expired " + duration_text(-in_s) + " ago", "renew it", "WS-CERT-01"});
  }
  judge_files(facts, out);
  if (facts.local_broker != "off" && !facts.local_broker_up) {
    out.push_back({"the local broker is down: ordinary topics wait, custody and commands do not", "", "WS-LOCAL-01"});
  }
  if (facts.commands.outbox > kOutboxMax) {
    out.push_back(
        {count_text(facts.commands.outbox) + " statuses of commands wait for the ack lane", "", "WS-COMMAND-03"});
  }
  if (facts.draining) out.push_back({"draining: no new connections, it stops when the vehicles have gone", "", ""});
}

void consider(std::optional<Limit>& next, Limit limit) {
  if (limit.in_s <= 0 || std::isinf(limit.in_s)) return;
  if (!next || limit.in_s < next->in_s) next = std::move(limit);
}

}  // namespace

Verdict judge(const EdgeFacts& facts) {
  Verdict verdict;
  judge_custody(facts, verdict.now);
  judge_lanes(facts, verdict.now);
  judge_link(facts, verdict.now);
  judge_marks(facts, verdict.now);
  judge_rest(facts, verdict.now);
  const bool core_away = !facts.link || !facts.link->up;
  for (const LaneFacts& lane : facts.lanes) {
    consider(verdict.next, {std::string(to_string(lane.lane)) + " lane full", lane.full_in_s,
                            core_away ? "bring the core back" : "look why it is not drained", "WS-SPOOL-05"});
  }
  for (const auto& [use, in_s] : facts.expires_in_s) {
    consider(verdict.next, {"certificate " + use + " expires", in_s, "renew it", "WS-CERT-01"});
  }
  return verdict;
}

}  // namespace wayside::cli
