// The text of /metrics (Prometheus text format 0.0.4) as samples by name.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wayside::metrics {

using SampleLabels = std::map<std::string, std::string, std::less<>>;

struct Sample {
  SampleLabels labels;
  double value = 0;
};

class Samples {
 public:
  // Lines that are no sample are left out.
  static Samples parse(std::string_view text);

  [[nodiscard]] const std::vector<Sample>& of(std::string_view name) const;
  // Of those that carry all of `with`; 0 when there is none.
  [[nodiscard]] double sum(std::string_view name, const SampleLabels& with = {}) const;
  // nullopt: there is none.
  [[nodiscard]] std::optional<double> one(std::string_view name, const SampleLabels& with = {}) const;
  // Sums by the value of `label`.
  [[nodiscard]] std::map<std::string, double> by(std::string_view name, const std::string& label,
                                                 const SampleLabels& with = {}) const;

 private:
  std::map<std::string, std::vector<Sample>, std::less<>> samples_;
};

}  // namespace wayside::metrics
