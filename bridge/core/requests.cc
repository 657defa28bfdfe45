#include "bridge/core/requests.h"

#include <algorithm>
#include <utility>

#include "schemas/messages.h"

namespace wayside::bridge::core {
namespace {

constexpr std::size_t kAnswerTopicBytesMax = 1'024;
constexpr std::size_t kCorrelationBytesMax = 256;
constexpr std::uint64_t kDownBytesMax = 1U << 20U;  // of one DownBatch, at least one item

Bytes answer_payload(const intent::CommandId& id, std::string_view outcome, std::string_view reason) {
  schemas::AnswerMessage answer;
  answer.command_id = id;
  answer.outcome = outcome;
  answer.reason = reason;
  if (const auto known = parse_reason(reason)) answer.sentence = info(*known).sentence;
  return schemas::build_answer(answer);
}

CoreRecord record_of(WallMs now) {
  CoreRecord record;
  record.lane = Lane::command;
  record.received = now;
  return record;
}

}  // namespace

Requests::Requests(RequestOptions options, CoreLog& log, VehicleRouter& router)
    : options_(options), log_(log), router_(router) {
  for (OpenRequestRecord& logged : log_.take_open_requests()) {
    const Outcome<intent::Request> opened = intent::open_request(logged.request.request);
    if (!opened) continue;  // cannot happen to what we logged; rot of one record ends one request
    Entry entry;
    entry.at = logged.at;
    entry.key = {opened.value().intent.issuer_key, opened.value().intent.vehicle, opened.value().intent.command_id};
    entry.request = std::move(logged.request);
    entry.maybe_told = true;
    by_key_[entry.key] = entry.request.sequence;
    open_.emplace(entry.request.sequence, std::move(entry));
  }
  hold_lane();
}

void Requests::refuse(const Request& request, Reason reason, CoreActions& actions) {
  ++counters_.refused;
  intent::CommandId id{};
  if (const Outcome<intent::Request> opened = intent::open_request(request.bytes); opened) {
    id = opened.value().intent.command_id;
  }
  if (request.answer_topic.empty()) return;
  actions.emplace_back(Answer{request.answer_topic, request.correlation, answer_payload(id, "REFUSED", code(reason))});
}

Outcome<Requests::Entry> Requests::judge(const Request& request, const Time& now) const {
  if (request.bytes.size() > link::kRequestBytesMax) return Reason::PAYLOAD_TOO_LARGE;
  if (request.answer_topic.size() > kAnswerTopicBytesMax || request.correlation.size() > kCorrelationBytesMax) {
    return Reason::PAYLOAD_TOO_LARGE;
  }
  const Outcome<intent::Request> opened = intent::open_request(request.bytes);
  if (!opened) return opened.reason();
  const intent::Intent& intent = opened.value().intent;
  if (intent.vehicle != request.vehicle) return Reason::GRANT_SCOPE;
  if (!router_.serves_region(intent.region)) return Reason::REGION_MISMATCH;
  const Outcome<void> judged = intent::judge(opened.value(), trust_, intent.region, now.wall, options_.deadline_max_ms);
  if (!judged) return judged.reason();
  const std::optional<std::string> edge = router_.edge_of(intent.vehicle, intent.region);
  if (!edge) return Reason::VEHICLE_UNKNOWN;
  Entry entry;
  entry.key = {intent.issuer_key, intent.vehicle, intent.command_id};
  entry.request.deadline = intent.deadline;
  entry.request.edge = *edge;
  entry.request.answer_topic = request.answer_topic;
  entry.request.correlation = request.correlation;
  entry.request.request = request.bytes;
  return entry;
}

void Requests::on_request(const Request& request, const Time& now, CoreActions& actions) {
  Outcome<Entry> judged = judge(request, now);
  if (!judged) return refuse(request, judged.reason(), actions);
  if (const auto known = by_key_.find(judged.value().key); known != by_key_.end()) {
    Entry& entry = open_.at(known->second);
    if (entry.request.request != request.bytes) return refuse(request, Reason::ID_CONFLICT, actions);
    // The same request again: its requester did not hear us, or asks from elsewhere now.
    entry.request.answer_topic = request.answer_topic;
    entry.request.correlation = request.correlation;
    if (entry.state == State::open && !request.answer_topic.empty()) {
      actions.emplace_back(
          Answer{request.answer_topic, request.correlation, answer_payload(std::get<2>(entry.key), "FORWARDED", "")});
    }
    return;
  }
  if (open_.size() >= options_.open_max) return refuse(request, Reason::TOO_MANY_COMMANDS, actions);
  log_request(std::move(judged).value(), now, actions);
}

void Requests::log_request(Entry entry, const Time& now, CoreActions& actions) {
  entry.request.sequence = log_.take_sequence();
  entry.state = State::logging;
  CoreRecord record = record_of(now.wall);
  record.what = entry.request;
  if (log_.append({record}, now.wall, &entry.at) != spool::AppendOutcome::appended) {
    Request request;
    request.answer_topic = entry.request.answer_topic;
    request.correlation = entry.request.correlation;
    request.bytes = entry.request.request;
    return refuse(request, Reason::CORE_LOG_FAULT, actions);
  }
  staged_ = true;
  by_key_[entry.key] = entry.request.sequence;
  open_.emplace(entry.request.sequence, std::move(entry));
}

void Requests::on_answer(const std::string& edge, const link::DownAnswer& answer, const Time& now) {
  const auto at = open_.find(answer.sequence);
  if (at == open_.end() || at->second.state != State::open || at->second.request.edge != edge) return;
  close(at->second, {answer.sequence, answer.accepted, answer.reason}, now);
}

void Requests::tick(const Time& now) {
  for (auto& [sequence, entry] : open_) {
    if (entry.state != State::open || now.wall < entry.request.deadline) continue;
    entry.late = true;
    close(entry, {sequence, false, std::string(code(Reason::ANSWER_TIMEOUT))}, now);
  }
}

// A closing record that the log refuses is tried again: the edge answers a resent item again.
void Requests::close(Entry& entry, RequestAnswered answer, const Time& now) {
  CoreRecord record = record_of(now.wall);
  record.what = answer;
  if (log_.append({record}, now.wall) != spool::AppendOutcome::appended) return;
  entry.answer = std::move(answer);
  entry.state = State::closing;
  staged_ = true;
}

void Requests::closed(const Entry& entry, CoreActions& actions) {
  counters_.accepted += entry.answer.accepted ? 1 : 0;
  counters_.timed_out += entry.late ? 1 : 0;
  counters_.edge_refused += !entry.answer.accepted && !entry.late ? 1 : 0;
  if (entry.answer.accepted || entry.request.answer_topic.empty()) return;  // ACCEPTED comes up as a status
  if (entry.late && entry.maybe_told) return;  // REFUSED would be a guess; its status tells, or nothing happened
  actions.emplace_back(Answer{entry.request.answer_topic, entry.request.correlation,
                              answer_payload(std::get<2>(entry.key), "REFUSED", entry.answer.reason)});
}

void Requests::flushed(bool ok, CoreActions& actions) {
  // Also with no request at all: telemetry of the command lane is released as far as nothing is open.
  if (!std::exchange(staged_, false)) return hold_lane();
  for (auto at = open_.begin(); at != open_.end();) {
    Entry& entry = at->second;
    const State was = entry.state;
    if (was == State::logging && ok) {
      ++counters_.forwarded;
      entry.state = State::open;
      if (!entry.request.answer_topic.empty()) {
        actions.emplace_back(Answer{entry.request.answer_topic, entry.request.correlation,
                                    answer_payload(std::get<2>(entry.key), "FORWARDED", "")});
      }
    }
    if (was == State::closing && !ok) entry.state = State::open;
    const bool gone = ok ? was == State::closing : was == State::logging;
    if (!gone) {
      ++at;
      continue;
    }
    if (!ok) {
      entry.answer.reason = code(Reason::CORE_LOG_FAULT);
      entry.answer.accepted = false;
    }
    closed(entry, actions);
    by_key_.erase(entry.key);
    at = open_.erase(at);
  }
  hold_lane();
}

void Requests::hold_lane() {
  log_.hold_command_lane(open_.empty() ? log_.synced(Lane::command) : open_.begin()->second.at);
}

std::vector<link::DownItem> Requests::due(const std::string& edge, const Time& now) {
  std::vector<link::DownItem> items;
  std::uint64_t bytes = 0;
  for (auto& [sequence, entry] : open_) {
    if (entry.state != State::open || entry.request.edge != edge || now.wall >= entry.request.deadline) continue;
    if (entry.sent && now.mono - entry.sent_at < options_.resend_ms) continue;
    bytes += entry.request.request.size();
    if (items.size() == link::kDownItemsMax || (!items.empty() && bytes > kDownBytesMax)) break;
    counters_.resent += entry.sent ? 1 : 0;
    entry.sent = true;
    entry.maybe_told = true;
    entry.sent_at = now.mono;
    items.push_back({sequence, entry.request.request});
  }
  return items;
}

void Requests::session_began(const std::string& edge) {
  for (auto& [sequence, entry] : open_) {
    if (entry.request.edge == edge) entry.sent = false;
  }
}

}  // namespace wayside::bridge::core
