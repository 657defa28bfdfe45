// Logs: text or JSON lines on stderr, never a vehicle id in the clear (use identity::tag), never a payload.
// Strings from peers are escaped and cut before they get here by log::clean.
//
// Thread: any. spdlog stays behind this header.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace wayside::log {

enum class Level { debug, info, warning, error };
enum class Format { text, json };

struct Options {
  Format format = Format::text;
  Level level = Level::info;
  std::string process;  // "wayside-broker"
};
void configure(const Options& options);

using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;
void write(Level level, std::string_view event, Fields fields = {});
inline void info(std::string_view event, Fields fields = {}) { write(Level::info, event, fields); }
inline void warning(std::string_view event, Fields fields = {}) { write(Level::warning, event, fields); }
inline void error(std::string_view event, Fields fields = {}) { write(Level::error, event, fields); }
inline void debug(std::string_view event, Fields fields = {}) { write(Level::debug, event, fields); }

// Control bytes, non-ASCII bytes and the backslash as \xNN, cut at `bytes_max` with "..." behind the cut.
std::string clean(std::string_view from_peer, std::size_t bytes_max = 128);

}  // namespace wayside::log
