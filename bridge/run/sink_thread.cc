#include "bridge/run/sink_thread.h"

#include "common/log/log.h"

namespace wayside::bridge::run {

// The sentence may name a file that is another one each time; kind and errno are what counts.
void say_sink_fault(log::Pace& pace, const char* sink, const Error& error) {
  const auto times =
      pace.happened(std::to_string(static_cast<int>(error.fault)) + " " + std::to_string(error.os_errno));
  if (times) log::error("sink_fault", {{"sink", sink}, {"why", error.what}, {"times", std::to_string(*times)}});
}

}  // namespace wayside::bridge::run
