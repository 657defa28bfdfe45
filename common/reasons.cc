#include "common/reasons.h"

#include <array>

namespace wayside {
namespace {

constexpr auto kReasons = std::to_array<ReasonInfo>({
#define WAYSIDE_REASON(code, mqtt, http, retry, sentence) {Reason::code, #code, mqtt, http, Retry::retry, sentence},
#include "common/reasons.def"
#undef WAYSIDE_REASON
});

}  // namespace

const ReasonInfo& info(Reason reason) { return kReasons.at(static_cast<std::size_t>(reason)); }

std::optional<Reason> parse_reason(std::string_view code) {
  for (const ReasonInfo& row : kReasons) {
    if (row.code == code) return row.reason;
  }
  return std::nullopt;
}

std::size_t reason_count() { return kReasons.size(); }
const ReasonInfo& reason_at(std::size_t index) { return kReasons.at(index); }

}  // namespace wayside
