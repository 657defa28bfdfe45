#include "cli/record_lines.h"

#include <fmt/format.h>

#include "common/utf8.h"
#include "schemas/json/json.h"
#include "schemas/record.h"

namespace wayside::cli {
namespace {

std::string payload_json(const schemas::RecordView& record, const VehicleNames& names) {
  const auto json = schemas::to_json(record.payload);
  return json ? names.replace_in(*json, record.vehicle) : "";
}

bool is_text(std::string_view bytes) {
  char32_t c = 0;
  while (!bytes.empty()) {
    if (!utf8::next(bytes, c) || c == 0) return false;
  }
  return true;
}

struct OtherPayload {
  std::string bytes;  // the vehicle's id replaced
  bool text = false;
  bool cut = false;
};

OtherPayload other_payload(const schemas::RecordView& record, std::size_t bytes_max, const VehicleNames& names) {
  OtherPayload out;
  out.bytes = names.replace_in(std::string(as_text(record.payload)), record.vehicle);
  out.text = is_text(out.bytes);
  out.cut = out.bytes.size() > bytes_max;
  if (!out.cut) return out;
  out.bytes.resize(bytes_max);
  // Not within a character.
  while (out.text && !out.bytes.empty() && !is_text(out.bytes)) out.bytes.pop_back();
  return out;
}

void write_header(schemas::JsonWriter& json, const schemas::RecordView& record, const VehicleNames& names) {
  json.key("vehicle").text(names.name(record.vehicle));
  json.key("topic").text(names.replace_in(std::string(record.topic), record.vehicle));
  json.key("received_at").time(record.source_time).key("epoch").uint64(record.epoch);
  json.key("tenant").text(record.tenant);
  if (!record.cohort.empty()) json.key("cohort").text(record.cohort);
  if (record.sequence != 0) json.key("sequence").uint64(record.sequence);
  if (!record.mid.empty()) json.key("mid").text(names.replace_in(std::string(record.mid), record.vehicle));
  if (!record.qos2_session.empty()) {
    json.key("qos2_session").text(names.replace_in(std::string(record.qos2_session), record.vehicle));
    json.key("packet_id").small(record.packet_id);
  }
  json.key("signal_batch").boolean(record.signal_batch).key("payload_bytes").uint64(record.payload.size());
}

void write_payload(schemas::JsonWriter& json, const schemas::RecordView& record, const RecordStyle& style,
                   const VehicleNames& names) {
  if (!style.payload) return;
  if (const std::string ours = payload_json(record, names); !ours.empty()) {
    json.key("payload").raw(ours);
    return;
  }
  if (style.other_bytes_max == 0) return;
  const OtherPayload other = other_payload(record, style.other_bytes_max, names);
  if (other.text) json.key("payload_text").text(other.bytes);
  if (!other.text) json.key("payload_hex").text(to_hex(as_bytes(other.bytes)));
  if (other.cut) json.key("payload_cut").boolean(true);
}

std::string payload_line(const schemas::RecordView& record, const RecordStyle& style, const VehicleNames& names) {
  if (!style.payload) return "";
  std::string text = terminal_text(payload_json(record, names));
  const std::size_t most = style.other_bytes_max;
  if (text.empty() && most > 0) {
    const OtherPayload other = other_payload(record, most, names);
    text = other.text ? terminal_text(other.bytes) : "hex " + to_hex(as_bytes(other.bytes));
    if (other.cut) text += "...";
  } else if (most > 0 && text.size() > most) {
    text.resize(most);
    while (!is_text(text)) text.pop_back();
    text += "...";
  }
  return text.empty() ? "" : fmt::format("{:14}{}\n", "", text);
}

}  // namespace

std::string record_json(const spool::RecordView& read, const RecordStyle& style, const VehicleNames& names) {
  std::string text;
  schemas::JsonWriter json(text);
  json.begin_object();
  if (style.lane) json.key("lane").text(to_string(*style.lane));
  json.key("offset").uint64(read.offset.value);
  if (read.lost) {
    json.key("lost").boolean(true).end_object();
    return text;
  }
  json.key("time").time(read.time).key("bytes").uint64(read.body.size());
  const auto record = schemas::decode_record(read.body);
  if (record) {
    write_header(json, *record, names);
    write_payload(json, *record, style, names);
  } else {
    json.key("undecoded").text(record.error().what);
  }
  json.end_object();
  return text;
}

std::string record_text(const spool::RecordView& read, const RecordStyle& style, const VehicleNames& names) {
  const std::string lane = style.lane ? fmt::format("{:8}", to_string(*style.lane)) : "";
  if (read.lost) return fmt::format("{}{:12}  lost\n", lane, read.offset.value);
  const std::string head = fmt::format("{}{:12}  {}  ", lane, read.offset.value, time_text(read.time));
  const auto record = schemas::decode_record(read.body);
  if (!record)
    return fmt::format("{}{} bytes, not a custody record: {}\n", head, read.body.size(), record.error().what);
  const std::string topic = terminal_text(names.replace_in(std::string(record->topic), record->vehicle));
  return fmt::format("{}{:14}  {}  sequence {}  epoch {}  {} bytes\n", head, terminal_text(names.name(record->vehicle)),
                     topic, record->sequence, record->epoch, record->payload.size()) +
         payload_line(*record, style, names);
}

std::string terminal_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::string_view rest = text;
    char32_t c = 0;
    const bool good = utf8::next(rest, c) && !utf8::is_control_or_non_character(c);
    // A character that is refused goes byte by byte: what follows its first byte is none.
    const std::size_t taken = good ? text.size() - rest.size() : 1;
    if (good) out += text.substr(0, taken);
    if (!good) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    text.remove_prefix(taken);
  }
  return out;
}

}  // namespace wayside::cli
