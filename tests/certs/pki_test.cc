#include "certs/pki.h"

#include <openssl/pem.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>

#include "common/identity/identity.h"
#include "common/os/system.h"
#include "tests/support/temp_dir.h"

namespace wayside::certs {
namespace {

constexpr const char* kVin = "WAYSDE00000000001";

Pki development_pki(const test::TempDir& folder) {
  PkiOptions options;
  options.development = true;
  auto pki = Pki::init(folder.path(), options);
  REQUIRE(pki.ok());
  return std::move(pki).value();
}

Certificate certificate(const Pki& pki, const std::string& relative) {
  auto read = read_certificate(pki.dir() + "/" + relative);
  REQUIRE(read.ok());
  return std::move(read).value();
}

unsigned mode(const std::string& path) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

// What a TLS end does with a peer's leaf: chain, purpose, and the revocation list.
int verify(const Pki& pki, Ca ca, const std::string& relative, int purpose) {
  const std::unique_ptr<X509_STORE, Freed<X509_STORE_free>> store(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  const Certificate leaf = certificate(pki, relative);
  const Certificate root = certificate(pki, std::string("ca/") + to_string(ca) + ".crt");
  const auto text = os::read_file(pki.dir() + "/crl/" + to_string(ca) + ".crl");
  REQUIRE(text.ok());
  const Crl crl(PEM_read_bio_X509_CRL(text_bio(*text).get(), nullptr, nullptr, nullptr));
  REQUIRE(X509_STORE_add_cert(store.get(), root.get()) == 1);
  REQUIRE(X509_STORE_add_crl(store.get(), crl.get()) == 1);
  X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_X509_STRICT);
  REQUIRE(X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr) == 1);
  REQUIRE(X509_STORE_CTX_set_purpose(context.get(), purpose) == 1);
  X509_verify_cert(context.get());
  return X509_STORE_CTX_get_error(context.get());
}

}  // namespace

TEST_CASE("a vehicle's certificate proves its id and cohort to the gate") {
  const test::TempDir folder;
  Pki pki = development_pki(folder);
  REQUIRE(pki.issue_vehicle(kVin, "alpha-7").ok());
  const std::string path = std::string("vehicles/") + kVin + ".crt";
  const Certificate leaf = certificate(pki, path);
  const auto id = identity::identity_of(leaf.get(), {});
  REQUIRE(id.ok());
  CHECK(id.value() == kVin);
  CHECK(identity::cohort_of(leaf.get()) == "alpha-7");
  CHECK(identity::leaf_allowed(leaf.get(), true).ok());
  CHECK_FALSE(identity::leaf_allowed(leaf.get(), false).ok());
  CHECK(verify(pki, Ca::vehicles, path, X509_PURPOSE_SSL_CLIENT) == X509_V_OK);
  CHECK(verify(pki, Ca::vehicles, path, X509_PURPOSE_SSL_SERVER) == X509_V_ERR_INVALID_PURPOSE);
  CHECK(verify(pki, Ca::services, path, X509_PURPOSE_SSL_CLIENT) != X509_V_OK);
}

TEST_CASE("private keys are readable by their owner alone and fit their certificates") {
  const test::TempDir folder;
  Pki pki = development_pki(folder);
  REQUIRE(pki.issue_vehicle(kVin).ok());
  REQUIRE(pki.issue_service("backend").ok());
  REQUIRE(pki.issue_edge("edge-1").ok());
  REQUIRE(pki.issue_core("core-1").ok());
  REQUIRE(pki.issue_server("extra").ok());
  std::size_t keys = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(pki.dir())) {
    if (entry.path().extension() != ".key") continue;
    CAPTURE(entry.path().string());
    CHECK(mode(entry.path().string()) == 0600);
    if (entry.path().filename() == "region.key") continue;
    auto certificate_path = entry.path();
    CHECK(read_issuer(certificate_path.replace_extension(".crt").string(), entry.path().string()).ok());
    ++keys;
  }
  CHECK(keys == 3 + 1 + 1 + 2 + 2 + 1);
}

TEST_CASE("the server certificate of an edge is good for its names and the link certificate for its link") {
  const test::TempDir folder;
  Pki pki = development_pki(folder);
  REQUIRE(pki.issue_edge("edge-1", {"edge.example", "10.0.0.7"}).ok());
  const Certificate server = certificate(pki, "edge/edge-1/server.crt");
  CHECK(X509_check_host(server.get(), "localhost", 0, 0, nullptr) == 1);
  CHECK(X509_check_host(server.get(), "edge.example", 0, 0, nullptr) == 1);
  CHECK(X509_check_host(server.get(), "other.example", 0, 0, nullptr) == 0);
  CHECK(X509_check_ip_asc(server.get(), "127.0.0.1", 0) == 1);
  CHECK(X509_check_ip_asc(server.get(), "10.0.0.7", 0) == 1);
  CHECK(verify(pki, Ca::links, "edge/edge-1/server.crt", X509_PURPOSE_SSL_SERVER) == X509_V_OK);
  CHECK(verify(pki, Ca::links, "edge/edge-1/server.crt", X509_PURPOSE_SSL_CLIENT) == X509_V_ERR_INVALID_PURPOSE);
  CHECK(verify(pki, Ca::links, "edge/edge-1/link.crt", X509_PURPOSE_SSL_CLIENT) == X509_V_OK);
  const auto all = pki.show();
  REQUIRE(all.ok());
  const auto link = std::ranges::find(*all, std::string("edge/edge-1/link.crt"), &CertificateInfo::path);
  REQUIRE(link != all->end());
  CHECK(link->subject == "edge-1");
  CHECK(link->names == std::vector<std::string>{"URI:urn:wayside:edge:edge-1"});
}

TEST_CASE("a revoked certificate is refused, the others are not, and crlNumber rises") {
  const test::TempDir folder;
  Pki pki = development_pki(folder);
  REQUIRE(pki.issue_service("backend").ok());
  REQUIRE(pki.issue_service("viewer").ok());
  REQUIRE(pki.issue_service("other").ok());
  CHECK(pki.crl(Ca::services)->number == 1);
  REQUIRE(pki.revoke("services/backend.crt").ok());
  REQUIRE(pki.revoke("services/other.crt").ok());
  CHECK(pki.crl(Ca::services)->number == 3);
  CHECK(pki.crl(Ca::services)->serials.size() == 2);
  CHECK(pki.crl(Ca::vehicles)->number == 1);
  CHECK(verify(pki, Ca::services, "services/backend.crt", X509_PURPOSE_SSL_CLIENT) == X509_V_ERR_CERT_REVOKED);
  CHECK(verify(pki, Ca::services, "services/other.crt", X509_PURPOSE_SSL_CLIENT) == X509_V_ERR_CERT_REVOKED);
  CHECK(verify(pki, Ca::services, "services/viewer.crt", X509_PURPOSE_SSL_CLIENT) == X509_V_OK);
  const auto again = pki.revoke("services/backend.crt");
  REQUIRE_FALSE(again.ok());
  CHECK(again.error().fault == Fault::exists);
  CHECK(pki.crl(Ca::services)->number == 3);
  REQUIRE(pki.renew_crl(Ca::services).ok());
  CHECK(pki.crl(Ca::services)->number == 4);
  CHECK(pki.crl(Ca::services)->serials.size() == 2);
  const auto all = pki.show();
  REQUIRE(all.ok());
  CHECK(std::ranges::count_if(*all, &CertificateInfo::revoked) == 2);
  CHECK_FALSE(pki.revoke("ca/services.crt").ok());
}

TEST_CASE("development CAs carry the marker, others do not") {
  const test::TempDir folder;
  const Pki pki = development_pki(folder);
  const test::TempDir production_folder;
  const auto production = Pki::init(production_folder.path());
  REQUIRE(production.ok());
  for (const Ca ca : kAllCas) {
    CHECK(identity::is_development_ca(pki.issuer(ca).certificate.get()));
    CHECK_FALSE(identity::is_development_ca(production->issuer(ca).certificate.get()));
  }
}

TEST_CASE("an existing CA is never overwritten, and a folder opens again") {
  const test::TempDir folder;
  const std::string serial = [&] {
    const Pki pki = development_pki(folder);
    return serial_hex(X509_get0_serialNumber(pki.issuer(Ca::links).certificate.get()));
  }();
  const auto again = Pki::init(folder.path());
  REQUIRE_FALSE(again.ok());
  CHECK(again.error().fault == Fault::exists);
  auto opened = Pki::open(folder.path());
  REQUIRE(opened.ok());
  CHECK(serial_hex(X509_get0_serialNumber(opened->issuer(Ca::links).certificate.get())) == serial);
  CHECK(opened->issue_core("core-1").ok());
  CHECK_FALSE(Pki::open(folder.path() + "/nothing").ok());
}

TEST_CASE("a name that is no name gets no certificate and leaves no file") {
  const test::TempDir folder;
  Pki pki = development_pki(folder);
  for (const std::string& bad : {std::string("../evil"), std::string(".."), std::string(), std::string("a b"),
                                 std::string("x\ny"), std::string(65, 'x'), std::string("a,DNS:evil")}) {
    CAPTURE(bad);
    CHECK_FALSE(pki.issue_vehicle(bad).ok());
    CHECK_FALSE(pki.issue_service(bad).ok());
    CHECK_FALSE(pki.issue_edge(bad).ok());
  }
  CHECK_FALSE(pki.issue_vehicle(kVin, "cohort with spaces").ok());
  CHECK(pki.show()->size() == 3);
}

TEST_CASE("twenty vehicles are issued in well under a second") {
  const test::TempDir folder;
  Pki pki = development_pki(folder);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    REQUIRE(pki.issue_vehicle("WAYSDE000000000" + std::to_string(10 + i), "alpha").ok());
  }
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  INFO(ms.count() << " ms");
  CHECK(ms.count() < 1'000);
}

}  // namespace wayside::certs
