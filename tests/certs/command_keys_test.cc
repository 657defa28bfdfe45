#include "certs/command_keys.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "tests/support/temp_dir.h"

namespace wayside::certs {
namespace {

constexpr WallMs kNow{1'637'291'564'000};
constexpr std::int64_t kHourMs = 3'600'000;

CommandKeys made(const test::TempDir& folder) {
  auto keys = CommandKeys::open(folder.path());
  REQUIRE(keys.ok());
  REQUIRE(keys->init_root().ok());
  REQUIRE(keys->new_grant_key().value() == "grant-1");
  REQUIRE(keys->init_issuer("backend").ok());
  REQUIRE(keys->trust(kNow).value() == 1);
  return std::move(keys).value();
}

GrantRequest request() {
  return {"backend", {"v2", "v1", "v2"}, {"unlock", "climate"}, "eu-1", kNow, {kNow.value + 24 * kHourMs}, ""};
}

Outcome<void> judged(const CommandKeys& keys, const std::string& vehicle) {
  const auto issuer = keys.issuer_key("backend");
  const auto grant_bytes = keys.grant_of("backend");
  REQUIRE(issuer.ok());
  REQUIRE(grant_bytes.ok());
  intent::Intent intent;
  intent.vehicle = vehicle;
  intent.issuer_key = issuer->public_key();
  intent.grant_serial = intent::open_grant(*grant_bytes)->serial;
  intent.region = "eu-1";
  intent.group = "unlock";
  intent.name = "doors";
  intent.created = kNow;
  intent.deadline = {kNow.value + 60'000};
  Bytes bytes = intent::sign_intent(*issuer, intent);
  bytes.insert(bytes.end(), grant_bytes->begin(), grant_bytes->end());
  const auto opened = intent::open_request(bytes);
  REQUIRE(opened.ok());
  const auto trust = keys.load_trust();
  REQUIRE(trust.ok());
  return intent::judge(opened.value(), *trust, "eu-1", {kNow.value + 1}, kHourMs);
}

}  // namespace

TEST_CASE("a grant made here lets its issuer command its vehicles") {
  const test::TempDir folder;
  CommandKeys keys = made(folder);
  const auto grant = keys.issue_grant(request());
  REQUIRE(grant.ok());
  CHECK(grant->serial == 1);
  CHECK(grant->vehicles == std::vector<std::string>{"v1", "v2"});
  CHECK(judged(keys, "v1").ok());
  CHECK(judged(keys, "v3").reason() == Reason::GRANT_SCOPE);
  CHECK(keys.grants()->size() == 1);
  CHECK(keys.issue_grant(request())->serial == 2);
}

TEST_CASE("a revoked grant and a revoked issuer command nothing; list numbers rise") {
  const test::TempDir folder;
  CommandKeys keys = made(folder);
  REQUIRE(keys.issue_grant(request()).ok());
  SECTION("grant") {
    CHECK(keys.revoke_grant(kNow, "", 1).value() == 1);
    CHECK(judged(keys, "v1").reason() == Reason::GRANT_REVOKED);
    REQUIRE(keys.issue_grant(request()).ok());
    CHECK(judged(keys, "v1").ok());
    CHECK(keys.revoke_grant(kNow, "grant-1", 2).value() == 2);
    CHECK(keys.load_trust()->revocations.begin()->second.grants.size() == 2);
  }
  SECTION("issuer") {
    CHECK(keys.revoke_issuer(kNow, "", keys.issuer_key("backend")->public_key()).value() == 1);
    CHECK(judged(keys, "v1").reason() == Reason::ISSUER_REVOKED);
  }
}

TEST_CASE("a grant key that the newest trust list leaves out grants nothing") {
  const test::TempDir folder;
  CommandKeys keys = made(folder);
  REQUIRE(keys.issue_grant(request()).ok());
  REQUIRE(keys.new_grant_key().value() == "grant-2");
  CHECK(keys.trust(kNow, {"grant-2"}).value() == 2);
  CHECK(judged(keys, "v1").reason() == Reason::GRANT_KEY_UNKNOWN);
  REQUIRE(keys.issue_grant(request()).ok());  // the newest key signs
  CHECK(judged(keys, "v1").ok());
  const auto shown = keys.show();
  REQUIRE(shown.ok());
  REQUIRE(shown->size() == 4);
  CHECK((*shown)[0].name == "root");
  CHECK((*shown)[1].name == "grant-1");
  CHECK_FALSE((*shown)[1].trusted);
  CHECK((*shown)[2].trusted);
  CHECK((*shown)[3].name == "issuers/backend");
}

TEST_CASE("key files are 64 hex digits, secret ones 0600, and never overwritten") {
  const test::TempDir folder;
  CommandKeys keys = made(folder);
  for (const char* name : {"root", "grant-1", "issuers/backend"}) {
    const std::string stem = keys.dir() + "/" + name;
    CHECK(std::filesystem::file_size(stem + ".key") == 65);
    CHECK(std::filesystem::file_size(stem + ".pub") == 65);
    CHECK((std::filesystem::status(stem + ".key").permissions() & std::filesystem::perms::mask) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  }
  CHECK(keys.init_root().error().fault == Fault::exists);
  CHECK(keys.init_issuer("backend").error().fault == Fault::exists);
  CHECK_FALSE(keys.init_issuer("../root").ok());
  CHECK_FALSE(keys.init_issuer("..").ok());
}

TEST_CASE("a grant that every verifier would refuse is not written") {
  const test::TempDir folder;
  CommandKeys keys = made(folder);
  auto bad = request();
  bad.vehicles = {"*"};
  CHECK_FALSE(keys.issue_grant(bad).ok());
  bad = request();
  bad.groups.clear();
  CHECK_FALSE(keys.issue_grant(bad).ok());
  CHECK_FALSE(keys.grant_of("backend").ok());
}

}  // namespace wayside::certs
