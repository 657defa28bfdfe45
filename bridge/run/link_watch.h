// Since when a link cannot be made and why, and how often the log is told.
//
// Owns     what failed last on each connection of the link.
// Thread   the owner's.
// Durable  -
// Limits   a line for the first failure of an outage, then one a minute.
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
  // It was lost. Again while it is down: nothing.
  void down();

  struct Made {
    std::string broker;
    std::int64_t after_ms = 0;   // of being down
    std::uint64_t failures = 0;  // attempts meanwhile
  };
  Made up();

 private:
  [[nodiscard]] std::string all_whys() const;

  const std::string broker_;
  const Clock& clock_;
  bool up_ = false;
  WallMs since_;
  MonoMs since_mono_;
  std::uint64_t failures_ = 0;
  std::optional<MonoMs> said_;
  std::map<std::string, std::string> why_;  // by connection
};

// Into the log, as a warning.
void say(std::string_view event, const LinkWatch::Trouble& trouble);

}  // namespace wayside::bridge::run
