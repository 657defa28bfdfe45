#include "tests/simulation/coverage.h"

#include <algorithm>

namespace wayside::test {
namespace {

constexpr std::array<const char*, kStruck> kFaultNames = {
    "message lost",     "message repeated", "message reordered", "partition",       "half-open link",  "reconnect",
    "edge killed",      "core killed",      "broker killed",     "edge power loss", "core power loss", "edge fdatasync",
    "edge short write", "edge no space",    "edge rename",       "edge fsync dir",  "edge open",       "edge read",
    "core fdatasync",   "core short write", "core no space",     "core rename",     "core fsync dir",  "core open",
    "core read",        "edge slow sync",   "core slow sync",    "rot, sealed",     "rot, tail",       "rot, core log",
    "rot, settlement",  "rot, identity",    "lane full",         "core log full",   "clock back",      "clock ahead",
    "volume restored"};
constexpr std::array<const char*, kStakes> kStakeNames = {"unsent", "in flight", "staged", "unanswered", "unsunk"};

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

}  // namespace

const char* to_string(Struck fault) { return kFaultNames.at(static_cast<std::size_t>(fault)); }
const char* to_string(Stake stake) { return kStakeNames.at(static_cast<std::size_t>(stake)); }

void Coverage::hit(Struck fault, const Stakes& stakes) {
  for (std::size_t stake = 0; stake < kStakes; ++stake) {
    if (stakes.at(stake)) ++hits_.at(static_cast<std::size_t>(fault)).at(stake);
  }
}

Coverage& Coverage::operator+=(const Coverage& other) {
  for (std::size_t fault = 0; fault < kStruck; ++fault) {
    for (std::size_t stake = 0; stake < kStakes; ++stake) hits_.at(fault).at(stake) += other.hits_.at(fault).at(stake);
  }
  moves_ += other.moves_;
  not_exact_ += other.not_exact_;
  return *this;
}

std::uint64_t Coverage::hits(Struck fault, Stake stake) const {
  return hits_.at(static_cast<std::size_t>(fault)).at(static_cast<std::size_t>(stake));
}

std::uint64_t Coverage::min_hits() const {
  std::uint64_t least = UINT64_MAX;
  for (const auto& row : hits_) least = std::min(least, *std::min_element(row.begin(), row.end()));
  return least;
}

std::string Coverage::table() const {
  std::string out = padded("fault", 20);
  for (const char* name : kStakeNames) out += padded(name, 12);
  out += "\n";
  for (std::size_t fault = 0; fault < kStruck; ++fault) {
    out += padded(kFaultNames.at(fault), 20);
    for (const std::uint64_t hits : hits_.at(fault)) out += padded(std::to_string(hits), 12);
    out += "\n";
  }
  return out;
}

}  // namespace wayside::test
