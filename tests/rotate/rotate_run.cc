#include "tests/rotate/rotate_run.h"

#include <algorithm>

#include "certs/crl.h"
#include "common/identity/pem.h"
#include "common/os/system.h"
#include "fleet/admin.h"
#include "fleet/verify.h"
#include "tests/crash/account.h"
#include "tests/rotate/world.h"
#include "tests/support/temp_dir.h"

namespace wayside::test {
namespace {

std::string half(const std::string& text) { return text.substr(0, text.size() / 2); }

std::string serial_of(const std::string& pem) {
  const auto certificates = identity::certificates_of(pem);
  return certificates ? certs::serial_hex(X509_get0_serialNumber(certificates->front().get())) : "";
}

// One region, all of whose secrets change.
class RotateRun {
 public:
  explicit RotateRun(const RotateOptions& options) : options_(options) {}
  RotateReport run();

 private:
  using Truth = std::function<bool()>;

  Result<void> cycle(std::uint64_t number);
  Result<void> server_certificate();
  Result<void> authorities();
  Result<void> revocations(const std::string& victim);
  Result<void> deny_list();
  Result<void> command_lists();
  Result<void> link_of_edge();
  Result<void> link_of_core();
  Result<void> renew_link(Mount& mount, const std::string& site, const Truth& up);
  Result<void> finish();

  // Good files: `in_force` becomes true.
  Result<void> rotate(const std::string& what, Mount& mount, Mount::Files files, const Truth& in_force);
  // Bad files: `alarm` is raised, `old` holds; then the good ones again: the alarm ends, `old` still holds.
  Result<void> bad(const std::string& what, Mount& mount, Mount::Files files, const Truth& alarm, const Truth& old);
  Result<void> nobody_else(const std::string& what);
  Result<void> reconnect(const Truth& up);

  [[nodiscard]] bool gate_fails(const std::string& what) const {
    return world_->metric(ports().edge_metrics, "wayside_gate_reload_failing", {{"what", what}}) == 1;
  }
  [[nodiscard]] bool in(const std::string& vehicle) const { return world_->connect(vehicle).in; }
  [[nodiscard]] const fleet::RegionPorts& ports() const { return world_->region().ports(); }
  [[nodiscard]] static Mount::Files with(Mount::Files files, const std::string& name, std::string content) {
    files[name] = std::move(content);
    return files;
  }
  [[nodiscard]] static Mount::Files without(Mount::Files files, const std::string& name) {
    files.erase(name);
    return files;
  }

  const RotateOptions& options_;
  std::unique_ptr<RotateWorld> world_;
  RotateReport report_;
};

Result<void> RotateRun::nobody_else(const std::string& what) {
  report_.dropped = world_->dropped();
  if (report_.dropped == 0) return {};
  return Error{Fault::internal, what + ": cars lost connections that no list names"};
}

Result<void> RotateRun::rotate(const std::string& what, Mount& mount, Mount::Files files, const Truth& in_force) {
  if (auto swapped = mount.swap(std::move(files)); !swapped) return swapped;
  if (auto done = world_->until(what, in_force); !done) return done;
  ++report_.rotations;
  options_.say("in force: " + what);
  return nobody_else(what);
}

Result<void> RotateRun::bad(const std::string& what, Mount& mount, Mount::Files files, const Truth& alarm,
                            const Truth& old) {
  const Mount::Files good = mount.files();
  if (auto swapped = mount.swap(std::move(files)); !swapped) return swapped;
  ++report_.bad_files;
  if (auto raised = world_->until("the alarm of " + what, alarm); !raised) return raised;
  if (!old()) return Error{Fault::internal, what + ": the older is not in force"};
  if (auto swapped = mount.swap(good); !swapped) return swapped;
  if (auto ended = world_->until("the end of the alarm of " + what, [&] { return !alarm(); }); !ended) return ended;
  if (!old()) return Error{Fault::internal, what + ": the older did not come back"};
  ++report_.alarms;
  options_.say("kept out, with an alarm: " + what);
  return nobody_else(what);
}

Result<void> RotateRun::server_certificate() {
  Mount& mount = *world_->server;
  const std::string& probe = world_->probe();
  for (const bool second : {false, true}) {
    auto pair = world_->server_pair(second);
    if (!pair) return std::move(pair).error();
    const std::string serial = serial_of(pair->at("tls.crt"));
    const auto shown = [&] {
      const RotateWorld::Seen seen = world_->connect(probe);
      return seen.in && seen.serial == serial;
    };
    const std::string what = second ? "server certificate of another authority" : "server certificate";
    if (auto done = rotate(what, mount, *pair, shown); !done) return done;
    const auto fails = [this] { return gate_fails("vehicles") && gate_fails("services"); };
    const Mount::Files good = mount.files();
    auto other = world_->server_pair(second);
    if (!other) return std::move(other).error();
    const std::pair<const char*, Mount::Files> wrong[] = {
        {"server certificate, cut short", with(good, "tls.crt", half(good.at("tls.crt")))},
        {"server certificate, empty", with(good, "tls.crt", "")},
        {"server key of another certificate", with(good, "tls.key", other->at("tls.key"))},
        {"server key, gone", without(good, "tls.key")}};
    for (const auto& [sentence, files] : wrong) {
      if (auto done = bad(sentence, mount, files, fails, shown); !done) return done;
    }
  }
  // A car that comes back takes the certificate of the other authority.
  const std::string& car = world_->car(0);
  world_->expect_loss(car);
  world_->cars().go_offline(car);
  world_->cars().come_back(car);
  return world_->until("a car that comes back", [&] { return world_->cars().stats_of(car).online == 1; });
}

Result<void> RotateRun::authorities() {
  Mount& mount = *world_->peers;
  const std::string first = mount.files().at("ca.crt");
  const std::string both = first + certs::certificate_pem(world_->second_vehicles_ca().certificate.get());
  const std::string& newcomer = world_->newcomer();
  if (in(newcomer)) return Error{Fault::internal, "a vehicle of an unknown authority gets in"};
  const auto fails = [this] { return gate_fails("vehicles"); };
  const auto both_in = [&] { return in(newcomer) && in(world_->probe()); };
  if (auto done = rotate("two authorities of vehicles", mount, with(mount.files(), "ca.crt", both), both_in); !done) {
    return done;
  }
  const std::string cut = both.substr(0, first.size() + (both.size() - first.size()) / 2);
  for (const auto& [sentence, text] :
       {std::pair{"authorities, the second cut short", cut}, {"authorities, empty", ""}}) {
    if (auto done = bad(sentence, mount, with(mount.files(), "ca.crt", text), fails, both_in); !done) return done;
  }
  if (auto done = bad("authorities, gone", mount, without(mount.files(), "ca.crt"), fails, both_in); !done) return done;
  return rotate("one authority of vehicles", mount, with(mount.files(), "ca.crt", first),
                [&] { return !in(newcomer) && in(world_->probe()); });
}

Result<void> RotateRun::revocations(const std::string& victim) {
  Mount& mount = *world_->peers;
  certs::Pki& pki = world_->authority();
  const std::string older = mount.files().at("crl.pem");
  const auto list = [&] { return slurp(world_->pki("crl/vehicles.crl")); };
  if (auto revoked = pki.revoke("vehicles/" + victim + ".crt"); !revoked) return revoked;
  world_->expect_loss(victim);
  const auto out = [&] { return !in(victim) && in(world_->probe()); };
  const auto off = [&] { return world_->cars().stats_of(victim).online == 0 && out(); };
  if (auto done = rotate("revocation list", mount, with(mount.files(), "crl.pem", list()), off); !done) return done;
  world_->leaves(victim);
  ++report_.revoked;
  const auto fails = [this] { return gate_fails("vehicles"); };
  for (const auto& [sentence, text] : {std::pair{"revocation list, cut short", half(list())},
                                       {"revocation list, empty", ""},
                                       {"revocation list of a lower number", older}}) {
    if (auto done = bad(sentence, mount, with(mount.files(), "crl.pem", text), fails, out); !done) return done;
  }
  if (auto done = bad("revocation list, gone", mount, without(mount.files(), "crl.pem"), fails, out); !done)
    return done;
  // Past its end it is in force none the less: the alarm is its date, and ends with a list of a higher number.
  const auto expired = certs::next_crl(pki.issuer(certs::Ca::vehicles), list(), nullptr, -1);
  if (!expired) return expired.error();
  const auto past = [this] {
    return world_->metric(ports().edge_metrics, "wayside_crl_next_update_timestamp_seconds", {{"use", "vehicles"}}) <
           static_cast<double>(os::SystemClock().wall().value) / 1000.0;
  };
  if (auto swapped = mount.swap("crl.pem", *expired); !swapped) return swapped;
  ++report_.bad_files;
  if (auto raised = world_->until("the alarm of a revocation list past its end", past); !raised) return raised;
  if (!out()) return Error{Fault::internal, "a revocation list past its end does not hold"};
  for (int i = 0; i < 2; ++i) {
    if (auto renewed = pki.renew_crl(certs::Ca::vehicles); !renewed) return renewed;
  }
  const auto fresh = [&] { return !past() && out(); };
  if (auto done = rotate("revocation list, renewed", mount, with(mount.files(), "crl.pem", list()), fresh); !done) {
    return done;
  }
  ++report_.alarms;
  return {};
}

Result<void> RotateRun::deny_list() {
  Mount& mount = *world_->peers;
  const std::string& victim = world_->car(1);
  world_->expect_loss(victim);
  const auto online = [&] { return world_->cars().stats_of(victim).online == 1; };
  const auto out = [&] { return !online() && !in(victim) && in(world_->probe()); };
  if (auto done = rotate("deny list", mount, with(mount.files(), "deny.list", victim + "\n"), out); !done) return done;
  ++report_.revoked;
  const auto fails = [this] { return gate_fails("deny_list"); };
  const Mount::Files good = mount.files();
  if (auto done = bad("deny list, a bad line", mount, with(good, "deny.list", "no id!\n"), fails, out); !done)
    return done;
  if (auto done = bad("deny list, gone", mount, without(good, "deny.list"), fails, out); !done) return done;
  return rotate("deny list, nobody", mount, with(mount.files(), "deny.list", ""), online);
}

Result<void> RotateRun::command_lists() {
  Mount& mount = *world_->lists_of;
  certs::CommandKeys& keys = world_->keys();
  const WallMs now = os::SystemClock().wall();
  const auto answers = [this](const std::string& word) {
    const auto answer = world_->ask(world_->probe());
    return answer && *answer == word;
  };
  if (auto made = keys.new_grant_key(); !made) return std::move(made).error();
  auto grant = keys.issue_grant(
      {fleet::kRegionApp, {world_->probe()}, {"climate"}, "demo", {now.value - 60'000}, {now.value + 3'600'000}, ""});
  if (!grant) return std::move(grant).error();
  if (!answers("GRANT_KEY_UNKNOWN")) return Error{Fault::internal, "a grant of a key that no list names is taken"};
  if (auto listed = keys.trust(now); !listed) return std::move(listed).error();
  const auto accepted = [&] { return answers("ACCEPTED"); };
  if (auto done = rotate("trust list with another grant key", mount, world_->lists(), accepted); !done) return done;
  const auto fails = [this] {
    return world_->metric(ports().edge_metrics, "wayside_command_lists_failing") > 0 ||
           world_->metric(ports().core_bridge_metrics, "wayside_command_lists_failing") > 0;
  };
  const auto both = [&] {
    return world_->metric(ports().edge_metrics, "wayside_command_lists_failing") == 1 &&
           world_->metric(ports().core_bridge_metrics, "wayside_command_lists_failing") == 1;
  };
  const std::string newest = mount.files().rbegin()->first;
  for (const auto& [sentence, text] : {std::pair{"trust list, cut short", half(mount.files().at(newest))},
                                       {"trust list, empty", std::string()},
                                       {"trust list, no list at all", std::string("grants\n")}}) {
    const Mount::Files good = mount.files();
    if (auto swapped = mount.swap(newest, text); !swapped) return swapped;
    if (auto raised = world_->until(std::string("both alarms of ") + sentence, both); !raised) return raised;
    if (auto swapped = mount.swap(good); !swapped) return swapped;
    if (auto ended = world_->until("their end", [&] { return !fails(); }); !ended) return ended;
    if (auto done = bad(sentence, mount, with(good, newest, text), fails, accepted); !done) return done;
  }
  if (auto revoked = keys.revoke_grant(now, "", grant->serial); !revoked) return std::move(revoked).error();
  return rotate("revocation of a grant", mount, world_->lists(), [&] { return answers("GRANT_REVOKED"); });
}

// The core broker dies and comes back: every link is made anew.
Result<void> RotateRun::reconnect(const Truth& up) {
  if (auto killed = world_->kill_core_broker(); !killed) return killed;
  if (auto down = world_->until("the link goes with the core broker", [&] { return !up(); }); !down) return down;
  return world_->until("the link comes back", up);
}

Result<void> RotateRun::renew_link(Mount& mount, const std::string& site, const Truth& up) {
  const std::string old = world_->region().paths().dir + "/old-link.crt";
  const std::string old_text = mount.files().at("tls.crt");
  if (auto kept = os::write_file_atomic(old, old_text, 0600); !kept) return kept;
  certs::Pki& pki = world_->authority();
  auto issued = site == "edge/edge-1" ? pki.issue_edge("edge-1") : pki.issue_core("core-1");
  if (!issued) return issued;
  if (auto revoked = pki.revoke(old); !revoked) return revoked;
  Mount::Files files = with(mount.files(), "tls.crt", slurp(world_->pki(site + "/link.crt")));
  files["tls.key"] = slurp(world_->pki(site + "/link.key"));
  // Whoever shows the old one is turned away by the core broker's own list from its next start on.
  if (auto swapped = mount.swap(files); !swapped) return swapped;
  if (auto back = reconnect(up); !back) return back;
  ++report_.rotations;
  options_.say("in force: link certificate of " + site);
  return nobody_else("link of " + site);
}

Result<void> RotateRun::link_of_edge() {
  Mount& mount = *world_->link;
  const auto up = [this] { return world_->metric(ports().edge_bridge_metrics, "wayside_link_up") == 1; };
  const auto fails = [this] { return world_->metric(ports().edge_bridge_metrics, "wayside_link_reload_failing") == 1; };
  const Mount::Files good = mount.files();
  const std::pair<const char*, Mount::Files> wrong[] = {
      {"link certificate, cut short", with(good, "tls.crt", half(good.at("tls.crt")))},
      {"link key of another certificate", with(good, "tls.key", world_->core_link->files().at("tls.key"))},
      {"authorities of the core broker, gone", without(good, "ca.crt")}};
  for (const auto& [sentence, files] : wrong) {
    if (auto done = bad(sentence, mount, files, fails, up); !done) return done;
  }
  // With bad files on disk a link that broke comes back all the same.
  if (auto swapped = mount.swap(wrong[1].second); !swapped) return swapped;
  if (auto raised = world_->until("the alarm of the link", fails); !raised) return raised;
  if (auto back = reconnect(up); !back) return back;
  if (auto swapped = mount.swap(good); !swapped) return swapped;
  return renew_link(mount, "edge/edge-1", up);
}

Result<void> RotateRun::link_of_core() {
  Mount& mount = *world_->core_link;
  const auto up = [this] {
    const auto ready = fleet::http_get(ports().core_bridge_metrics, "/readyz");
    return ready && ready->status == 200;
  };
  const auto fails = [this] { return world_->metric(ports().core_bridge_metrics, "wayside_link_reload_failing") == 1; };
  // The core's broker was restarted for the edge, which may be back before the core is.
  if (auto back = world_->until("the core's own link", up); !back) return back;
  const Mount::Files good = mount.files();
  for (const auto& [sentence, files] : {std::pair{"core's link certificate, empty", with(good, "tls.crt", "")},
                                        {"core's link key, gone", without(good, "tls.key")}}) {
    if (auto done = bad(sentence, mount, files, fails, up); !done) return done;
  }
  return renew_link(mount, "core/core-1", up);
}

Result<void> RotateRun::cycle(std::uint64_t number) {
  if (auto done = server_certificate(); !done) return done;
  if (auto done = authorities(); !done) return done;
  if (auto done = revocations(world_->car(options_.cars + number)); !done) return done;
  if (auto done = deny_list(); !done) return done;
  if (auto done = command_lists(); !done) return done;
  if (auto done = link_of_edge(); !done) return done;
  return link_of_core();
}

Result<void> RotateRun::finish() {
  if (auto done = nobody_else("at the end"); !done) return done;
  if (auto done = world_->finish_cars(); !done) return done;
  const fleet::RegionPaths& paths = world_->region().paths();
  auto settled = world_->until("every record is in the sink", [&] {
    const auto empty = drained(paths);
    return world_->metric(ports().edge_metrics, "wayside_commands_open") == 0 && empty && *empty &&
           world_->metric(ports().core_bridge_metrics, "wayside_sink_backlog_records") == 0;
  });
  if (!settled) return settled;
  if (!world_->stop()) report_.sentences.emplace_back("a process did not end by itself on SIGTERM");
  const auto verified = fleet::verify(paths.journals(), paths.sink());
  if (!verified) return verified.error();
  report_.acked = verified->acked;
  report_.missing = verified->missing + verified->values_missing + verified->values_different;
  report_.twice = verified->twice + verified->values_twice;
  report_.unclear = verified->strange + verified->unreadable + verified->claimed_twice;
  for (const auto& example : verified->examples) report_.sentences.push_back(example);
  auto books = account(paths, *verified);
  if (!books) return std::move(books).error();
  report_.residual = books->residual;
  report_.ledgers_equal = books->ledgers_equal;
  for (const auto& sentence : books->sentences) report_.sentences.push_back(sentence);
  return {};
}

RotateReport RotateRun::run() {
  auto world = RotateWorld::start(options_);
  if (!world) {
    report_.fault = world.error().what;
    return report_;
  }
  world_ = std::move(*world);
  for (std::uint64_t number = 0; number < options_.cycles && report_.fault.empty(); ++number) {
    if (auto done = cycle(number); !done) report_.fault = done.error().what;
  }
  if (report_.fault.empty()) {
    if (auto done = finish(); !done) report_.fault = done.error().what;
  }
  return report_;
}

}  // namespace

RotateReport run_rotations(const RotateOptions& options) { return RotateRun(options).run(); }

std::string to_json(const RotateReport& report, const RotateOptions& options) {
  std::string text = std::string("{\"passed\": ") + (report.passed() ? "true" : "false");
  const auto add = [&](const char* name, auto value) {
    text += std::string(", \"") + name + "\": " + std::to_string(value);
  };
  add("seed", options.seed);
  add("cycles", options.cycles);
  add("cars", options.cars);
  add("rotations", report.rotations);
  add("revoked", report.revoked);
  add("dropped", report.dropped);
  add("bad_files", report.bad_files);
  add("alarms", report.alarms);
  add("acked", report.acked);
  add("missing", report.missing);
  add("twice", report.twice);
  add("unclear", report.unclear);
  add("residual", report.residual);
  return text + ", \"ledgers_equal\": " + (report.ledgers_equal ? "true" : "false") + "}";
}

}  // namespace wayside::test
