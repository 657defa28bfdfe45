#include <fmt/format.h>

#include <cstdio>

#include "certs/command_keys.h"
#include "cli/commands.h"
#include "common/os/system.h"
#include "fleet/issuer.h"
#include "schemas/messages.h"

namespace wayside::cli {
namespace {

struct SendOptions {
  std::string to;
  bool core = false;
  std::string pki;
  std::string service;
  std::string issuer;
  std::string vehicle;
  std::string group;
  std::string name;
  std::string region;
  std::vector<std::string> arguments;
  std::string supersede;
  double deadline_s = 60;
  double timeout_s = 10;
  bool wait = false;
  bool json = false;
};

ExitCode exit_of(const Error& error) {
  if (error.fault == Fault::timeout) return kTimeout;
  if (error.fault == Fault::unreachable || error.fault == Fault::io) return kUnreachable;
  return error.fault == Fault::denied ? kRefused : kUsage;
}

fleet::RequestSpec spec_of(const SendOptions& options) {
  fleet::RequestSpec spec{options.vehicle,
                          options.region,
                          options.group,
                          options.name,
                          {},
                          options.supersede,
                          static_cast<std::int64_t>(options.deadline_s * 1000)};
  for (const auto& argument : options.arguments) {
    const auto equals = argument.find('=');
    spec.arguments.emplace_back(argument.substr(0, equals),
                                equals == std::string::npos ? std::string() : argument.substr(equals + 1));
  }
  return spec;
}

void print_answer(const SendOptions& options, const fleet::SignedRequest& request, const fleet::RequestAnswer& answer,
                  const std::string& state, const std::string& state_reason) {
  if (options.json) {
    std::printf(R"({"command":"%s","outcome":"%s","reason":"%s","state":"%s","state_reason":"%s"})"
                "\n",
                request.id_text.c_str(), answer.outcome.c_str(), answer.reason.c_str(), state.c_str(),
                state_reason.c_str());
    return;
  }
  std::printf("%s %s", request.id_text.c_str(), answer.outcome.c_str());
  if (!answer.reason.empty()) std::printf(" %s: %s", answer.reason.c_str(), answer.sentence.c_str());
  if (!state.empty()) std::printf(", ended %s %s", state.c_str(), state_reason.c_str());
  std::printf("\n");
}

int send_and_report(const SendOptions& options, const fleet::SignedRequest& request) {
  const os::SystemClock clock;
  const auto timeout_ms = static_cast<int>(options.timeout_s * 1000);
  auto to = fleet::parse_endpoint(options.to);
  if (!to) return fail(kUsage, to.error().what);
  const auto leaf = options.pki + "/services/" + options.service;
  const auto ca = options.pki + "/ca/links.crt";  // issues the certificates of both servers
  auto issuer = fleet::Issuer::connect(
      {options.core ? fleet::Way::core : fleet::Way::region, *to, {ca, leaf + ".crt", leaf + ".key"}, options.service},
      clock, timeout_ms);
  if (!issuer) return fail(exit_of(issuer.error()), issuer.error().what);
  if (options.wait) {
    if (auto followed = (*issuer)->follow(options.vehicle, timeout_ms); !followed) {
      return fail(exit_of(followed.error()), followed.error().what);
    }
  }
  auto answer = (*issuer)->request(options.vehicle, request, timeout_ms);
  if (!answer) return fail(exit_of(answer.error()), answer.error().what);
  std::string state;
  std::string state_reason;
  int exit = answer->outcome == "REFUSED" ? kRefused : kYes;
  if (options.wait && exit == kYes) {
    // Every command ends by its deadline; the rest is the way back.
    auto status = (*issuer)->wait_final(request, static_cast<int>(options.deadline_s * 1000) + timeout_ms);
    if (!status) return fail(exit_of(status.error()), status.error().what);
    state = schemas::to_string(status->state);
    state_reason = status->reason;
    exit = state == "SUCCEEDED" ? kYes : kNo;
  }
  print_answer(options, request, *answer, state, state_reason);
  return exit;
}

}  // namespace

int run_send(const Args& args) {
  SendOptions options;
  const Spec spec{
      "wayside send",
      "Signs a command with an issuer's key and grant, sends it to an edge's services listener (or to the core's "
      "broker) and prints the answer. Exit 0 accepted, 4 refused, 3 unreachable, 5 no answer in time; with --wait 0 "
      "only when the vehicle succeeded, 1 when the command ended otherwise.",
      {{"VEHICLE", &options.vehicle, "id of the vehicle", true},
       {"GROUP", &options.group, "group of the command, as in the grant: unlock, climate, ...", true},
       {"NAME", &options.name, "name of the command within its group", true},
       {"--to", &options.to, "host:port of the services listener", true},
       {"--core", &options.core, "the address is the core's broker, not an edge"},
       {"--pki", &options.pki, "PKI folder", true},
       {"--service", &options.service, "service whose certificate is used", true},
       {"--issuer", &options.issuer, "issuer whose key and grant are used (default: the service)"},
       {"--region", &options.region, "region (default: the grant's)"},
       {"--arg", &options.arguments, "argument NAME=VALUE, may be repeated"},
       {"--supersede", &options.supersede, "supersede key: only the newest unsent command of it is kept"},
       {"--deadline-s", &options.deadline_s, "seconds until the command is void"},
       {"--timeout-s", &options.timeout_s, "seconds to wait for the answer"},
       {"--wait", &options.wait, "wait for the final status"},
       {"--json", &options.json, "one JSON object instead of text"}},
      ""};
  if (const auto exit = parse(spec, args)) return *exit;
  if (options.issuer.empty()) options.issuer = options.service;
  const auto keys = certs::CommandKeys::open(options.pki);
  if (!keys) return fail(kUsage, keys.error().what);
  const auto key = keys->issuer_key(options.issuer);
  if (!key) return fail(kUsage, key.error().what);
  const auto grant = keys->grant_of(options.issuer);
  if (!grant) return fail(kUsage, grant.error().what);
  const auto request = fleet::sign_request(*key, *grant, spec_of(options), os::SystemClock().wall());
  if (!request) return fail(kUsage, request.error().what);
  return send_and_report(options, *request);
}

}  // namespace wayside::cli
