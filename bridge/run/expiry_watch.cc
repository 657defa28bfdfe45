#include "bridge/run/expiry_watch.h"

#include "common/identity/identity.h"

namespace wayside::bridge::run {
namespace {

constexpr std::int64_t kLookMs = 60'000;

}  // namespace

void ExpiryWatch::look(MonoMs now) {
  if (now < next_) return;
  next_ = now + kLookMs;
  show("link", certificate_);
  show("link_ca", ca_);
}

void ExpiryWatch::show(const std::string& use, const std::string& path) {
  const Result<WallMs> date = identity::not_after_in(path);
  if (!date) return;
  registry_.gauge("wayside_certificate_expiry_timestamp_seconds", metrics::kCertificateExpiryHelp, {{"use", use}})
      .set(static_cast<double>(date->value) / 1000.0);
}

}  // namespace wayside::bridge::run
