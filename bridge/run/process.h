// What both programs do around their machine: metrics server, run folder, log set-up.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bridge/run/config.h"
#include "common/disk.h"
#include "common/metrics/metrics.h"

namespace wayside::bridge::run {

// `wayside-bridge edge` and `core`: run until SIGTERM. Exit status 0 drained, 1 could not run.
int run_edge(const config::Config& config, std::unique_ptr<Disk> disk);
int run_core(const config::Config& config, std::unique_ptr<Disk> disk);
// `wayside-bridge adopt`: runs until the volume at adopt.spool is settled to its head.
int run_adopt(const config::Config& config, std::unique_ptr<Disk> disk);

inline constexpr int kExitDrained = 0;
inline constexpr int kExitFailed = 1;
// Of adopt: the core was never reached; it refuses the volume, or somebody else has it; adopt.timeout_s is over.
inline constexpr int kExitUnreachable = 3;
inline constexpr int kExitRefused = 4;
inline constexpr int kExitTimeout = 5;

Result<std::unique_ptr<metrics::Server>> start_metrics(metrics::Registry& registry, const config::Config& config,
                                                       std::function<metrics::Health()> ready,
                                                       std::function<void()> before_scrape = {});
// <run_dir>/<name>: {"metrics":N,"metrics_host":"address to ask","pid":N}, written whole.
Result<void> announce(const std::string& run_dir, const std::string& name, const metrics::Server& server);

}  // namespace wayside::bridge::run
