#include "bridge/batch/record_rules.h"

#include "common/topic/topic.h"
#include "schemas/text.h"

namespace wayside::bridge::batch {
namespace {

constexpr std::size_t kNameBytesMax = 64;

std::string own_prefix(std::string_view vehicle) { return "v1/" + std::string(vehicle); }

}  // namespace

bool valid_record(std::string_view vehicle, std::string_view topic, std::string_view cohort, std::string_view mid) {
  return schemas::valid_name(vehicle) && topic::valid_name(topic) && cohort.size() <= kNameBytesMax &&
         schemas::valid_utf8(cohort) && mid.size() <= kNameBytesMax && schemas::valid_utf8(mid);
}

std::string short_topic(std::string_view vehicle, std::string_view topic) {
  const std::string prefix = own_prefix(vehicle);
  if (topic.starts_with(prefix + "/")) return std::string(topic.substr(prefix.size()));
  return "=" + std::string(topic);
}

bool full_topic(std::string_view vehicle, std::string_view short_form, std::string& out) {
  if (short_form.starts_with('/')) {
    out = own_prefix(vehicle) + std::string(short_form);
  } else if (short_form.starts_with('=')) {
    out = short_form.substr(1);
  } else {
    return false;
  }
  return true;
}

}  // namespace wayside::bridge::batch
