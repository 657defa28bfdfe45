// When the certificates of the link expire, as the files say: they are replaced under a running process.
#pragma once

#include <string>

#include "common/metrics/metrics.h"
#include "common/types.h"

namespace wayside::bridge::run {

// Owns: two gauges. Thread: the machine's. Limits: reads the files once a minute. A file that cannot be read leaves
// what was shown: the link says itself what it cannot do with it.
class ExpiryWatch {
 public:
  ExpiryWatch(metrics::Registry& registry, std::string certificate, std::string ca)
      : registry_(registry), certificate_(std::move(certificate)), ca_(std::move(ca)) {}
  void look(MonoMs now);

 private:
  void show(const std::string& use, const std::string& path);

  metrics::Registry& registry_;
  const std::string certificate_;
  const std::string ca_;
  MonoMs next_{};
};

}  // namespace wayside::bridge::run
