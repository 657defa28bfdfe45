// A fault that is met again each second: said when it begins, when it becomes another one, and when it is over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "common/log/log.h"
#include "common/result.h"

namespace wayside::broker {

// Owns     the fault that was said last.
// Thread   one.
// Durable  -
// Limits   a line a change. What is repeated is counted, and said with the next line.
class StandingFault {
 public:
  explicit StandingFault(std::string event) : event_(std::move(event)), over_(event_ + "_over") {}

  // True: something was said. Sentences may name a file that is another one each time; kind and errno are what counts.
  bool look(const Result<void>& result) {
    if (result.ok()) return over();
    const Error& now = result.error();
    ++times_;
    if (standing_ && standing_->fault == now.fault && standing_->os_errno == now.os_errno) return false;
    standing_ = now;
    log::warning(event_, {{"why", now.what}, {"times", std::to_string(times_)}});
    return true;
  }

 private:
  bool over() {
    if (!standing_) return false;
    log::info(over_, {{"why", standing_->what}, {"times", std::to_string(times_)}});
    standing_.reset();
    times_ = 0;
    return true;
  }

  const std::string event_;
  const std::string over_;
  std::optional<Error> standing_;
  std::uint64_t times_ = 0;  // met since all was well
};

}  // namespace wayside::broker
