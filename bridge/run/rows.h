// Short ways to write rows of a configuration table; for the tables of this folder.
#pragma once

#include "common/config/config.h"

namespace wayside::bridge::run {

constexpr std::int64_t kKiB = 1 << 10;
constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kGiB = std::int64_t{1} << 30;
constexpr std::int64_t kTiB = std::int64_t{1} << 40;

constexpr config::Row text(std::string_view key, std::string_view fallback, std::string_view sentence,
                           std::string_view choices = {}) {
  return {key, config::Type::text, fallback, 0, 0, config::Apply::restart, false, choices, sentence};
}
constexpr config::Row required(std::string_view key, std::string_view sentence, std::string_view choices = {}) {
  return {key, config::Type::text, "", 0, 0, config::Apply::restart, true, choices, sentence};
}
constexpr config::Row integer(std::string_view key, std::string_view fallback, std::int64_t min, std::int64_t max,
                              std::string_view sentence) {
  return {key, config::Type::integer, fallback, min, max, config::Apply::restart, false, {}, sentence};
}

}  // namespace wayside::bridge::run
