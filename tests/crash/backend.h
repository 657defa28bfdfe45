// A backend at the core broker: hears what the mqtt sink publishes and counts repeats by wayside-id.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "fleet/id_set.h"
#include "fleet/recorder.h"
#include "fleet/region.h"

namespace wayside::test {

// Owns    a recorder and the wayside-ids heard.   Thread  any.
class Backend {
 public:
  static Result<std::unique_ptr<Backend>> start(const fleet::Region& region);
  // While quiet nothing was killed and nothing from before is on its way: a repeat has no excuse.
  void set_quiet(bool quiet);
  void stop() { recorder_->stop(); }
  [[nodiscard]] bool subscribed() const { return recorder_->subscribed(); }

  struct Counts {
    std::uint64_t ids = 0;
    std::uint64_t repeats = 0;
    std::uint64_t repeats_without_kill = 0;
  };
  [[nodiscard]] Counts counts();

 private:
  void take(const mqtt::Publish& publish);

  std::mutex mutex_;
  bool quiet_ = false;
  fleet::IdSet heard_;
  Counts counts_;
  std::unique_ptr<fleet::Recorder> recorder_;
};

}  // namespace wayside::test
