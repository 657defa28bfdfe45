#include "broker/operator_desk.h"

#include <unistd.h>

#include "broker/run.h"
#include "common/version.h"

namespace wayside::broker {
namespace {

AdminReply reply_of(const Result<void>& result) {
  if (result.ok()) return AdminDone{};
  const bool asked_wrongly = result.error().fault == Fault::malformed || result.error().fault == Fault::config;
  return AdminRefusal{asked_wrongly ? Reason::ADMIN_MALFORMED : Reason::ADMIN_FAILED, result.error().what};
}

const char* name_of(LocalBrokerMode mode) {
  switch (mode) {
    case LocalBrokerMode::off: return "off";
    case LocalBrokerMode::managed: return "managed";
    case LocalBrokerMode::external: return "external";
  }
  return "";
}

LaneReport report_of(const LaneLedger& ledger, const LaneDoor& door) {
  LaneReport report;
  const spool::Totals& totals = ledger.settled.totals;
  report.lane = ledger.lane;
  report.received = ledger.received;
  report.delivered = totals.delivered;
  report.compacted = totals.compacted;
  report.resent = totals.resent;
  report.expired = totals.expired;
  report.lost = totals.lost;
  report.pending = ledger.pending();
  report.residual = ledger.residual();
  report.settled = ledger.settled.next.value;
  report.synced = ledger.synced.value;
  report.digest = to_string(ledger.settled.digest);
  report.bytes = ledger.bytes;
  report.oldest_ms = ledger.oldest_ms;
  report.writable = ledger.writable;
  report.offered = door.offered;
  report.committed = door.committed;
  report.refused = door.refused;
  report.shed = door.shed;
  return report;
}

}  // namespace

void OperatorDesk::handle(const AdminRequest& request, AdminReplied replied) {
  if (request.op == AdminOp::vehicle) return vehicles_.ask(request.vehicle, std::move(replied));
  replied(reply_to(request));
}

AdminReply OperatorDesk::reply_to(const AdminRequest& request) {
  switch (request.op) {
    case AdminOp::status: return status();
    case AdminOp::ledger: return ledger();
    case AdminOp::block: return reply_of(parts_.gate.block(request.vehicle));
    case AdminOp::unblock: return reply_of(parts_.gate.unblock(request.vehicle));
    case AdminOp::drain: drain(); return AdminDone{};
    case AdminOp::vehicle: break;  // others know of it
  }
  return AdminRefusal{Reason::ADMIN_MALFORMED, {}};
}

StatusReport OperatorDesk::status() const {
  StatusReport report;
  report.edge = parts_.edge;
  report.region = parts_.region;
  report.version = wayside::version();
  report.spool_uuid = to_string(parts_.custody.volume().uuid);
  report.pid = getpid();
  report.uptime_ms = parts_.clock.mono() - started_;
  report.vehicles_online = parts_.gate.vehicles_online();
  report.vehicles_port = parts_.gate.vehicles_port();
  report.services_port = parts_.gate.services_port();
  report.custody_writable = parts_.custody.writable();
  report.draining = draining();
  report.local_broker_mode = name_of(parts_.local_broker.mode());
  report.local_broker_up = parts_.local_broker.up();
  report.local_broker_pid = parts_.local_broker.pid();
  return report;
}

LedgerReport OperatorDesk::ledger() const {
  LedgerReport report;
  report.spool_uuid = to_string(parts_.custody.volume().uuid);
  for (const Lane lane : kAllLanes) {
    report.lanes.push_back(report_of(parts_.custody.ledger(lane), parts_.custody.door(lane)));
  }
  return report;
}

}  // namespace wayside::broker
