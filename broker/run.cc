#include "broker/run.h"

#include <sys/stat.h>

#include "broker/edge_process.h"
#include "common/log/log.h"

namespace wayside::broker {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitConfig = 2;

int failed(const Error& error) {
  log::error("edge_not_started", {{"why", error.what}});
  const bool by_configuration = error.fault == Fault::config || error.fault == Fault::no_space;
  return by_configuration ? kExitConfig : kExitFailed;
}

}  // namespace

int run(const config::Config& config, std::unique_ptr<Disk> disk) {
  ::umask(077);  // what libraries create is ours alone too: the databases hold signed commands
  log::configure(log_options(config));
  Result<Signals> signals = Signals::take();
  if (!signals.ok()) return failed(signals.error());
  Result<std::unique_ptr<EdgeProcess>> edge = EdgeProcess::start(config, std::move(*signals), std::move(disk));
  if (!edge.ok()) return failed(edge.error());
  (*edge)->serve();
  (*edge)->drain();
  return 0;
}

}  // namespace wayside::broker
