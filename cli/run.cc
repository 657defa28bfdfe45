#include <cstdio>

#include "cli/commands.h"
#include "common/version.h"

namespace wayside::cli {
int run(const Args& args) {
  if (!args.empty() && args[0] == "--version") {
    std::printf("wayside %s\n", version());
    return kYes;
  }
  static const std::vector<Command> commands = {
      {"up", "starts a whole region with simulated cars; --drill outage takes its core away", run_up},
      {"status", "says how an edge is, why, and which limit comes next", run_status},
      {"top", "shows what an edge does at this moment, again and again", run_top},
      {"tail", "prints records as they become durable, decoded", run_tail},
      {"send", "sends a signed command to a vehicle", run_send},
      {"verify", "compares the cars' journals with what arrived, value by value", run_verify},
      {"ledger", "shows what became of every message of a spool", run_ledger},
      {"spool", "lists, verifies and prints a spool; says what recovery would do", run_spool},
      {"decode", "prints any of Wayside's formats as JSON", run_decode},
      {"pki", "makes, issues, revokes and shows certificates", run_pki},
      {"grant", "makes grant keys, trust lists and grants", run_grant},
      {"issuer", "makes the key of a command issuer", run_issuer},
      {"vehicle", "says where a vehicle is and how it stands; blocks and unblocks it", run_vehicle},
      {"size", "says how large an edge and its core must be for a fleet", run_size},
      {"support-bundle", "writes one redacted archive for a support ticket", run_support_bundle},
      {"ready", "asks processes whether they are ready", run_ready},
  };
  return dispatch("wayside", "regional MQTT edge for vehicles", commands, args);
}

}  // namespace wayside::cli
