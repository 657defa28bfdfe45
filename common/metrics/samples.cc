#include "common/metrics/samples.h"

#include <algorithm>
#include <cstdlib>

namespace wayside::metrics {
namespace {

bool carries(const Sample& sample, const SampleLabels& with) {
  return std::all_of(with.begin(), with.end(), [&](const auto& label) {
    const auto found = sample.labels.find(label.first);
    return found != sample.labels.end() && found->second == label.second;
  });
}

// Reads name="value" pairs up to the closing brace; false: that is no label set.
bool read_labels(std::string_view& rest, SampleLabels& labels) {
  while (!rest.empty() && rest.front() != '}') {
    const auto equals = rest.find("=\"");
    if (equals == std::string_view::npos) return false;
    const std::string name(rest.substr(0, equals));
    rest.remove_prefix(equals + 2);
    std::string value;
    for (; !rest.empty() && rest.front() != '"'; rest.remove_prefix(1)) {
      if (rest.front() == '\\' && rest.size() > 1) {
        rest.remove_prefix(1);
        value.push_back(rest.front() == 'n' ? '\n' : rest.front());
      } else {
        value.push_back(rest.front());
      }
    }
    if (rest.empty()) return false;
    rest.remove_prefix(1);
    labels[name] = std::move(value);
    if (!rest.empty() && rest.front() == ',') rest.remove_prefix(1);
  }
  if (rest.empty()) return false;
  rest.remove_prefix(1);
  return true;
}

}  // namespace

Samples Samples::parse(std::string_view text) {
  Samples out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto name_end = line.find_first_of("{ ");
    if (line.empty() || line.front() == '#' || name_end == std::string_view::npos || name_end == 0) continue;
    const std::string name(line.substr(0, name_end));
    line.remove_prefix(name_end);
    Sample sample;
    if (line.front() == '{') {
      line.remove_prefix(1);
      if (!read_labels(line, sample.labels)) continue;
    }
    const std::string number(line);
    char* parsed = nullptr;
    sample.value = std::strtod(number.c_str(), &parsed);
    if (parsed == number.c_str()) continue;
    out.samples_[name].push_back(std::move(sample));
  }
  return out;
}

const std::vector<Sample>& Samples::of(std::string_view name) const {
  static const std::vector<Sample> kNone;
  const auto found = samples_.find(name);
  return found == samples_.end() ? kNone : found->second;
}

double Samples::sum(std::string_view name, const SampleLabels& with) const { return one(name, with).value_or(0); }

std::optional<double> Samples::one(std::string_view name, const SampleLabels& with) const {
  std::optional<double> sum;
  for (const Sample& sample : of(name)) {
    if (carries(sample, with)) sum = sum.value_or(0) + sample.value;
  }
  return sum;
}

std::map<std::string, double> Samples::by(std::string_view name, const std::string& label,
                                          const SampleLabels& with) const {
  std::map<std::string, double> out;
  for (const Sample& sample : of(name)) {
    const auto found = sample.labels.find(label);
    if (found != sample.labels.end() && carries(sample, with)) out[found->second] += sample.value;
  }
  return out;
}

}  // namespace wayside::metrics
