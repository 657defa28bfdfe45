// What is known of one edge at one moment, from its admin socket and the metrics of its two processes.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/metrics/samples.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::cli {

using metrics::Sample;
using metrics::SampleLabels;
using metrics::Samples;

// What the processes answered at one moment.
struct Probe {
  std::string status;  // of the admin socket, JSON
  Samples broker;
  std::optional<Samples> bridge;  // nullopt: it does not answer
  std::string bridge_why;         // then
  WallMs at{};                    // when all had answered: for dates only
  MonoMs broker_at{};             // when its metrics had come: counts of the broker are of then
  MonoMs bridge_at{};             // the same of the bridge, that may take its time
};

struct LaneFacts {
  Lane lane{};
  double in_per_s = 0;
  double out_per_s = 0;
  double waiting = 0;   // records that are not settled
  double oldest_s = 0;  // age of the oldest of them
  double bytes = 0;
  double bytes_max = 0;
  double full_in_s = 0;  // infinity: it does not fill
  int mark = 0;
  std::map<std::string, double> turned_away;  // refused and shed by reason, while we looked
  bool forked = false;
};

struct LedgerFacts {
  double received = 0;
  double delivered = 0;
  double compacted = 0;
  double expired = 0;
  double lost = 0;
  double residual = 0;  // absolute, summed: one lane's must not hide another's
};

struct LinkFacts {
  std::string core;
  bool up = false;
  std::vector<std::string> failing;  // causes of the last attempts to connect that failed
  double last_ack_s = 0;             // ago; negative: never in the life of the bridge
  double backlog = 0;
  double resent = 0;
  double sessions = 0;                       // opened since the start of the bridge
  std::map<std::string, double> alarms;      // since the start of the bridge
  std::map<std::string, double> alarms_now;  // while we looked
};

struct CommandFacts {
  std::map<std::string, double> states;  // how many entered each, since the start of the broker
  double open = 0;
  double outbox = 0;
  std::optional<double> p50_s;  // from request to end; nullopt: none ended
  std::optional<double> p99_s;
  std::map<std::string, double> alarms;
};

struct EdgeFacts {
  std::string edge;
  std::string region;
  std::string version;
  WallMs at{};
  double window_s = 0;       // between two looks at the broker, whose counts are of it
  double link_window_s = 0;  // the same of the bridge; 0: it did not answer both times
  double uptime_s = 0;
  double vehicles = 0;
  double connects_per_s = 0;
  std::optional<double> resumed_percent;  // of all handshakes that ended well
  bool writable = false;
  bool draining = false;
  std::string local_broker;  // off, managed, external
  bool local_broker_up = false;
  double local_broker_restarts = 0;  // after it ended, since the start of the broker
  std::array<LaneFacts, kLanes> lanes;
  int total_mark = 0;
  int volume_mark = 0;
  std::map<std::string, double> refused;  // by reason, since the start of the broker
  double refused_per_s = 0;
  std::map<std::string, double> expires_in_s;  // certificates by use; negative: expired
  std::map<std::string, double> crl_age_s;     // by listener
  std::vector<std::string> reload_failing;
  double recovery_lost = 0;  // records that the last start did not find, or could not judge
  LedgerFacts ledger;
  std::optional<LinkFacts> link;
  std::string bridge_why;  // when there is none
  CommandFacts commands;
};

// Fault::malformed: the answer of the admin socket is none.
Result<EdgeFacts> facts_of(const Probe& before, const Probe& after);

}  // namespace wayside::cli
