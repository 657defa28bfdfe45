#include "tests/crash/kill_run.h"

namespace wayside::test {
namespace {

// One flat JSON object, member after member.
class Object {
 public:
  Object& add(const std::string& key, const std::string& raw) {
    text_ += (text_.empty() ? "{\"" : ", \"") + key + "\": " + raw;
    return *this;
  }
  Object& add(const std::string& key, bool value) { return add(key, std::string(value ? "true" : "false")); }
  template <typename Number>
  Object& add(const std::string& key, Number value) {
    return add(key, std::to_string(value));
  }
  [[nodiscard]] std::string text() const { return text_ + "}"; }

 private:
  std::string text_;
};

}  // namespace

void KillReport::take(const fleet::VerifyReport& verified) {
  acked = verified.acked;
  resent = verified.resent;
  values_resent = verified.values_resent;
  missing = verified.missing + verified.values_missing + verified.values_different;
  twice = verified.twice + verified.values_twice;
  unclear = verified.strange + verified.unreadable + verified.claimed_twice;
  if (!clean()) sentences = verified.examples;
}

std::string to_json(const KillReport& report, const KillOptions& options) {
  Object by_process;
  for (const auto& [name, count] : report.kills_by_process) by_process.add(name, count);
  Object object;
  object.add("passed", report.passed()).add("seed", options.seed).add("kills", report.kills);
  if (report.kills > 0) object.add("kills_by_process", by_process.text());
  if (!options.other_bin_dir.empty()) object.add("replaced", report.replaced).add("unclean", report.unclean);
  if (options.power) {
    object.add("power_losses", report.power_losses)
        .add("sectors_unsynced", report.loss.sectors_unsynced)
        .add("sectors_lost", report.loss.sectors_lost)
        .add("names_unsynced", report.loss.names_unsynced)
        .add("names_lost", report.loss.names_lost)
        .add("words_back", report.loss.words_back);
  }
  return object.add("in_flight_min", report.in_flight_min)
      .add("qos2_every", options.qos2_every)
      .add("flaps", report.flaps)
      .add("acked", report.acked)
      .add("resent", report.resent)
      .add("settled_as_resent", report.settled_as_resent)
      .add("values_resent", report.values_resent)
      .add("missing", report.missing)
      .add("twice", report.twice)
      .add("unclear", report.unclear)
      .add("mqtt_ids", report.mqtt_ids)
      .add("mqtt_repeats", report.mqtt_repeats)
      .add("mqtt_repeats_without_kill", report.mqtt_repeats_without_kill)
      .add("residual", report.residual)
      .add("ledgers_equal", report.ledgers_equal)
      .text();
}

}  // namespace wayside::test
