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
  quiet_ = false;
  return Trouble{broker_, all_whys(), since_, failures_};
}

std::optional<LinkWatch::Lost> LinkWatch::down(const std::string& why) {
  if (!std::exchange(up_, false)) return std::nullopt;
  since_ = clock_.wall();
  since_mono_ = clock_.mono();
  failures_ = 0;
  why_.clear();
  made_at_.reset();
  ++losses_;
  quiet_ = said_lost_ && since_mono_ - *said_lost_ < kSayMs;
  if (quiet_) return std::nullopt;
  said_lost_ = since_mono_;
  said_.reset();
  return Lost{broker_, why, std::exchange(losses_, 0)};
}

std::optional<LinkWatch::Made> LinkWatch::up() {
  up_ = true;
  made_at_ = clock_.mono();
  made_after_ms_ = *made_at_ - since_mono_;
  if (quiet_) return std::nullopt;
  return made_now();
}

std::optional<LinkWatch::Made> LinkWatch::stood() {
  if (!made_at_ || clock_.mono() - *made_at_ < kStoodMs) return std::nullopt;
  return made_now();
}

LinkWatch::Made LinkWatch::made_now() {
  made_at_.reset();
  return {broker_, made_after_ms_, failures_, std::exchange(losses_, 0)};
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

void say(std::string_view event, const LinkWatch::Lost& lost) {
  log::warning(event, {{"broker", log::clean(lost.broker, kWhyBytesMax)},
                       {"why", log::clean(lost.why, kWhyBytesMax)},
                       {"times", std::to_string(lost.times)}});
}

}  // namespace wayside::bridge::run
