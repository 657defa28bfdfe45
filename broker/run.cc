#include "broker/run.h"

#include <sys/stat.h>

#include "broker/edge_process.h"
#include "broker/spool_move.h"
#include "common/log/log.h"
#include "common/os/system.h"

namespace wayside::broker {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitConfig = 2;
constexpr std::int64_t kMovePauseMs = 60'000;  // between two moves, whoever asks for them

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
  const os::SystemClock clock;
  // An end of this process comes as a signal, and is found by the next life too.
  for (MonoMs moves_from{};;) {
    Result<std::unique_ptr<EdgeProcess>> edge = EdgeProcess::start(config, *signals, *disk, moves_from);
    if (!edge.ok()) return failed(edge.error());
    (*edge)->serve();
    (*edge)->drain();
    if (!(*edge)->closed_spool()) return 0;
    edge->reset();
    (void)move_spool(*disk, clock, config);
    moves_from = clock.mono() + kMovePauseMs;
  }
}

}  // namespace wayside::broker
