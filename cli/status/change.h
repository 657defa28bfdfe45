// What metrics grew by between two looks at them.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "common/metrics/samples.h"

namespace wayside::cli {

// Owns nothing: both looks outlive it.   Thread  one.
class Change {
 public:
  Change(const metrics::Samples& before, const metrics::Samples& after, double seconds)
      : before_(before), after_(after), seconds_(seconds) {}
  [[nodiscard]] double grown(std::string_view name, const metrics::SampleLabels& with = {}) const {
    return std::max(0.0, after_.sum(name, with) - before_.sum(name, with));  // less: it was started anew
  }
  [[nodiscard]] double rate(std::string_view name, const metrics::SampleLabels& with = {}) const {
    return seconds_ > 0 ? grown(name, with) / seconds_ : 0;
  }
  // Only what grew.
  [[nodiscard]] std::map<std::string, double> grown_by(std::string_view name, const std::string& label,
                                                       const metrics::SampleLabels& with = {}) const {
    std::map<std::string, double> out = after_.by(name, label, with);
    for (const auto& [value, count] : before_.by(name, label, with)) out[value] -= count;
    std::erase_if(out, [](const auto& one) { return one.second <= 0; });
    return out;
  }
  [[nodiscard]] std::map<std::string, double> rate_by(std::string_view name, const std::string& label,
                                                      const metrics::SampleLabels& with = {}) const {
    std::map<std::string, double> out = seconds_ > 0 ? grown_by(name, label, with) : std::map<std::string, double>();
    for (auto& [value, count] : out) count /= seconds_;
    return out;
  }

 private:
  const metrics::Samples& before_;
  const metrics::Samples& after_;
  double seconds_;
};

}  // namespace wayside::cli
