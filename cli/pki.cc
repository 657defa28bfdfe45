#include "certs/pki.h"

#include <cstdio>

#include "cli/commands.h"

namespace wayside::cli {
namespace {

int done(const Result<void>& result, const std::string& said) {
  if (!result) return fail(result.error().fault == Fault::exists ? kNo : kUsage, result.error().what);
  std::printf("%s\n", said.c_str());
  return kYes;
}

int run_init(const Args& args) {
  std::string dir;
  certs::PkiOptions options;
  std::int64_t ca_days = options.ca_days;
  const Spec spec{"wayside pki init",
                  "Makes a PKI folder: CAs for vehicles, services and links, their first revocation lists and the "
                  "region's key. Keys that exist are never overwritten.",
                  {{"DIR", &dir, "the folder to make", true},
                   {"--development", &options.development, "mark the CAs: a production configuration refuses them"},
                   {"--ca-days", &ca_days, "validity of the CAs in days", false, 1, 36'500}},
                  ""};
  if (const auto exit = parse(spec, args)) return *exit;
  options.ca_days = static_cast<int>(ca_days);
  const auto pki = certs::Pki::init(dir, options);
  return pki ? done({}, "made " + dir) : done(pki.error(), "");
}

struct IssueOptions {
  std::string dir;
  std::string name;
  std::string cohort;
  std::vector<std::string> names;
  std::int64_t days = 90;
};

using Issue = Result<void> (*)(certs::Pki&, const IssueOptions&);

int issue(const std::string& kind, const Args& args, Issue how) {
  IssueOptions options;
  Spec spec{"wayside pki issue " + kind,
            "Issues a certificate and key. Issuing again renews: the older certificate holds until it expires.",
            {{"DIR", &options.dir, "PKI folder", true},
             {"NAME", &options.name, kind == "vehicle" ? "id of the vehicle" : "name", true},
             {"--days", &options.days, "validity in days", false, 1, 3'650}},
            ""};
  if (kind == "vehicle") spec.options.push_back({"--cohort", &options.cohort, "cohort of the vehicle"});
  if (kind != "vehicle" && kind != "service") {
    spec.options.push_back({"--host", &options.names, "further host name or address of the server, may be repeated"});
  }
  if (const auto exit = parse(spec, args)) return *exit;
  auto pki = certs::Pki::open(options.dir);
  if (!pki) return done(pki.error(), "");
  return done(how(*pki, options), "issued " + kind + " " + options.name);
}

int issue_vehicle(const Args& args) {
  return issue("vehicle", args, [](certs::Pki& pki, const IssueOptions& o) {
    return pki.issue_vehicle(o.name, o.cohort, static_cast<int>(o.days));
  });
}
int issue_service(const Args& args) {
  return issue("service", args, [](certs::Pki& pki, const IssueOptions& o) {
    return pki.issue_service(o.name, static_cast<int>(o.days));
  });
}
int issue_edge(const Args& args) {
  return issue("edge", args, [](certs::Pki& pki, const IssueOptions& o) {
    return pki.issue_edge(o.name, o.names, static_cast<int>(o.days));
  });
}
int issue_core(const Args& args) {
  return issue("core", args, [](certs::Pki& pki, const IssueOptions& o) {
    return pki.issue_core(o.name, o.names, static_cast<int>(o.days));
  });
}
int issue_server(const Args& args) {
  return issue("server", args, [](certs::Pki& pki, const IssueOptions& o) {
    return pki.issue_server(o.name, o.names, static_cast<int>(o.days));
  });
}

int run_issue(const Args& args) {
  static const std::vector<Command> kinds = {{"vehicle", "client certificate of a vehicle", issue_vehicle},
                                             {"service", "client certificate of a service", issue_service},
                                             {"edge", "server and link certificates of an edge", issue_edge},
                                             {"core", "server and link certificates of a core", issue_core},
                                             {"server", "a server certificate alone", issue_server}};
  return dispatch("wayside pki issue", "issues certificates", kinds, args);
}

int run_revoke(const Args& args) {
  std::string dir;
  std::string certificate;
  const Spec spec{"wayside pki revoke",
                  "Adds a certificate to the revocation list of its CA.",
                  {{"DIR", &dir, "PKI folder", true},
                   {"CERTIFICATE", &certificate, "path of the certificate, absolute or below the folder", true}},
                  ""};
  if (const auto exit = parse(spec, args)) return *exit;
  auto pki = certs::Pki::open(dir);
  return pki ? done(pki->revoke(certificate), "revoked " + certificate) : done(pki.error(), "");
}

int run_crl(const Args& args) {
  std::string dir;
  const Spec spec{"wayside pki crl",
                  "Signs all revocation lists anew: same entries, new dates, next number.",
                  {{"DIR", &dir, "PKI folder", true}},
                  ""};
  if (const auto exit = parse(spec, args)) return *exit;
  auto pki = certs::Pki::open(dir);
  if (!pki) return done(pki.error(), "");
  for (const auto ca : certs::kAllCas) {
    if (auto renewed = pki->renew_crl(ca); !renewed) return done(renewed, "");
    const auto list = pki->crl(ca);
    if (!list) return done(list.error(), "");
    std::printf("%-9s number %lu, next update %s, %zu revoked\n", to_string(ca), list->number,
                list->next_update.c_str(), list->serials.size());
  }
  return kYes;
}

int run_show(const Args& args) {
  std::string dir;
  const Spec spec{
      "wayside pki show", "Lists the certificates of a PKI folder.", {{"DIR", &dir, "PKI folder", true}}, ""};
  if (const auto exit = parse(spec, args)) return *exit;
  const auto pki = certs::Pki::open(dir);
  if (!pki) return done(pki.error(), "");
  const auto list = pki->show();
  if (!list) return done(list.error(), "");
  for (const auto& one : *list) {
    std::string names;
    for (const auto& name : one.names) names += " " + name;
    std::printf("%-44s until %s%s%s%s%s\n", one.path.c_str(), one.not_after.c_str(), names.c_str(),
                one.cohort.empty() ? "" : (" cohort " + one.cohort).c_str(), one.development ? " DEVELOPMENT" : "",
                one.revoked ? " REVOKED" : "");
  }
  return kYes;
}

}  // namespace

int run_pki(const Args& args) {
  static const std::vector<Command> commands = {{"init", "makes a PKI folder", run_init},
                                                {"issue", "issues a certificate", run_issue},
                                                {"revoke", "revokes a certificate", run_revoke},
                                                {"crl", "renews the revocation lists", run_crl},
                                                {"show", "lists the certificates", run_show}};
  return dispatch("wayside pki", "certificates of vehicles, services, edges and cores", commands, args);
}

}  // namespace wayside::cli
