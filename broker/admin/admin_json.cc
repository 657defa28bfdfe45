#include <nlohmann/json.hpp>

#include "broker/admin/admin_api.h"

namespace wayside::broker {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<std::string_view, AdminOp> kOps[] = {{"status", AdminOp::status},
                                                         {"block", AdminOp::block},
                                                         {"unblock", AdminOp::unblock},
                                                         {"drain", AdminOp::drain},
                                                         {"ledger", AdminOp::ledger}};

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

}  // namespace

Outcome<AdminRequest> parse_admin_request(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("op") || !json["op"].is_string()) return Reason::ADMIN_MALFORMED;
  const std::string op = json["op"].get<std::string>();
  for (const auto& [name, value] : kOps) {
    if (op != name) continue;
    AdminRequest request{value, {}};
    const bool names_vehicle = value == AdminOp::block || value == AdminOp::unblock;
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
