// What an operator may ask of a connection: why its peer was refused, and how it stands.
#include "broker/gate/connection_report.h"

#include "broker/gate/connection.h"

namespace wayside::broker::gate {

// Counted for all to see without a name; of a vehicle that its certificate has proven it is kept by name, in memory.
void Connection::refused(const char* stage, Reason reason) {
  context_.counters.refused(stage, reason);
  const std::string& id = tls_.proof().id;
  if (role_ != session::Role::vehicle || id.empty()) return;
  context_.shared.refusals.note(id, stage, reason, context_.shared.clock.wall(), peer());
}

std::optional<ConnectionReport> Connection::report() const {
  if (!online_) return std::nullopt;
  const session::Now now = context_.shared.now();
  ConnectionReport report;
  report.thread = self_.thread;
  report.since = {now.wall.value - (now.mono - stage_since_)};
  report.from = peer();
  report.tls = tls_.version();
  report.resumed = tls_.resumed();
  report.leaf = tls_.proof().name;
  report.not_after = not_after_;
  report.cohort = session_->peer().cohort;
  report.figures = session_->figures();
  return report;
}

}  // namespace wayside::broker::gate
