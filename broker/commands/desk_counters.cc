#include "broker/commands/desk_counters.h"

#include <vector>

namespace wayside::broker {
namespace {

const std::vector<double> kSeconds = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600};

std::string known_reason(const std::string& reason) {
  return reason.empty() || parse_reason(reason) ? reason : "OTHER";
}

}  // namespace

void DeskCounters::count(const std::string& state, const std::string& reason) {
  registry_
      .counter("wayside_commands_total", "Commands that entered a state, and requests that were refused.",
               {{"state", state}, {"reason", reason}})
      .add();
}

void DeskCounters::observe(const char* stage, std::int64_t ms) {
  registry_
      .histogram("wayside_command_seconds", "accepted: from the request to its answer; others: since acceptance.",
                 kSeconds, {{"stage", stage}})
      .observe(static_cast<double>(ms) / 1000.0);
}

void DeskCounters::answered(const command::Answer& answer, std::int64_t waited_ms) {
  if (!answer.accepted) return count("REFUSED", std::string(code(answer.reason)));
  if (!answer.repeated) observe("accepted", waited_ms);
}

void DeskCounters::moved(const command::Status& status) {
  count(command::to_string(status.state), known_reason(status.reason));
  if (status.age_ms < 0) return;
  if (status.state == command::State::sent) observe("sent", status.age_ms);
  if (status.state == command::State::received) observe("received", status.age_ms);
  if (command::is_closed(status.state)) observe("closed", status.age_ms);
}

void DeskCounters::ack(const command::AckVerdict& verdict) {
  const std::string outcome = !verdict.admitted ? "refused" : verdict.late ? "late" : "admitted";
  registry_
      .counter("wayside_command_acks_total", "Words of vehicles about commands, by what became of them.",
               {{"outcome", outcome}, {"reason", verdict.admitted ? "" : std::string(code(verdict.reason))}})
      .add();
}

void DeskCounters::list(bool accepted, Reason reason) {
  registry_
      .counter("wayside_command_lists_total", "Trust and revocation lists that were offered.",
               {{"outcome", accepted ? "accepted" : "refused"}, {"reason", accepted ? "" : std::string(code(reason))}})
      .add();
}

void DeskCounters::lists_failing(std::size_t files) {
  registry_
      .gauge("wayside_command_lists_failing",
             "Files of commands.trust_dir that cannot be used; the lists accepted before are in force.")
      .set(static_cast<double>(files));
}

void DeskCounters::alarm(command::AlarmKind kind) {
  registry_.counter("wayside_command_alarms_total", "Alarms of the command thread.", {{"kind", to_string(kind)}}).add();
}

void DeskCounters::forgotten(const char* cause, std::uint64_t total) {
  registry_
      .counter("wayside_commands_forgotten_total", "Closed commands that the store keeps no more.", {{"cause", cause}})
      .raise_to(total);
}

void DeskCounters::standing(const command::Lifecycle& lifecycle) {
  registry_.gauge("wayside_commands_open", "Open commands of this edge.")
      .set(static_cast<double>(lifecycle.open_commands()));
  registry_.gauge("wayside_command_outbox", "Statuses that wait for the ack lane or its confirmation.")
      .set(static_cast<double>(lifecycle.outbox_size()));
  const command::Lifecycle::Closed& closed = lifecycle.closed();
  registry_.gauge("wayside_commands_closed_bytes", "What the closed commands in the store count for.")
      .set(static_cast<double>(closed.bytes));
  forgotten("age", closed.forgotten_by_age);
  forgotten("room", closed.forgotten_for_room);
}

}  // namespace wayside::broker
