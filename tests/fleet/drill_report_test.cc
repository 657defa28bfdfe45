// The drill's one line of JSON is public: scripts read these names.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "fleet/drill.h"

using namespace wayside::fleet;

TEST_CASE("the drill's JSON has the public names, and the comparison only when it was run") {
  DrillResult result;
  result.verify.acked = 10;
  result.verify.arrived = 10;
  result.verify.values_twice = 2;
  result.unlock_ms_core_dead = 21.6;
  result.forged_refused = true;
  result.link_bytes = 77;
  auto json = nlohmann::json::parse(drill_json(result));
  CHECK(json["passed"] == true);
  CHECK(json["twice"] == 2);
  CHECK(json["unlock_ms_core_dead"] == 22);
  CHECK(json["wayside"] == nlohmann::json::parse(R"({"acked":10,"arrived":10,"missing":0,"link_bytes":77})"));
  for (const char* name : {"missing", "residual", "forged_refused", "expired_refused", "climate_delivered"}) {
    CHECK(json.contains(name));
  }
  CHECK_FALSE(json.contains("mosquitto"));
  result.mosquitto = PeerResult{9, 8, 1, 100};
  result.mosquitto_default = PeerResult{9, 5, 4, 50};
  result.failures = {"a \"quoted\" sentence"};
  json = nlohmann::json::parse(drill_json(result));
  CHECK(json["passed"] == false);
  CHECK(json["mosquitto"]["missing"] == 1);
  CHECK(json["mosquitto_default"]["arrived"] == 5);
  CHECK(json["failures"][0] == "a \"quoted\" sentence");
}
