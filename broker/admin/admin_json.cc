#include <nlohmann/json.hpp>

#include "broker/admin/admin_api.h"

namespace wayside::broker {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<std::string_view, AdminOp> kOps[] = {{"status", AdminOp::status},   {"block", AdminOp::block},
                                                         {"unblock", AdminOp::unblock}, {"drain", AdminOp::drain},
                                                         {"ledger", AdminOp::ledger},   {"vehicle", AdminOp::vehicle}};

Json lane_json(const LaneReport& lane) {
  Json door = {
      {"offered", lane.offered}, {"committed", lane.committed}, {"refused", lane.refused}, {"shed", lane.shed}};
  return {{"lane", to_string(lane.lane)},
          {"received", lane.received},
          {"delivered", lane.delivered},
          {"compacted", lane.compacted},
          {"resent", lane.resent},
          {"expired", lane.expired},
          {"lost", lane.lost},
          {"pending", lane.pending},
          {"residual", lane.residual},
          {"settled", lane.settled},
          {"synced", lane.synced},
          {"digest", lane.digest},
          {"bytes", lane.bytes},
          {"oldest_ms", lane.oldest_ms},
          {"writable", lane.writable},
          {"door", std::move(door)}};
}

Json to_json(const AdminDone& /*done*/) { return {{"ok", true}}; }

Json to_json(const AdminRefusal& refusal) {
  const std::string sentence = refusal.sentence.empty() ? std::string(info(refusal.reason).sentence) : refusal.sentence;
  return {{"ok", false}, {"reason", code(refusal.reason)}, {"sentence", sentence}};
}

Json to_json(const StatusReport& status) {
  Json local = {{"mode", status.local_broker_mode}, {"up", status.local_broker_up}, {"pid", status.local_broker_pid}};
  return {{"ok", true},
          {"edge", status.edge},
          {"region", status.region},
          {"version", status.version},
          {"spool_uuid", status.spool_uuid},
          {"pid", status.pid},
          {"uptime_ms", status.uptime_ms},
          {"vehicles_online", status.vehicles_online},
          {"vehicles_port", status.vehicles_port},
          {"services_port", status.services_port},
          {"custody_writable", status.custody_writable},
          {"draining", status.draining},
          {"local_broker", std::move(local)}};
}

Json to_json(const LedgerReport& ledger) {
  Json lanes = Json::array();
  for (const LaneReport& lane : ledger.lanes) lanes.push_back(lane_json(lane));
  return {{"ok", true}, {"spool_uuid", ledger.spool_uuid}, {"lanes", std::move(lanes)}};
}

Json json_of(const std::optional<WallMs>& at) { return at ? Json(at->value) : Json(); }

Json connection_json(const VehicleReport::Connection& connection) {
  return {
      {"since_ms", connection.since.value},
      {"from", connection.from},
      {"mqtt", connection.mqtt},
      {"tls", connection.tls},
      {"resumed", connection.resumed},
      {"keep_alive_s", connection.keep_alive_s},
      {"cohort", connection.cohort},
      {"certificate",
       {{"serial", connection.serial}, {"issuer", connection.issuer}, {"not_after_ms", connection.not_after.value}}},
      {"subscriptions", connection.subscriptions},
      {"unanswered", connection.unanswered},
      {"parked", connection.parked},
      {"inflight", connection.inflight},
      {"queued", connection.queued}};
}

Json session_json(const VehicleReport::Session& session) {
  return {{"epoch", session.epoch},
          {"expiry_s", session.expiry_s},
          {"kept", session.kept},
          {"ended_ms", json_of(session.ended)},
          {"expires_ms", json_of(session.expires)},
          {"subscriptions", session.subscriptions}};
}

Json command_json(const WaitingCommand& command) {
  return {{"id", intent::to_base32(command.id)},
          {"state", command.state},
          {"reason", command.reason},
          {"group", command.group},
          {"name", command.what},
          {"accepted_ms", command.accepted_at.value},
          {"deadline_ms", command.deadline.value},
          {"written", command.written}};
}

Json refusal_json(const VehicleReport::Refusal& refusal) {
  return {{"stage", refusal.stage}, {"reason", code(refusal.reason)},  {"sentence", info(refusal.reason).sentence},
          {"count", refusal.count}, {"first_ms", refusal.first.value}, {"last_ms", refusal.last.value},
          {"from", refusal.from}};
}

Json to_json(const VehicleReport& report) {
  Json commands = Json::array();
  for (const WaitingCommand& command : report.commands) commands.push_back(command_json(command));
  Json refusals = Json::array();
  for (const VehicleReport::Refusal& refusal : report.refusals) refusals.push_back(refusal_json(refusal));
  return {{"ok", true},
          {"vehicle", report.vehicle},
          {"edge", report.edge},
          {"region", report.region},
          {"at_ms", report.at.value},
          {"online", report.connection.has_value()},
          {"blocked", report.blocked},
          {"connection", report.connection ? connection_json(*report.connection) : Json()},
          {"sessions_answer", report.sessions_answer},
          {"session", report.session ? session_json(*report.session) : Json()},
          {"commands_answer", report.commands_answer},
          {"commands", std::move(commands)},
          {"refusals", std::move(refusals)}};
}

}  // namespace

Outcome<AdminRequest> parse_admin_request(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("op") || !json["op"].is_string()) return Reason::ADMIN_MALFORMED;
  const std::string op = json["op"].get<std::string>();
  for (const auto& [name, value] : kOps) {
    if (op != name) continue;
    AdminRequest request{value, {}};
    const bool names_vehicle = value == AdminOp::block || value == AdminOp::unblock || value == AdminOp::vehicle;
    if (!names_vehicle) return request;
    if (!json.contains("vehicle") || !json["vehicle"].is_string()) return Reason::ADMIN_MALFORMED;
    request.vehicle = json["vehicle"].get<std::string>();
    return request;
  }
  return Reason::ADMIN_MALFORMED;
}

std::string render_admin_reply(const AdminReply& reply) {
  const Json json = std::visit([](const auto& value) { return to_json(value); }, reply);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace wayside::broker
