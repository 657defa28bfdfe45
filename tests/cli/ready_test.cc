// `wayside ready` against real metrics servers.
#include <catch2/catch_test_macros.hpp>

#include "common/metrics/metrics.h"
#include "tests/support/process.h"

using namespace wayside;

namespace {

class Asked {
 public:
  explicit Asked(bool ok) {
    metrics::Server::Options options;
    options.ready = [ok] { return metrics::Health{ok, ok ? "custody is writable" : "draining"}; };
    auto server = metrics::Server::start(*registry_, std::move(options));
    REQUIRE(server.ok());
    server_ = std::move(*server);
  }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(server_->port()); }

 private:
  std::unique_ptr<metrics::Registry> registry_ = metrics::Registry::create();
  std::unique_ptr<metrics::Server> server_;
};

test::Ran ready(std::vector<std::string> args) {
  args.insert(args.begin(), {std::string(WAYSIDE_BIN_DIR) + "/wayside", "ready"});
  return test::run(args);
}

}  // namespace

TEST_CASE("wayside ready says of each process whether it is ready, and exits with the worst answer") {
  const Asked yes(true);
  const Asked no(false);
  const auto one = ready({yes.address()});
  CHECK(one.exit_code == 0);
  CHECK(one.output.find("ok: custody is writable") != std::string::npos);
  const auto both = ready({yes.address(), no.address()});
  CHECK(both.exit_code == 1);
  CHECK(both.output.find("not ok: draining") != std::string::npos);
}

TEST_CASE("wayside ready exits 3 where nothing listens and 2 for what is no address") {
  std::string gone;
  {
    gone = Asked(true).address();
  }
  CHECK(ready({gone}).exit_code == 3);
  CHECK(ready({gone, "--wait", "1"}).exit_code == 3);
  CHECK(ready({"localhost"}).exit_code == 2);
  CHECK(ready({"localhost:99999"}).exit_code == 2);
}
