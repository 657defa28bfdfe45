#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/status/vehicle_screen.h"
#include "common/identity/identity.h"
#include "common/log/log.h"
#include "fleet/admin.h"

namespace wayside::cli {
namespace {

// The edge's answer in one line, or the exit code and why there is none.
std::optional<int> ask(const std::string& op, const std::string& vehicle, const std::string& socket,
                       std::string& reply) {
  if (!identity::valid_id(vehicle)) return fail(kUsage, "an id is 1 to 64 of A-Z a-z 0-9 . _ -");
  auto answer = fleet::admin_ask(socket, R"({"op":")" + op + R"(","vehicle":")" + vehicle + R"("})");
  if (!answer) return fail(answer.error().fault == Fault::timeout ? kTimeout : kUnreachable, answer.error().what);
  reply = std::move(*answer);
  return std::nullopt;
}

int change(const std::string& op, const std::string& sentence, const Args& args) {
  std::string vehicle;
  std::string socket;
  const Spec spec{"wayside vehicle " + op,
                  sentence + " Exit 0 done, 3 when the edge cannot be reached, 4 when it refuses.",
                  {{"VEHICLE", &vehicle, "id of the vehicle", true},
                   {"--admin", &socket, "admin.sock in the edge's run folder", true}},
                  ""};
  if (const auto exit = parse(spec, args)) return *exit;
  std::string reply;
  if (const auto exit = ask(op, vehicle, socket, reply)) return *exit;
  std::printf("%s\n", reply.c_str());
  return reply.rfind(R"({"ok":true)", 0) == 0 ? kYes : kRefused;
}

int run_block(const Args& args) {
  return change("block", "Blocks a vehicle at an edge: it is disconnected, and refused until it is unblocked.", args);
}
int run_unblock(const Args& args) { return change("unblock", "Lets a blocked vehicle connect again.", args); }

int refused(const nlohmann::ordered_json& reply) {
  const auto member = [&](const char* key) {
    return reply.is_object() && reply.contains(key) && reply[key].is_string()
               ? log::clean(reply[key].get<std::string>(), 256)
               : std::string();
  };
  const std::string reason = member("reason");
  return fail(reason == "VEHICLE_UNKNOWN" ? kNo : kRefused, reason + ": " + member("sentence"));
}

int run_show(const Args& args) {
  std::string vehicle;
  std::string socket;
  bool json = false;
  const Spec spec{
      "wayside vehicle show",
      "Says where a vehicle is, since when, by which certificate, what it is still to be told, and what it was "
      "refused. Exit 0, 1 when the edge knows nothing of it, 3 when the edge cannot be reached, 4 when it "
      "refuses, 5 when it does not answer in time.",
      {{"VEHICLE", &vehicle, "id of the vehicle", true},
       {"--admin", &socket, "admin.sock in the edge's run folder", true},
       {"--json", &json, "one JSON object instead of text"}},
      "Refusals are those since the start of the broker, at most vehicles.refusal_rows_max of all vehicles."};
  if (const auto exit = parse(spec, args)) return *exit;
  std::string reply;
  if (const auto exit = ask("vehicle", vehicle, socket, reply)) return *exit;
  const auto parsed = nlohmann::ordered_json::parse(reply, nullptr, false);
  const bool ok = parsed.is_object() && parsed.contains("ok") && parsed["ok"] == true;
  // ASCII: a terminal takes nothing else from it.
  if (json) std::printf("%s\n", parsed.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace).c_str());
  if (!ok) return refused(parsed);
  if (json) return kYes;
  const auto text = vehicle_text(reply);
  if (!text) return fail(kUnreachable, text.error().what);
  std::fputs(text->c_str(), stdout);
  return kYes;
}

// An id, or options, where a command could be; two words in a row are a command and what it is for.
bool is_id(const Args& args) {
  const auto option = [](const std::string& word) { return word.starts_with("-"); };
  if (args.empty() || args[0] == "--help" || args[0] == "-h" || args[0] == "help") return false;
  return option(args[0]) || args.size() < 2 || option(args[1]);
}

}  // namespace

int run_vehicle(const Args& args) {
  static const std::vector<Command> commands = {
      {"show", "where it is and how it stands; the word may be left out", run_show},
      {"block", "blocks a vehicle, without a CA", run_block},
      {"unblock", "lets it connect again", run_unblock}};
  const bool command =
      !args.empty() && std::ranges::any_of(commands, [&](const Command& one) { return one.name == args[0]; });
  if (!command && is_id(args)) return run_show(args);
  return dispatch("wayside vehicle", "one vehicle at one edge", commands, args);
}

}  // namespace wayside::cli
