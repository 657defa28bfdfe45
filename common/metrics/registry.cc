#include <prometheus/check_names.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <sstream>

#include "common/metrics/metrics.h"

namespace wayside::metrics {
namespace {

using LabelMap = prometheus::Labels;  // sorted, so that the order of the caller's labels does not matter

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter) : counter_(counter) {}
  void add(double value) override { counter_.Increment(value); }
  [[nodiscard]] double value() const override { return counter_.Value(); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge final : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void set(double value) override { gauge_.Set(value); }
  [[nodiscard]] double value() const override { return gauge_.Value(); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

// One name: its family and the handles given out so far.
template <typename Metric, typename Handle>
struct Series {
  prometheus::Family<Metric>* family = nullptr;
  std::map<LabelMap, std::unique_ptr<Handle>> handles;
};
template <typename Metric, typename Handle>
using SeriesByName = std::map<std::string, Series<Metric, Handle>>;

void check_name(const std::string& name) {
  WAYSIDE_ASSERT(name.starts_with("wayside_") && prometheus::CheckMetricName(name));
}

LabelMap label_map(const Labels& labels) {
  LabelMap out;
  for (const auto& [name, value] : labels) {
    WAYSIDE_ASSERT(prometheus::CheckLabelName(name) && name != "le" && out.emplace(name, value).second);
  }
  return out;
}

class PrometheusRegistry final : public Registry {
 public:
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels) override {
    const auto build = [&] { return &prometheus::BuildCounter().Name(name).Help(help).Register(registry_); };
    return get(counters_, name, label_map(labels), build);
  }
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels) override {
    const auto build = [&] { return &prometheus::BuildGauge().Name(name).Help(help).Register(registry_); };
    return get(gauges_, name, label_map(labels), build);
  }
  Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                       const Labels& labels) override {
    WAYSIDE_ASSERT(std::is_sorted(buckets.begin(), buckets.end()));
    const auto build = [&] { return &prometheus::BuildHistogram().Name(name).Help(help).Register(registry_); };
    return get(histograms_, name, label_map(labels), build, buckets);
  }
  [[nodiscard]] std::string text() const override {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, registry_.Collect());
    return out.str();
  }

 private:
  // A name is of one kind for ever: two kinds under one name would be a page that no scraper reads.
  [[nodiscard]] std::size_t kinds_of(const std::string& name) const {
    return counters_.count(name) + gauges_.count(name) + histograms_.count(name);
  }

  template <typename Metric, typename Handle, typename Build, typename... Args>
  Handle& get(SeriesByName<Metric, Handle>& all, const std::string& name, const LabelMap& labels, const Build& build,
              const Args&... args) {
    const std::lock_guard lock(mutex_);
    Series<Metric, Handle>& series = all[name];
    if (series.family == nullptr) {
      check_name(name);
      WAYSIDE_ASSERT(kinds_of(name) == 1);
      series.family = build();
    }
    std::unique_ptr<Handle>& handle = series.handles[labels];
    if (handle == nullptr) {
      WAYSIDE_ASSERT(series.handles.size() <= kSeriesMax);
      handle = std::make_unique<Handle>(series.family->Add(labels, args...));
    }
    return *handle;
  }

  prometheus::Registry registry_;
  mutable std::mutex mutex_;
  SeriesByName<prometheus::Counter, PrometheusCounter> counters_;
  SeriesByName<prometheus::Gauge, PrometheusGauge> gauges_;
  SeriesByName<prometheus::Histogram, PrometheusHistogram> histograms_;
};

}  // namespace

std::unique_ptr<Registry> Registry::create() { return std::make_unique<PrometheusRegistry>(); }

}  // namespace wayside::metrics
