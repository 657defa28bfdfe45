#include <cstdio>

#include "certs/command_keys.h"
#include "cli/commands.h"
#include "common/os/system.h"

namespace wayside::cli {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

int failed(const Error& error) { return fail(error.fault == Fault::exists ? kNo : kUsage, error.what); }

int run_key_init(const Args& args) {
  std::string dir;
  const Spec spec{"wayside grant key init",
                  "Makes the offline root key, where there is none yet, and one more grant key.",
                  {{"DIR", &dir, "PKI folder", true}},
                  ""};
  if (const auto exit = parse(spec, args)) return *exit;
  auto keys = certs::CommandKeys::open(dir);
  if (!keys) return failed(keys.error());
  if (const auto made = keys->init_root(); made) {
    std::printf("made commands/root.key: keep it offline, it signs trust lists only\n");
  } else if (made.error().fault != Fault::exists) {
    return failed(made.error());
  }
  const auto name = keys->new_grant_key();
  if (!name) return failed(name.error());
  std::printf("made commands/%s.key; `wayside grant trust` puts it on the next trust list\n", name->c_str());
  return kYes;
}

int run_key(const Args& args) {
  static const std::vector<Command> commands = {{"init", "makes the root and a grant key", run_key_init}};
  return dispatch("wayside grant key", "keys that sign grants", commands, args);
}

int run_trust(const Args& args) {
  std::string dir;
  std::vector<std::string> names;
  const Spec spec{
      "wayside grant trust",
      "Signs the next trust list with the root key: which grant keys may sign grants.",
      {{"DIR", &dir, "PKI folder", true}, {"--key", &names, "grant key to name, may be repeated (default: all)"}},
      ""};
  if (const auto exit = parse(spec, args)) return *exit;
  auto keys = certs::CommandKeys::open(dir);
  if (!keys) return failed(keys.error());
  const auto number = keys->trust(os::SystemClock().wall(), names);
  if (!number) return failed(number.error());
  std::printf("signed trust list %lu\n", *number);
  return kYes;
}

int run_issue(const Args& args) {
  std::string dir;
  certs::GrantRequest request;
  double hours = 24;
  const Spec spec{"wayside grant issue",
                  "Signs a grant: which issuer may command which vehicles in which groups, and until when.",
                  {{"DIR", &dir, "PKI folder", true},
                   {"ISSUER", &request.issuer, "name of the issuer's key", true},
                   {"--vehicle", &request.vehicles, "id of a vehicle, may be repeated", true},
                   {"--group", &request.groups, "group of commands, may be repeated", true},
                   {"--region", &request.region, "region it holds in", true},
                   {"--hours", &hours, "validity in hours"},
                   {"--key", &request.grant_key, "grant key (default: the newest)"}},
                  ""};
  if (const auto exit = parse(spec, args)) return *exit;
  if (hours <= 0) return fail(kUsage, "--hours must be above 0");
  auto keys = certs::CommandKeys::open(dir);
  if (!keys) return failed(keys.error());
  const auto now = os::SystemClock().wall();
  request.not_before = {now.value - kHourMs / 60};  // a verifier's clock may be a minute behind
  request.not_after = {now.value + static_cast<std::int64_t>(hours * kHourMs)};
  const auto grant = keys->issue_grant(request);
  if (!grant) return failed(grant.error());
  std::printf("signed grant %lu for %s: %zu vehicles, %zu groups, until %s\n", grant->serial, request.issuer.c_str(),
              grant->vehicles.size(), grant->groups.size(), os::rfc3339(grant->not_after).c_str());
  return kYes;
}

int run_revoke(const Args& args) {
  std::string dir;
  std::string grant_key;
  std::int64_t serial = 0;
  const Spec spec{"wayside grant revoke",
                  "Adds a grant to the revocation list of the key that signed it.",
                  {{"DIR", &dir, "PKI folder", true},
                   {"SERIAL", &serial, "serial of the grant", true, 1, INT64_MAX},
                   {"--key", &grant_key, "grant key that signed it (default: the newest)"}},
                  ""};
  if (const auto exit = parse(spec, args)) return *exit;
  auto keys = certs::CommandKeys::open(dir);
  if (!keys) return failed(keys.error());
  const auto number = keys->revoke_grant(os::SystemClock().wall(), grant_key, static_cast<std::uint64_t>(serial));
  if (!number) return failed(number.error());
  std::printf("signed revocation list %lu\n", *number);
  return kYes;
}

int run_show(const Args& args) {
  std::string dir;
  const Spec spec{"wayside grant show", "Lists keys and grants.", {{"DIR", &dir, "PKI folder", true}}, ""};
  if (const auto exit = parse(spec, args)) return *exit;
  const auto keys = certs::CommandKeys::open(dir);
  if (!keys) return failed(keys.error());
  const auto list = keys->show();
  if (!list) return failed(list.error());
  for (const auto& key : *list) {
    std::printf("%-24s %s%s%s\n", key.name.c_str(), key.key.c_str(), key.has_private ? " private" : "",
                key.trusted ? " trusted" : "");
  }
  const auto grants = keys->grants();
  if (!grants) return failed(grants.error());
  for (const auto& grant : *grants) {
    std::string groups;
    for (const auto& group : grant.groups) groups += (groups.empty() ? "" : ",") + group;
    std::printf("grant %-6lu region %s  %zu vehicles  groups %s  until %s\n", grant.serial, grant.region.c_str(),
                grant.vehicles.size(), groups.c_str(), os::rfc3339(grant.not_after).c_str());
  }
  return kYes;
}

}  // namespace

int run_grant(const Args& args) {
  static const std::vector<Command> commands = {{"key", "makes keys that sign grants", run_key},
                                                {"trust", "signs the next trust list", run_trust},
                                                {"issue", "signs a grant", run_issue},
                                                {"revoke", "revokes a grant", run_revoke},
                                                {"show", "lists keys and grants", run_show}};
  return dispatch("wayside grant", "signed permission of command issuers", commands, args);
}

int run_issuer(const Args& args) {
  static const std::vector<Command> commands = {
      {"init", "makes an issuer's key", [](const Args& rest) {
         std::string dir;
         std::string name;
         const Spec spec{"wayside issuer init",
                         "Makes the key that an issuer signs its commands with. It is never overwritten.",
                         {{"DIR", &dir, "PKI folder", true}, {"NAME", &name, "name of the issuer", true}},
                         ""};
         if (const auto exit = parse(spec, rest)) return *exit;
         auto keys = certs::CommandKeys::open(dir);
         if (!keys) return failed(keys.error());
         if (auto made = keys->init_issuer(name); !made) return failed(made.error());
         std::printf("made commands/issuers/%s.key\n", name.c_str());
         return static_cast<int>(kYes);
       }}};
  return dispatch("wayside issuer", "who signs commands", commands, args);
}

}  // namespace wayside::cli
