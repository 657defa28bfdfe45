#include "bridge/sink/sink_object.h"

#include <map>
#include <utility>

#include "bridge/sink/json_text.h"
#include "bridge/sink/payload_json.h"
#include "schemas/signal_batch.h"

namespace wayside::bridge::sink {
namespace {

void append_strings(std::string& out, const std::vector<std::string>& texts) {
  out.push_back('[');
  for (const std::string& text : texts) {
    if (out.back() != '[') out.push_back(',');
    append_string(out, text);
  }
  out.push_back(']');
}

// The signals of one vehicle and catalogue while the batch is read.
struct Group {
  SinkObject object;
  std::vector<std::string> sequences;
  std::string catalogue;
  std::string signals = "[";
  WallMs received{};
};

SinkObject finished(Group group) {
  std::string json = "{";
  append_field(json, "vehicle");
  append_string(json, group.object.vehicle);
  append_field(json, "ids");
  append_strings(json, group.object.ids);
  append_field(json, "sequences");
  append_strings(json, group.sequences);
  append_field(json, "catalogue");
  append_string(json, group.catalogue);
  append_field(json, "received_at");
  append_time(json, group.received);
  append_field(json, "signals");
  json.append(group.signals).append("]}");
  group.object.json = std::move(json);
  return std::move(group.object);
}

SinkObject single(const core::CoreRecord& record, const batch::Delivered& delivered) {
  SinkObject object;
  object.vehicle = delivered.vehicle;
  object.topic = delivered.topic;
  object.ids.push_back(wayside_id(record.uuid, record.lane, record.first));
  object.payloads.push_back(delivered.payload);
  std::string json = "{";
  append_field(json, "vehicle");
  append_string(json, delivered.vehicle);
  append_field(json, "ids");
  append_strings(json, object.ids);
  append_field(json, "topic");
  append_string(json, delivered.topic);
  append_field(json, "received_at");
  append_time(json, record.received);
  if (!delivered.mid.empty()) {
    append_field(json, "mid");
    append_string(json, delivered.mid);
  }
  if (const std::optional<std::string> ours = payload_json(delivered.payload)) {
    append_field(json, "payload");
    json.append(*ours);
  } else if (plain_text(delivered.payload)) {
    append_field(json, "text");
    append_string(json, as_text(delivered.payload));
  } else {
    append_field(json, "base64");
    append_base64(json, delivered.payload);
  }
  object.json = std::move(json.append("}"));
  return object;
}

class Grouper {
 public:
  // False: the payload is no SignalBatch after all.
  bool add(const core::CoreRecord& record, const batch::Delivered& delivered) {
    const auto values = schemas::parse_signal_batch(delivered.payload);
    if (!values) return false;
    Group& group = group_of(delivered.vehicle, values.value().catalogue);
    group.received = record.received;
    group.object.ids.push_back(wayside_id(record.uuid, record.lane, record.first));
    group.object.payloads.push_back(delivered.payload);
    group.sequences.push_back(std::to_string(values.value().sequence));
    append_signals(group.signals, values.value().signals);
    return true;
  }
  std::vector<Group>& groups() { return groups_; }

 private:
  Group& group_of(const std::string& vehicle, const std::string& catalogue) {
    const auto [at, added] = index_.emplace(std::make_pair(vehicle, catalogue), groups_.size());
    if (added) {
      Group group;
      group.object.vehicle = vehicle;
      group.object.topic = "v1/" + vehicle + "/state";
      group.catalogue = catalogue;
      groups_.push_back(std::move(group));
    }
    return groups_[at->second];
  }
  std::map<std::pair<std::string, std::string>, std::size_t> index_;
  std::vector<Group> groups_;
};

}  // namespace

std::vector<SinkObject> objects_of(const std::vector<core::CoreRecord>& batch) {
  std::vector<SinkObject> out;
  Grouper grouper;
  for (const core::CoreRecord& record : batch) {
    const auto* delivered = std::get_if<batch::Delivered>(&record.what);
    if (delivered == nullptr) continue;
    if (delivered->signal_batch && grouper.add(record, *delivered)) continue;
    out.push_back(single(record, *delivered));
  }
  for (Group& group : grouper.groups()) out.push_back(finished(std::move(group)));
  return out;
}

}  // namespace wayside::bridge::sink
