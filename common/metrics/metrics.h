// Metrics in OpenMetrics conventions (prometheus-cpp stays behind this header) and the small HTTP server
// for /metrics, /healthz and /readyz (cpp-httplib), on loopback unless configured.
//
// Thread: any. Handles stay valid as long as the Registry. Labels are bounded: a family refuses (asserts)
// beyond kSeriesMax.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"

namespace wayside::metrics {

inline constexpr std::size_t kSeriesMax = 8192;  // label sets of one name

// Of wayside_certificate_expiry_timestamp_seconds{use}, which several parts show.
inline constexpr const char* kCertificateExpiryHelp = "When a certificate that this process lives by expires.";

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(double value = 1) = 0;
  [[nodiscard]] virtual double value() const = 0;
  // Shows a total that somebody else counts. One that is behind changes nothing: a counter never falls.
  void raise_to(std::uint64_t total) {
    const double behind = static_cast<double>(total) - value();
    if (behind > 0) add(behind);
  }
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
  [[nodiscard]] virtual double value() const = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

class Registry {
 public:
  static std::unique_ptr<Registry> create();
  virtual ~Registry() = default;
  // The same name and labels give the same handle. Names begin with "wayside_".
  virtual Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {}) = 0;
  virtual Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {}) = 0;
  virtual Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                               const Labels& labels = {}) = 0;
  [[nodiscard]] virtual std::string text() const = 0;
};

struct Health {
  bool ok = true;
  std::string why;  // one line
};

// Owns its thread; stops in the destructor. `before_scrape` may refresh gauges. Shows wayside_build_info.
class Server {
 public:
  struct Options {
    std::string address = "127.0.0.1";
    int port = 0;  // 0: a free one
    std::function<Health()> live;
    std::function<Health()> ready;
    std::function<void()> before_scrape;
  };
  static Result<std::unique_ptr<Server>> start(Registry& registry, Options options);
  virtual ~Server() = default;
  [[nodiscard]] virtual int port() const = 0;
  // Where this host finds it: the address that it listens on, of all addresses the loopback of the same family.
  [[nodiscard]] virtual std::string host() const = 0;
};

}  // namespace wayside::metrics
