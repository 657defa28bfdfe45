#include "bridge/run/process.h"

#include <unistd.h>

#include <utility>

#include "common/os/system.h"

namespace wayside::bridge::run {

Result<std::unique_ptr<metrics::Server>> start_metrics(metrics::Registry& registry, const config::Config& config,
                                                       std::function<metrics::Health()> ready,
                                                       std::function<void()> before_scrape) {
  const Result<ListenAddress> listen = parse_listen(config.text("metrics.listen"));
  if (!listen) return listen.error();
  metrics::Server::Options options;
  options.address = listen->host;
  options.port = listen->port;
  options.live = [] { return metrics::Health{}; };
  options.ready = std::move(ready);
  options.before_scrape = std::move(before_scrape);
  return metrics::Server::start(registry, std::move(options));
}

Result<void> announce(const std::string& run_dir, const std::string& name, const metrics::Server& server) {
  const std::string text = "{\"metrics\":" + std::to_string(server.port()) + ",\"metrics_host\":\"" + server.host() +
                           "\",\"pid\":" + std::to_string(getpid()) + "}\n";
  return os::write_file_atomic(run_dir + "/" + name, text, 0600);
}

}  // namespace wayside::bridge::run
