// Since when a link cannot be made and why, when it was lost, and how often the log is told.
//
// Owns     what failed last on each connection of the link.
// Thread   the owner's.
// Durable  -
// Limits   a line for the first failure of an outage, then one a minute. A loss is said at once unless another was said
//          less than a minute ago: it is counted then, and that outage and its end are quiet, until the link stands.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.h"

namespace wayside::bridge::run {

class LinkWatch {
 public:
  // Down from now on.
  LinkWatch(std::string broker, const Clock& clock);

  struct Trouble {
    std::string broker;
    std::string why;  // of each connection that fails, named where they differ
    WallMs since{};
    std::uint64_t failures = 0;  // attempts since then
  };
  // An attempt failed; nullopt: it is not time to say so again.
  std::optional<Trouble> failed(const std::string& connection, const std::string& why);
  // This connection of the link stands.
  void made(const std::string& connection) { why_.erase(connection); }
  struct Lost {
    std::string broker;
    std::string why;
    std::uint64_t times = 0;  // losses since one was said, this one included
  };
  // It was lost. nullopt: it is down already, or one was said less than a minute ago.
  std::optional<Lost> down(const std::string& why);

  struct Made {
    std::string broker;
    std::int64_t after_ms = 0;   // of being down
    std::uint64_t failures = 0;  // attempts meanwhile
    std::uint64_t losses = 0;    // that were not said
  };
  // nullopt: its outage was not said. `stood` says it once it lasts.
  std::optional<Made> up();
  // That it is up, where `up` did not and it has been for kStoodMs. Once.
  std::optional<Made> stood();
  static constexpr std::int64_t kStoodMs = 10'000;

 private:
  [[nodiscard]] std::string all_whys() const;
  Made made_now();

  const std::string broker_;
  const Clock& clock_;
  bool up_ = false;
  WallMs since_;
  MonoMs since_mono_;
  std::uint64_t failures_ = 0;
  std::optional<MonoMs> said_;
  std::optional<MonoMs> said_lost_;
  std::uint64_t losses_ = 0;       // that were not said
  bool quiet_ = false;             // of this outage nothing was said
  std::optional<MonoMs> made_at_;  // up, and not said
  std::int64_t made_after_ms_ = 0;
  std::map<std::string, std::string> why_;  // by connection
};

// Into the log, as a warning.
void say(std::string_view event, const LinkWatch::Trouble& trouble);
void say(std::string_view event, const LinkWatch::Lost& lost);

}  // namespace wayside::bridge::run
