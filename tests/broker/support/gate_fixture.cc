#include "tests/broker/support/gate_fixture.h"

#include <stdexcept>

namespace wayside::test {
namespace {

void require(const Result<void>& outcome) {
  if (!outcome.ok()) throw std::runtime_error(outcome.error().what);
}

broker::session::Acl acl_of(const std::string& service) {
  broker::session::Acl acl;
  acl.service = service;
  acl.publish_request = true;
  acl.subscribe_status = true;
  acl.subscribe_presence = true;
  acl.all_vehicles = true;
  acl.ordinary = true;
  return acl;
}

}  // namespace

GateFixture::GateFixture(const Adjust& adjust, broker::session::LocalBrokerPort* local_broker)
    : pki_dir_(folder / "pki"), local_broker_(local_broker) {
  Result<certs::Pki> made = certs::Pki::init(pki_dir_, {.development = true});
  if (!made.ok()) throw std::runtime_error(made.error().what);
  pki = std::make_unique<certs::Pki>(std::move(made).value());
  require(pki->issue_edge("edge-1"));
  require(pki->issue_vehicle(kVin, "2024-compact"));
  require(pki->issue_vehicle(kOtherVin));
  require(pki->issue_service("region-app"));
  require(pki->issue_service("scoped-app"));
  options_.edge = "edge-1";
  options_.vehicles = {"127.0.0.1:0", pki_path("edge/edge-1/server.crt"), pki_path("edge/edge-1/server.key"),
                       pki_path("ca/vehicles.crt"), pki_path("crl/vehicles.crl")};
  options_.services = options_.vehicles;
  options_.services.ca = pki_path("ca/services.crt");
  options_.services.crl = pki_path("crl/services.crl");
  options_.deny_list = folder / "deny";
  options_.allow_development_ca = true;
  options_.watch_interval_ms = 50;
  options_.acl = {acl_of("region-app"), acl_of("scoped-app")};
  options_.acl[1].all_vehicles = false;
  options_.acl[1].vehicles = {kVin};
  if (adjust) adjust(options_);
  start();
}

void GateFixture::start() {
  auto store = broker::gate::open_sqlite_session_store({folder / "sessions.db", 1'000}, clock.wall());
  if (!store.ok()) throw std::runtime_error(store.error().what);
  sessions = std::move(store).value();
  auto started = broker::gate::Gate::start(options_, *sessions, *registry, clock);
  if (!started.ok()) throw std::runtime_error(started.error().what);
  gate = std::move(started).value();
  custody.attach(gate.get());
  commands.attach(gate.get());
  gate->open({custody, commands, local_broker_});
}

GateFixture::~GateFixture() {
  custody.attach(nullptr);
  commands.attach(nullptr);
  gate.reset();
}

void GateFixture::restart() {
  custody.attach(nullptr);
  commands.attach(nullptr);
  gate.reset();
  sessions.reset();
  start();
}

ClientOptions GateFixture::vehicle(const std::string& vin, mqtt::Version version) const {
  ClientOptions options;
  options.port = gate->vehicles_port();
  options.ca = pki_path("ca/links.crt");
  options.certificate = pki_path("vehicles/" + vin + ".crt");
  options.key = pki_path("vehicles/" + vin + ".key");
  options.version = version;
  return options;
}

ClientOptions GateFixture::service(const std::string& name, mqtt::Version version) const {
  ClientOptions options;
  options.port = gate->services_port();
  options.ca = pki_path("ca/links.crt");
  options.certificate = pki_path("services/" + name + ".crt");
  options.key = pki_path("services/" + name + ".key");
  options.version = version;
  return options;
}

double GateFixture::refusals(const std::string& stage, Reason reason) const {
  return registry
      ->counter("wayside_gate_refusals_total", "what was refused, shed or dropped, where and why",
                {{"stage", stage}, {"reason", std::string(code(reason))}})
      .value();
}

}  // namespace wayside::test
