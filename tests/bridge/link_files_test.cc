// The link's files under a running bridge: what was good last stays in force, and a date and an alarm are shown.
#include "bridge/run/link_files.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "bridge/run/trust_folder.h"
#include "certs/command_keys.h"
#include "certs/pki.h"
#include "common/os/system.h"
#include "tests/support/temp_dir.h"

namespace wayside::test {
namespace {

struct Link {
  Link() : pki(certs::Pki::init(dir / "pki", {.development = true}).value()) {
    REQUIRE(pki.issue_edge("edge-1").ok());
    for (const char* name : {"link.crt", "link.key"}) take(name);
    std::filesystem::copy_file(dir / "pki/ca/links.crt", dir / "ca");
    files.emplace(*registry, bridge::run::LinkPaths{dir / "ca", dir / "link.crt", dir / "link.key"});
  }
  void take(const std::string& name) const {
    std::filesystem::copy_file(dir / ("pki/edge/edge-1/" + name), dir / name,
                               std::filesystem::copy_options::overwrite_existing);
  }
  void look() { files->look(now = now + 1'000); }
  double gauge(const std::string& name, const metrics::Labels& labels = {}) const {
    return registry->gauge(name, "", labels).value();
  }
  [[nodiscard]] bool failing() const { return gauge("wayside_link_reload_failing") == 1; }
  // What the next connection is made with.
  [[nodiscard]] std::string pair() const { return slurp(files->paths().certificate); }

  TempDir dir{"link-files"};
  certs::Pki pki;
  std::unique_ptr<metrics::Registry> registry = metrics::Registry::create();
  MonoMs now{1};
  std::optional<bridge::run::LinkFiles> files;
};

}  // namespace

TEST_CASE("a link's pair that was renewed is used for the next connection, and its date is shown") {
  Link link;
  const std::string before = link.pair();
  CHECK(before == slurp(link.dir / "link.crt") + "\n" + slurp(link.dir / "link.key"));
  CHECK(slurp(link.files->paths().ca) == slurp(link.dir / "ca"));
  const double ends = link.gauge("wayside_certificate_expiry_timestamp_seconds", {{"use", "link"}});
  REQUIRE(link.pki.issue_edge("edge-1", {}, 30).ok());
  link.take("link.crt");
  link.take("link.key");
  link.look();
  CHECK_FALSE(link.failing());
  CHECK(link.pair() == slurp(link.dir / "link.crt") + "\n" + slurp(link.dir / "link.key"));
  CHECK(link.gauge("wayside_certificate_expiry_timestamp_seconds", {{"use", "link"}}) < ends);
}

TEST_CASE("bad files of a link leave what was good last in force, with an alarm until they are good") {
  Link link;
  const std::string before = link.pair();
  const std::string cas = slurp(link.files->paths().ca);
  const auto bad = [&](const std::string& file, const std::function<void()>& make) {
    CAPTURE(file);
    const std::string good = slurp(link.dir / file);
    make();
    link.look();
    CHECK(link.failing());
    CHECK(link.pair() == before);
    CHECK(slurp(link.files->paths().ca) == cas);
    link.dir.write(file, good);
    link.look();
    CHECK_FALSE(link.failing());
    CHECK(link.pair() == before);
  };
  const std::string certificate = slurp(link.dir / "link.crt");
  bad("link.crt", [&] { link.dir.write("link.crt", certificate.substr(0, certificate.size() / 2)); });
  bad("link.crt", [&] { link.dir.write("link.crt", ""); });
  bad("link.crt", [&] { std::filesystem::remove(link.dir / "link.crt"); });
  bad("ca", [&] { link.dir.write("ca", cas + cas.substr(0, cas.size() / 2)); });
  bad("ca", [&] { link.dir.write("ca", "no bundle\n"); });
  bad("link.key", [&] {
    REQUIRE(link.pki.issue_edge("edge-1").ok());
    link.take("link.key");  // of another certificate
  });
}

TEST_CASE("a link whose files are bad from the start takes them once they are good") {
  Link link;
  const std::string good = slurp(link.dir / "link.key");
  link.dir.write("link.key", "");
  link.files.emplace(*link.registry,
                     bridge::run::LinkPaths{link.dir / "ca", link.dir / "link.crt", link.dir / "link.key"});
  const bridge::run::LinkPaths paths = link.files->paths();
  CHECK(link.failing());
  CHECK(slurp(paths.certificate).empty());
  link.dir.write("link.key", good);
  link.look();
  CHECK_FALSE(link.failing());
  CHECK(slurp(paths.certificate).find("PRIVATE KEY") != std::string::npos);
}

TEST_CASE("a list of commands that cannot be used is counted by the core until it is good or gone") {
  const TempDir dir("trust");
  auto keys = certs::CommandKeys::open(dir / "pki").value();
  REQUIRE(keys.init_root().ok());
  REQUIRE(keys.new_grant_key().ok());
  REQUIRE(keys.trust(os::SystemClock().wall()).ok());
  const std::string lists = keys.dir() + "/trust";
  auto folder = bridge::run::TrustFolder::open(keys.dir() + "/root.pub", lists, dir / "numbers").value();
  CHECK(folder.refresh());
  REQUIRE(folder.trust().trust_list);
  CHECK(folder.failing() == 0);
  dir.write("pki/commands/trust/x.wsl", "no list");
  dir.write("pki/commands/trust/y.wsl", "");
  CHECK_FALSE(folder.refresh());
  CHECK(folder.failing() == 2);
  CHECK(folder.trust().trust_list->number == 1);
  std::filesystem::remove(lists + "/x.wsl");
  std::filesystem::copy_file(lists + "/trust-0000000001.wsl", lists + "/y.wsl",
                             std::filesystem::copy_options::overwrite_existing);
  CHECK_FALSE(folder.refresh());  // of the same number: nothing new, and no fault
  CHECK(folder.failing() == 0);
  std::filesystem::rename(lists, dir / "away");
  CHECK_FALSE(folder.refresh());
  CHECK(folder.failing() == 1);
  CHECK(folder.trust().trust_list->number == 1);
}

}  // namespace wayside::test
