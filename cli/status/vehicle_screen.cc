#include "cli/status/vehicle_screen.h"

#include <fmt/core.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/status/words.h"
#include "common/log/log.h"

namespace wayside::cli {
namespace {

using Json = nlohmann::json;

constexpr double kMsPerSecond = 1'000;
constexpr std::int64_t kExpiryNever = 0xFFFFFFFF;

// Members that are not there, or are of another type, are empty: an older edge says less.
std::string word(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? log::clean(found->get<std::string>(), 256) : std::string();
}
std::int64_t number(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}
bool yes(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}
const Json& part(const Json& json, const char* key) {
  static const Json kNone = Json::object();
  const auto found = json.find(key);
  return found != json.end() && found->is_object() ? *found : kNone;
}
const Json& rows(const Json& json, const char* key) {
  static const Json kNone = Json::array();
  const auto found = json.find(key);
  return found != json.end() && found->is_array() ? *found : kNone;
}

std::string between(std::int64_t from_ms, std::int64_t to_ms) {
  return duration_text(static_cast<double>(to_ms - from_ms) / kMsPerSecond);
}

// "in 20.0 s", "20.0 s ago"
std::string away(std::int64_t at_ms, std::int64_t now_ms) {
  return at_ms >= now_ms ? "in " + between(now_ms, at_ms) : between(at_ms, now_ms) + " ago";
}

std::string online_text(const Json& vehicle, std::int64_t now) {
  const Json& connection = part(vehicle, "connection");
  const std::int64_t since = number(connection, "since_ms");
  return fmt::format("ONLINE    since {} ({}), from {}, MQTT {}, {}{}, keep alive {} s\n", time_text({since}),
                     between(since, now), word(connection, "from"), word(connection, "mqtt"), word(connection, "tls"),
                     yes(connection, "resumed") ? " resumed" : "", number(connection, "keep_alive_s"));
}

std::string offline_text(const Json& vehicle, std::int64_t now) {
  const std::int64_t ended = number(part(vehicle, "session"), "ended_ms");
  if (ended == 0) return "OFFLINE\n";
  return fmt::format("OFFLINE   since {} ({})\n", time_text({ended}), between(ended, now));
}

std::string certificate_text(const Json& vehicle, std::int64_t now) {
  const Json& connection = part(vehicle, "connection");
  if (connection.empty()) return "";
  const Json& certificate = part(connection, "certificate");
  const std::int64_t not_after = number(certificate, "not_after_ms");
  const std::string cohort = word(connection, "cohort");
  return fmt::format("PROVEN    certificate {} of {}, not after {} ({}){}\n", word(certificate, "serial"),
                     word(certificate, "issuer"), time_text({not_after}), away(not_after, now),
                     cohort.empty() ? "" : ", cohort " + cohort);
}

std::string session_text(const Json& vehicle, std::int64_t now) {
  if (!yes(vehicle, "sessions_answer")) return "SESSION   unknown: the session store does not answer\n";
  const Json& session = part(vehicle, "session");
  const Json& connection = part(vehicle, "connection");
  const std::int64_t expiry = number(session, "expiry_s");
  std::string out = "SESSION   ";
  if (session.empty()) return out + "none\n";
  if (!connection.empty()) {
    out += expiry == kExpiryNever ? "never expires"
                                  : "expires " + duration_text(static_cast<double>(expiry)) + " after its end";
    return out + fmt::format(", {} subscriptions; to it {} inflight, {} queued; of it {} unanswered, {} parked\n",
                             number(connection, "subscriptions"), number(connection, "inflight"),
                             number(connection, "queued"), number(connection, "unanswered"),
                             number(connection, "parked"));
  }
  if (!yes(session, "kept")) return out + "none is kept\n";
  const std::int64_t expires = number(session, "expires_ms");
  out += expires == 0 ? "never expires" : "expires " + time_text({expires}) + " (" + away(expires, now) + ")";
  return out + fmt::format(", {} subscriptions\n", number(session, "subscriptions"));
}

std::string commands_text(const Json& vehicle, std::int64_t now) {
  if (!yes(vehicle, "commands_answer")) return "COMMANDS  unknown: the command store does not answer\n";
  const Json& commands = rows(vehicle, "commands");
  std::string out = fmt::format("COMMANDS  {} open\n", commands.size());
  for (const Json& one : commands) {
    const std::int64_t deadline = number(one, "deadline_ms");
    const std::string reason = word(one, "reason");
    out += fmt::format("  {}  {} {}  {}{}{}  deadline {} ({})\n", word(one, "id"), word(one, "group"),
                       word(one, "name"), word(one, "state"), reason.empty() ? "" : " " + reason,
                       yes(one, "written") ? ", written" : "", time_text({deadline}), away(deadline, now));
  }
  return out;
}

std::string refusals_text(const Json& vehicle, std::int64_t now) {
  const Json& refusals = rows(vehicle, "refusals");
  if (refusals.empty()) return "REFUSED   nothing that is remembered\n";
  std::string out = "REFUSED   the newest first\n";
  for (const Json& one : refusals) {
    const std::int64_t last = number(one, "last_ms");
    const std::string from = word(one, "from");
    out += fmt::format("  {} ({})  {} {}, {} since {}{}: {}\n", time_text({last}), away(last, now), word(one, "stage"),
                       word(one, "reason"), number(one, "count"), time_text({number(one, "first_ms")}),
                       from.empty() ? "" : ", from " + from, word(one, "sentence"));
  }
  return out;
}

}  // namespace

std::string time_text(WallMs at) {
  using namespace std::chrono;
  const sys_seconds seconds{floor<std::chrono::seconds>(milliseconds(at.value))};
  const sys_days day = floor<days>(seconds);
  const year_month_day date(day);
  const hh_mm_ss time(seconds - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

Result<std::string> vehicle_text(const std::string& reply) {
  const Json vehicle = Json::parse(reply, nullptr, false);
  if (!vehicle.is_object() || !yes(vehicle, "ok") || word(vehicle, "vehicle").empty()) {
    return Error{Fault::malformed, "the answer is not that of a wayside-broker"};
  }
  const std::int64_t now = number(vehicle, "at_ms");
  std::string out = fmt::format("{} at edge {} ({}){}\n", word(vehicle, "vehicle"), word(vehicle, "edge"),
                                word(vehicle, "region"), yes(vehicle, "blocked") ? ", BLOCKED by an operator" : "");
  out += yes(vehicle, "online") ? online_text(vehicle, now) : offline_text(vehicle, now);
  return out + certificate_text(vehicle, now) + session_text(vehicle, now) + commands_text(vehicle, now) +
         refusals_text(vehicle, now);
}

}  // namespace wayside::cli
