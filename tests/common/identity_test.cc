#include "common/identity/identity.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/common/make_certificate.h"

namespace wayside::identity {
namespace {

using test::CertificateOptions;
using test::make_certificate;

constexpr const char* kVin = "WVWZZZ1JZXW000001";

std::string id_of(const CertificateOptions& options, const Rule& rule = {}) {
  const auto id = identity_of(make_certificate(options).get(), rule);
  if (id.ok()) return id.value();
  CHECK(id.reason() == Reason::CERTIFICATE_IDENTITY);
  return "refused";
}
CertificateOptions uris(std::vector<std::string> values) {
  CertificateOptions options;
  for (auto& value : values) options.sans.emplace_back(GEN_URI, std::move(value));
  return options;
}

CertificateOptions client_leaf(EVP_PKEY* key = nullptr) {
  CertificateOptions options;
  options.extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                        {NID_key_usage, "critical,digitalSignature"},
                        {NID_ext_key_usage, "clientAuth"}};
  options.key = key;
  return options;
}
std::string judged(const CertificateOptions& options, bool client = true) {
  const auto allowed = leaf_allowed(make_certificate(options).get(), client);
  return allowed.ok() ? "allowed" : std::string(code(allowed.reason()));
}

TEST_CASE("identity: the VIN comes from exactly one SAN URI") {
  CHECK(id_of(uris({"urn:vin:WVWZZZ1JZXW000001"})) == kVin);
  auto beside_dns = uris({"urn:vin:WVWZZZ1JZXW000001"});
  beside_dns.sans.emplace_back(GEN_DNS, "car.example");
  CHECK(id_of(beside_dns) == kVin);
}

TEST_CASE("identity: without a SAN the common name proves nothing") {
  CertificateOptions options;
  options.common_names = {kVin};
  CHECK(id_of(options) == "refused");
}

TEST_CASE("identity: the SAN counts and a common name that says otherwise does not") {
  auto options = uris({"urn:vin:WVWZZZ1JZXW000001"});
  options.common_names = {"WVWZZZ1JZXW000002"};
  CHECK(id_of(options) == kVin);
}

TEST_CASE("identity: two URIs are no identity, whichever of them would do") {
  CHECK(id_of(uris({"urn:vin:WVWZZZ1JZXW000001", "urn:vin:WVWZZZ1JZXW000002"})) == "refused");
  CHECK(id_of(uris({"urn:vin:WVWZZZ1JZXW000001", "urn:vin:WVWZZZ1JZXW000001"})) == "refused");
  CHECK(id_of(uris({"urn:vin:WVWZZZ1JZXW000001", "https://example.org/"})) == "refused");
}

TEST_CASE("identity: a VIN is taken letter by letter, without escapes, queries, NULs or case folding") {
  const std::string with_nul("urn:vin:WVWZZZ1JZXW000001\0", 26);
  const std::string nul_inside("urn:vin:WVWZZZ1JZ\0W000001", 25);
  for (const std::string& uri :
       {std::string("urn:vin:wvwzzz1jzxw000001"), std::string("urn:vin:WVWZZZ1JZXW00000%31"),
        std::string("urn:vin:WVWZZZ1JZXW000001?x"), std::string("urn:vin:WVWZZZ1JZXW000001#x"), with_nul, nul_inside,
        std::string("URN:VIN:WVWZZZ1JZXW000001"), std::string(" urn:vin:WVWZZZ1JZXW000001"),
        std::string("urn:vin:WVWZZZ1JZXW000001 "), std::string("urn:vin:"), std::string("urn:vin:WVWZZZ1JZXW00001"),
        std::string("urn:vin:WVWZZZ1JZXW0000011"), std::string("urn:wayside:svc:WVWZZZ1JZXW000001")}) {
    CAPTURE(uri);
    CHECK(id_of(uris({uri})) == "refused");
  }
}

TEST_CASE("identity: the letters I, O and Q are not in a VIN") {
  for (const char letter : {'I', 'O', 'Q'}) CHECK_FALSE(valid_vin(std::string("WVWZZZ1JZXW00000") + letter));
  CHECK(valid_vin(kVin));
}

TEST_CASE("identity: a fleet with ids of its own takes them from a DNS name, a URI or the common name") {
  CertificateOptions options;
  options.common_names = {"van_7"};
  options.sans = {{GEN_DNS, "truck-1.fleet"}, {GEN_URI, "urn:fleet:bus.9"}};
  CHECK(id_of(options, {.source = Source::san_dns, .uri_prefix = "", .vin = false}) == "truck-1.fleet");
  CHECK(id_of(options, {.source = Source::san_uri, .uri_prefix = "urn:fleet:", .vin = false}) == "bus.9");
  CHECK(id_of(options, {.source = Source::cn, .uri_prefix = "", .vin = false}) == "van_7");
  options.common_names = {"van_7", "van_8"};
  CHECK(id_of(options, {.source = Source::cn, .uri_prefix = "", .vin = false}) == "refused");
  options.sans = {{GEN_DNS, "a"}, {GEN_DNS, "b"}};
  CHECK(id_of(options, {.source = Source::san_dns, .uri_prefix = "", .vin = false}) == "refused");
}

TEST_CASE("identity: an id of a fleet holds nothing that means something in a topic") {
  for (const char* id : {"", "a/b", "a+", "#", "a b", "a$", "ä", "a\n"}) CHECK_FALSE(valid_id(id));
  CHECK(valid_id(std::string(64, 'a')));
  CHECK_FALSE(valid_id(std::string(65, 'a')));
}

TEST_CASE("identity: P-256, P-384, Ed25519 and RSA from 2048 to 4096 bits are allowed") {
  const test::Key p384(EVP_EC_gen("P-384"));
  const test::Key ed25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const test::Key rsa2048 = test::rsa_key(2048);
  const test::Key rsa4096 = test::rsa_public_key(4096);
  for (EVP_PKEY* key : {static_cast<EVP_PKEY*>(nullptr), p384.get(), ed25519.get(), rsa2048.get(), rsa4096.get()}) {
    CHECK(judged(client_leaf(key)) == "allowed");
  }
}

TEST_CASE("identity: small and huge RSA keys and other curves are refused") {
  const test::Key rsa1024 = test::rsa_key(1024);
  const test::Key rsa16384 = test::rsa_public_key(16384);
  const test::Key p521(EVP_EC_gen("P-521"));
  const test::Key k1(EVP_EC_gen("secp256k1"));
  const test::Key ed448(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"));
  for (EVP_PKEY* key : {rsa1024.get(), rsa16384.get(), p521.get(), k1.get(), ed448.get()}) {
    CHECK(judged(client_leaf(key)) == "CERTIFICATE_KEY");
  }
}

TEST_CASE("identity: explicit curve parameters are refused even when they spell P-256") {
  const test::Key key = test::explicit_p256_key();
  CHECK(judged(client_leaf(key.get())) == "CERTIFICATE_KEY");
}

TEST_CASE("identity: the extended key usage must name the use itself") {
  auto options = client_leaf();
  CHECK(judged(options, false) == "CERTIFICATE_INVALID");
  options.extensions[2].second = "serverAuth";
  CHECK(judged(options) == "CERTIFICATE_INVALID");
  CHECK(judged(options, false) == "allowed");
  options.extensions[2].second = "anyExtendedKeyUsage";
  CHECK(judged(options) == "CERTIFICATE_INVALID");
  options.extensions[2].second = "serverAuth,clientAuth";
  CHECK(judged(options) == "allowed");
  options.extensions.pop_back();
  CHECK(judged(options) == "CERTIFICATE_INVALID");
}

TEST_CASE("identity: a certificate that may sign others is no leaf") {
  auto options = client_leaf();
  options.extensions[0].second = "critical,CA:TRUE";
  CHECK(judged(options) == "CERTIFICATE_INVALID");
  options = client_leaf();
  options.extensions[1].second = "critical,digitalSignature,keyCertSign";
  CHECK(judged(options) == "CERTIFICATE_INVALID");
}

TEST_CASE("identity: the cohort is read when it is one plain word, and empty otherwise") {
  CertificateOptions options;
  CHECK(cohort_of(make_certificate(options).get()).empty());
  options.own = {{"1.3.6.1.4.1.59999.1.1", "fw-4.2"}};
  CHECK(cohort_of(make_certificate(options).get()) == "fw-4.2");
  options.own = {{"1.3.6.1.4.1.59999.1.1", "a b"}};
  CHECK(cohort_of(make_certificate(options).get()).empty());
  options.own = {{"1.3.6.1.4.1.59999.1.1", "a"}, {"1.3.6.1.4.1.59999.1.1", "b"}};
  CHECK(cohort_of(make_certificate(options).get()).empty());
}

TEST_CASE("identity: a development CA carries its marker") {
  CertificateOptions options;
  CHECK_FALSE(is_development_ca(make_certificate(options).get()));
  options.own = {{"1.3.6.1.4.1.59999.1.2", "wayside development CA"}};
  CHECK(is_development_ca(make_certificate(options).get()));
}

TEST_CASE("identity: hash and end of validity are those of the certificate") {
  CertificateOptions options;
  options.not_after = 1'900'000'000;
  const auto a = make_certificate(options);
  const auto b = make_certificate(options);
  CHECK(not_after(a.get()) == WallMs{1'900'000'000'000});
  CHECK(leaf_hash(a.get()) == leaf_hash(a.get()));
  CHECK(leaf_hash(a.get()) != leaf_hash(b.get()));
}

TEST_CASE("identity: a tag is an HMAC under the region key, the same for the same vehicle only") {
  // RFC 4231, test case 2.
  CHECK(tag(as_bytes("Jefe"), "what do ya want for nothing?") == "veh:5bdcc146bf");
  CHECK(tag(as_bytes("k"), kVin) != tag(as_bytes("l"), kVin));
  CHECK(tag(as_bytes("k"), kVin) != tag(as_bytes("k"), "WVWZZZ1JZXW000002"));
}

}  // namespace
}  // namespace wayside::identity
