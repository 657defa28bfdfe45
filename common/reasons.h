// Words for failure: every refusal anywhere is one of these (common/reasons.def). Packets, status
// events, metrics, CLI and docs all take code and sentence from here.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "common/result.h"

namespace wayside {

enum class Reason : std::uint8_t {
#define WAYSIDE_REASON(code, mqtt, http, retry, sentence) code,
#include "common/reasons.def"
#undef WAYSIDE_REASON
};

enum class Retry : std::uint8_t { never, later, after_change };

struct ReasonInfo {
  Reason reason;
  std::string_view code;  // [A-Z0-9_]
  std::uint8_t mqtt;      // MQTT 5 reason code; 0 where none is ever sent
  std::uint16_t http;     // HTTP status
  Retry retry;
  std::string_view sentence;  // one sentence for a person
};

const ReasonInfo& info(Reason reason);
inline std::string_view code(Reason reason) { return info(reason).code; }
std::optional<Reason> parse_reason(std::string_view code);
std::size_t reason_count();
const ReasonInfo& reason_at(std::size_t index);

// Outcome<T>: a value, or the reason why not. Refusal is ordinary life, not a fault.
template <typename T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Outcome(Reason reason) : state_(std::in_place_index<1>, reason) {}      // NOLINT(google-explicit-constructor)
  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  [[nodiscard]] Reason reason() const { return std::get<1>(state_); }

 private:
  std::variant<T, Reason> state_;
};

template <>
class [[nodiscard]] Outcome<void> {
 public:
  Outcome() = default;
  Outcome(Reason reason) : reason_(reason) {}  // NOLINT(google-explicit-constructor)
  [[nodiscard]] bool ok() const { return !reason_.has_value(); }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] Reason reason() const { return *reason_; }

 private:
  std::optional<Reason> reason_;
};

}  // namespace wayside
