#include <cstdio>

#include "cli/commands.h"
#include "common/identity/identity.h"
#include "fleet/admin.h"

namespace wayside::cli {
namespace {

int ask(const std::string& op, const std::string& sentence, const Args& args) {
  std::string vehicle;
  std::string socket;
  const Spec spec{"wayside vehicle " + op,
                  sentence + " Exit 0 done, 3 when the edge cannot be reached, 4 when it refuses.",
                  {{"VEHICLE", &vehicle, "id of the vehicle", true},
                   {"--admin", &socket, "admin.sock in the edge's run folder", true}},
                  ""};
  if (const auto exit = parse(spec, args)) return *exit;
  if (!identity::valid_id(vehicle)) return fail(kUsage, "an id is 1 to 64 of A-Z a-z 0-9 . _ -");
  const auto reply = fleet::admin_ask(socket, R"({"op":")" + op + R"(","vehicle":")" + vehicle + R"("})");
  if (!reply) return fail(reply.error().fault == Fault::timeout ? kTimeout : kUnreachable, reply.error().what);
  std::printf("%s\n", reply->c_str());
  return reply->rfind(R"({"ok":true)", 0) == 0 ? kYes : kRefused;
}

int run_block(const Args& args) {
  return ask("block", "Blocks a vehicle at an edge: it is disconnected, and refused until it is unblocked.", args);
}
int run_unblock(const Args& args) { return ask("unblock", "Lets a blocked vehicle connect again.", args); }

}  // namespace

int run_vehicle(const Args& args) {
  static const std::vector<Command> commands = {{"block", "blocks a vehicle, without a CA", run_block},
                                                {"unblock", "lets it connect again", run_unblock}};
  return dispatch("wayside vehicle", "one vehicle at one edge", commands, args);
}

}  // namespace wayside::cli
