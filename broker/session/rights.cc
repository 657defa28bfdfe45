#include "broker/session/rights.h"

namespace wayside::broker::session {
namespace {

using topic::Row;

Outcome<PublishRight> vehicle_publish(const SessionOptions& options, const topic::Parsed& parsed) {
  if (parsed.vehicle != options.peer.id) return Reason::NOT_AUTHORIZED;
  switch (parsed.row) {
    case Row::state:
    case Row::event:
    case Row::bulk: return PublishRight{Effect::custody, parsed};
    case Row::ack: return PublishRight{Effect::ack, parsed};
    case Row::ordinary:
      if (options.local_broker && options.ordinary_enabled) return PublishRight{Effect::proxy, parsed};
      return Reason::NOT_AUTHORIZED;
    default: return Reason::NOT_AUTHORIZED;
  }
}

Outcome<PublishRight> service_publish(const SessionOptions& options, const topic::Parsed& parsed) {
  const Acl* acl = options.peer.acl.get();
  if (acl == nullptr) return Reason::NOT_AUTHORIZED;
  if (parsed.row == Row::request && acl->publish_request && acl->covers(parsed.vehicle)) {
    return PublishRight{Effect::request, parsed};
  }
  if (!options.local_broker || !acl->ordinary) return Reason::NOT_AUTHORIZED;
  if (parsed.row == Row::broadcast) return PublishRight{Effect::proxy, parsed};
  if (parsed.row == Row::ordinary && options.ordinary_enabled && acl->covers(parsed.vehicle)) {
    return PublishRight{Effect::proxy, parsed};
  }
  return Reason::NOT_AUTHORIZED;
}

// The levels of a filter, as far as rights look at them.
struct Levels {
  std::string_view root;
  std::string_view vehicle;
  std::string_view row;
  std::string_view rest;  // behind the row; `has_rest` tells "" from nothing
  bool has_rest = false;
};
std::string_view take_level(std::string_view& text, bool& more) {
  if (!more) return {};
  const std::size_t slash = text.find('/');
  const std::string_view level = text.substr(0, slash);
  more = slash != std::string_view::npos;
  text = more ? text.substr(slash + 1) : std::string_view{};
  return level;
}
Levels levels_of(std::string_view filter) {
  Levels out;
  bool more = true;
  out.root = take_level(filter, more);
  out.vehicle = take_level(filter, more);
  out.row = take_level(filter, more);
  out.rest = filter;
  out.has_rest = more;
  return out;
}

bool slot_allowed(const Acl& acl, std::string_view vehicle) {
  if (vehicle == "+") return true;  // what arrives is filtered by the caller's set
  return vehicle.find_first_of("+#") == std::string_view::npos && acl.covers(vehicle);
}

Outcome<Row> service_v1_filter(const Acl& acl, const Levels& levels) {
  if (!slot_allowed(acl, levels.vehicle)) return Reason::NOT_AUTHORIZED;
  const bool one_level = levels.has_rest && levels.rest.find('/') == std::string_view::npos;
  if (levels.row == "status" && one_level && acl.subscribe_status) return Row::status;
  if (levels.row == "presence" && !levels.has_rest && acl.subscribe_presence) return Row::presence;
  return Reason::NOT_AUTHORIZED;
}

Outcome<Row> service_filter(const SessionOptions& options, std::string_view filter) {
  if (!topic::valid_filter(filter)) return Reason::TOPIC_FILTER_INVALID;
  if (filter.starts_with("$share/")) return Reason::SHARED_SUBSCRIPTION;
  const Acl* acl = options.peer.acl.get();
  if (acl == nullptr) return Reason::NOT_AUTHORIZED;
  const Levels levels = levels_of(filter);
  if (levels.root == "v1") return service_v1_filter(*acl, levels);
  if (!options.local_broker || !acl->ordinary) return Reason::NOT_AUTHORIZED;
  if (levels.root == "b") return Row::broadcast;
  if (levels.root == "x" && options.ordinary_enabled && slot_allowed(*acl, levels.vehicle)) return Row::ordinary;
  return Reason::NOT_AUTHORIZED;
}

}  // namespace

Outcome<PublishRight> may_publish(const SessionOptions& options, std::string_view name) {
  if (!topic::valid_name(name)) return Reason::TOPIC_NAME_INVALID;
  const std::optional<topic::Parsed> parsed = topic::classify(name);
  if (!parsed) return Reason::NOT_AUTHORIZED;
  return options.peer.role == Role::vehicle ? vehicle_publish(options, *parsed) : service_publish(options, *parsed);
}

Outcome<Row> may_subscribe(const SessionOptions& options, std::string_view filter) {
  if (options.peer.role == Role::service) return service_filter(options, filter);
  Outcome<Row> row = topic::vehicle_filter(filter, options.peer.id, options.ordinary_enabled);
  const bool proxied = row.ok() && (row.value() == Row::broadcast || row.value() == Row::ordinary);
  if (proxied && !options.local_broker) return Reason::NOT_AUTHORIZED;
  return row;
}

bool may_name_response(const SessionOptions& options, std::string_view name) {
  const Outcome<PublishRight> right = may_publish(options, name);
  return right.ok() && right.value().effect == Effect::proxy;
}

bool may_receive_proxied(const SessionOptions& options, std::string_view name) {
  const std::optional<topic::Parsed> parsed = topic::classify(name);
  if (!parsed) return false;
  if (parsed->row == Row::broadcast) return true;
  if (parsed->row != Row::ordinary) return false;
  if (options.peer.role == Role::vehicle) return parsed->vehicle == options.peer.id;
  return options.peer.acl != nullptr && options.peer.acl->covers(parsed->vehicle);
}

}  // namespace wayside::broker::session
