#include "common/metrics/samples.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

namespace wayside::metrics {

TEST_CASE("samples: labels with escapes, infinities and lines that are none") {
  const Samples samples = Samples::parse(
      "a{x=\"1\\\"2\\\\\",y=\"n\\nl\"} 3\na{x=\"z\"} 4 1700000000\nb +Inf\nc\n{} 1\na{x=\"open 1\nd{e=\"f\"} word\n# b "
      "9\n");
  CHECK(samples.of("a").size() == 2);
  CHECK(samples.sum("a") == 7);
  CHECK(samples.sum("a", {{"y", "n\nl"}}) == 3);
  CHECK(samples.by("a", "x").at("1\"2\\") == 3);
  CHECK(std::isinf(samples.sum("b")));
  CHECK_FALSE(samples.one("c"));
  CHECK_FALSE(samples.one("d"));
}

TEST_CASE("metrics are summed by whole name and label") {
  const Samples samples = Samples::parse(
      "# HELP a_total x\na_total{lane=\"state\",k=\"1\"} 3\na_total{lane=\"bulk\"} 4\n"
      "a_total{other_lane=\"state\"} 5\na_total_more 9\na_total 1\n");
  CHECK(samples.sum("a_total") == 13);
  CHECK(samples.sum("a_total", {{"lane", "state"}}) == 3);
  CHECK(samples.sum("b_total") == 0);
}

}  // namespace wayside::metrics
