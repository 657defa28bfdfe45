#include "broker/gate/reloader.h"

#include <unistd.h>

#include <cmath>

#include "common/log/log.h"

namespace wayside::broker::gate {
namespace {

constexpr const char* kVehicles = "vehicles";
constexpr const char* kServices = "services";
constexpr const char* kDenied = "deny_list";

std::vector<std::string> files_of(const ListenerOptions& listener) {
  return {listener.certificate, listener.key, listener.ca, listener.crl};
}

// Services prove their name by SAN urn:wayside:svc:<name>.
identity::Rule service_rule() {
  identity::Rule rule;
  rule.source = identity::Source::san_uri;
  rule.uri_prefix = "urn:wayside:svc:";
  rule.vin = false;
  return rule;
}

}  // namespace

Reloader::Reloader(Shared& shared)
    : shared_(shared),
      vehicles_{kVehicles, os::WatchedFiles(files_of(shared.options.vehicles)), gauge(kVehicles)},
      services_{kServices, os::WatchedFiles(files_of(shared.options.services)), gauge(kServices)},
      denied_{kDenied, os::WatchedFiles({shared.options.deny_list}), gauge(kDenied)} {}

metrics::Gauge* Reloader::gauge(const char* what) {
  return &shared_.metrics.gauge("wayside_gate_reload_failing",
                                "1: the files on disk are bad and the older ones are in force", {{"what", what}});
}

Result<void> Reloader::load() {
  const std::scoped_lock lock(mutex_);
  for (Group* group : {&vehicles_, &services_, &denied_}) {
    Result<void> loaded = reload(*group);
    if (!loaded.ok()) return std::move(loaded).error().with(group->what);
  }
  return {};
}

bool Reloader::poll() {
  const std::scoped_lock lock(mutex_);
  bool changed = false;
  for (Group* group : {&vehicles_, &services_, &denied_}) {
    if (!group->files.changed() && !group->failed) continue;
    changed = reload(*group).ok() || changed;
  }
  return changed;
}

Result<void> Reloader::force(bool& changed) {
  const std::scoped_lock lock(mutex_);
  Result<void> first;
  for (Group* group : {&vehicles_, &services_, &denied_}) {
    static_cast<void>(group->files.changed());  // what is read now need not be read again at the next look
    Result<void> loaded = reload(*group);
    changed = loaded.ok() || changed;
    if (!loaded.ok() && first.ok()) first = std::move(loaded).error().with(group->what);
  }
  return first;
}

Result<void> Reloader::reload(Group& group) {
  Result<void> loaded;
  if (&group == &vehicles_) loaded = reload_trust(shared_.options.vehicles, shared_.options.identity, shared_.vehicles);
  if (&group == &services_) loaded = reload_trust(shared_.options.services, service_rule(), shared_.services);
  if (&group == &denied_) loaded = reload_denied();
  if (!loaded.ok() && !group.failed)
    log::warning("gate_reload_failed", {{"what", group.what}, {"why", loaded.error().what}});
  if (loaded.ok() && group.failed) log::info("gate_reload_recovered", {{"what", group.what}});
  group.failed = !loaded.ok();
  group.failing->set(group.failed ? 1 : 0);
  return loaded;
}

Result<void> Reloader::reload_trust(const ListenerOptions& files, const identity::Rule& rule, Held<Trust>& held) {
  if (files.listen.empty()) return {};
  Result<std::shared_ptr<const Trust>> loaded =
      Trust::load(files, rule, shared_.options.allow_development_ca, held.get().get());
  if (!loaded.ok()) return std::move(loaded).error();
  if (&held == &shared_.vehicles) shared_.resumption.enable((*loaded)->context());
  show_dates((*loaded)->dates(), &held == &shared_.vehicles ? kVehicles : kServices);
  held.set(std::move(loaded).value());
  return {};
}

void Reloader::show_dates(const TrustDates& dates, const std::string& listener) {
  const auto expiry = [&](const std::string& use, WallMs date) {
    shared_.metrics
        .gauge("wayside_certificate_expiry_timestamp_seconds", metrics::kCertificateExpiryHelp, {{"use", use}})
        .set(static_cast<double>(date.value) / 1000.0);
  };
  expiry(listener, dates.own_not_after);
  expiry(listener + "_ca", dates.ca_not_after);
  if (dates.crl_this_update.value == 0) return;
  shared_.metrics
      .gauge("wayside_crl_update_timestamp_seconds",
             "When the revocation list of a listener was made; the oldest of several.", {{"use", listener}})
      .set(static_cast<double>(dates.crl_this_update.value) / 1000.0);
  shared_.metrics
      .gauge("wayside_crl_next_update_timestamp_seconds",
             "When the revocation list of a listener ends; the first of several.", {{"use", listener}})
      .set(dates.crl_next_update.value == 0 ? HUGE_VAL : static_cast<double>(dates.crl_next_update.value) / 1000.0);
}

// A list that is taken away lets nobody in: only a list without them does.
Result<void> Reloader::reload_denied() {
  const std::string& path = shared_.options.deny_list;
  const std::shared_ptr<const DenyList> held = shared_.denied.get();
  if (held && !held->vehicles.empty() && ::access(path.c_str(), F_OK) != 0) {
    return Error{Fault::config, path + ": the deny list has gone"};
  }
  Result<DenyList> loaded = load_deny_list(path);
  if (!loaded.ok()) return std::move(loaded).error();
  shared_.denied.set(std::make_shared<const DenyList>(std::move(loaded).value()));
  return {};
}

}  // namespace wayside::broker::gate
