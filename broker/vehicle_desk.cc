#include "broker/vehicle_desk.h"

#include "common/identity/identity.h"

namespace wayside::broker {
namespace {

constexpr std::int64_t kMsPerSecond = 1'000;

VehicleReport::Connection report_of(const gate::ConnectionReport& connection) {
  VehicleReport::Connection report;
  report.since = connection.since;
  if (connection.from) report.from = to_string(*connection.from);
  report.mqtt = connection.figures.version == mqtt::Version::v5 ? "5" : "3.1.1";
  report.tls = connection.tls;
  report.resumed = connection.resumed;
  report.keep_alive_s = connection.figures.keep_alive_s;
  report.cohort = connection.cohort;
  if (connection.leaf) {
    report.serial = connection.leaf->serial;
    report.issuer = connection.leaf->issuer;
  }
  report.not_after = connection.not_after;
  report.subscriptions = connection.figures.subscriptions;
  report.unanswered = connection.figures.unanswered;
  report.parked = connection.figures.parked;
  report.inflight = connection.figures.inflight;
  report.queued = connection.figures.queued;
  return report;
}

VehicleReport::Session report_of(const session::KnownSession& known, WallMs now) {
  VehicleReport::Session report;
  report.epoch = known.epoch;
  report.expiry_s = known.expiry_s;
  report.subscriptions = known.subscriptions;
  report.ended = known.ended;
  const bool for_ever = known.expiry_s == session::kExpiryNever;
  if (known.ended && !for_ever) report.expires = WallMs{known.ended->value + known.expiry_s * kMsPerSecond};
  report.kept = known.durable && (!report.expires || *report.expires > now);
  return report;
}

VehicleReport::Refusal report_of(const gate::Refusal& refusal) {
  return {std::string(refusal.stage),
          refusal.reason,
          refusal.count,
          refusal.first,
          refusal.last,
          refusal.from ? to_string(*refusal.from) : std::string()};
}

}  // namespace

// Of the control thread alone.
struct VehicleDesk::Question {
  VehicleReport report;
  AdminReplied done;
  int open = 3;
};

void VehicleDesk::ask(const std::string& vehicle, AdminReplied done) {
  if (!identity::valid_id(vehicle)) {
    return done(AdminRefusal{Reason::ADMIN_MALFORMED, "an id is 1 to 64 of A-Z a-z 0-9 . _ -"});
  }
  if (asked_ >= kQuestionsMax) return done(AdminRefusal{Reason::QUEUE_FULL, "too many vehicles are being asked for"});
  ++asked_;
  auto question = std::make_shared<Question>();
  question->report.edge = parts_.edge;
  question->report.region = parts_.region;
  question->report.vehicle = vehicle;
  question->report.blocked = parts_.gate.blocked(vehicle);
  question->done = std::move(done);
  parts_.gate.describe(vehicle, [this, question](std::optional<gate::ConnectionReport> connection) {
    parts_.post([this, question, connection = std::move(connection)] {
      if (connection) question->report.connection = report_of(*connection);
      answered(question);
    });
  });
  parts_.sessions.look(vehicle, [this, question](Outcome<std::optional<session::KnownSession>> known) {
    parts_.post([this, question, known] {
      question->report.sessions_answer = known.ok();
      if (known.ok() && known.value()) question->report.session = report_of(*known.value(), parts_.clock.wall());
      answered(question);
    });
  });
  const bool taken =
      parts_.commands.post(CommandsAsked{vehicle, [this, question](std::vector<WaitingCommand> waiting) {
                                           parts_.post([this, question, waiting = std::move(waiting)]() mutable {
                                             question->report.commands_answer = true;
                                             question->report.commands = std::move(waiting);
                                             answered(question);
                                           });
                                         }});
  if (!taken) answered(question);
}

void VehicleDesk::answered(const std::shared_ptr<Question>& question) {
  if (--question->open > 0) return;
  --asked_;
  VehicleReport& report = question->report;
  for (const gate::Refusal& refusal : parts_.gate.refusals_of(report.vehicle)) {
    report.refusals.push_back(report_of(refusal));
  }
  report.at = parts_.clock.wall();
  const bool known = report.connection || report.session || report.blocked || !report.commands.empty() ||
                     !report.refusals.empty() || !report.sessions_answer || !report.commands_answer;
  if (known) return question->done(std::move(report));
  question->done(AdminRefusal{Reason::VEHICLE_UNKNOWN, "nothing is known of " + report.vehicle + " at " + report.edge});
}

}  // namespace wayside::broker
