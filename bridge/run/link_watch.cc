#include "bridge/run/link_watch.h"

#include <algorithm>
#include <utility>

#include "common/log/log.h"
#include "common/os/system.h"

namespace wayside::bridge::run {
namespace {

constexpr std::int64_t kSayMs = 60'000;
constexpr std::size_t kWhyBytesMax = 256;

}  // namespace

LinkWatch::LinkWatch(std::string broker, const Clock& clock)
    : broker_(std::move(broker)), clock_(clock), since_(clock.wall()), since_mono_(clock.mono()) {}

std::optional<LinkWatch::Trouble> LinkWatch::failed(const std::string& connection, const std::string& why) {
  ++failures_;
  why_[connection] = why;
  const MonoMs now = clock_.mono();
  if (said_ && now - *said_ < kSayMs) return std::nullopt;
  said_ = now;
  return Trouble{broker_, all_whys(), since_, failures_};
}

void LinkWatch::down() {
  if (!std::exchange(up_, false)) return;
  since_ = clock_.wall();
  since_mono_ = clock_.mono();
  failures_ = 0;
  said_.reset();
  why_.clear();
}

LinkWatch::Made LinkWatch::up() {
  up_ = true;
  return {broker_, clock_.mono() - since_mono_, failures_};
}

std::string LinkWatch::all_whys() const {
  const std::string& first = why_.begin()->second;
  if (std::all_of(why_.begin(), why_.end(), [&](const auto& one) { return one.second == first; })) return first;
  std::string all;
  for (const auto& [connection, why] : why_) all += (all.empty() ? "" : "; ") + connection + ": " + why;
  return all;
}

void say(std::string_view event, const LinkWatch::Trouble& trouble) {
  log::warning(event, {{"broker", log::clean(trouble.broker, kWhyBytesMax)},
                       {"why", log::clean(trouble.why, kWhyBytesMax)},
                       {"since", os::rfc3339(trouble.since)},
                       {"failures", std::to_string(trouble.failures)}});
}

}  // namespace wayside::bridge::run
