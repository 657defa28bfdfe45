#include <httplib.h>

#include "common/metrics/metrics.h"

namespace wayside::metrics {
namespace {

constexpr std::chrono::seconds kTimeout{3};
constexpr std::size_t kAnswerBytesMax = 512;
constexpr int kReady = 200;
constexpr int kNotReady = 503;

}  // namespace

Result<Health> ask_ready(const std::string& host, int port) {
  httplib::Client client(host, port);
  client.set_connection_timeout(kTimeout);
  client.set_read_timeout(kTimeout);
  const auto where = host + ":" + std::to_string(port);
  const httplib::Result answer = client.Get("/readyz");
  if (!answer) return Error{Fault::unreachable, where + ": " + httplib::to_string(answer.error()), 0};
  if (answer->status != kReady && answer->status != kNotReady) {
    return Error{Fault::unreachable, where + ": HTTP status " + std::to_string(answer->status), 0};
  }
  std::string why = answer->body.substr(0, std::min(kAnswerBytesMax, answer->body.find('\n')));
  return Health{answer->status == kReady, std::move(why)};
}

}  // namespace wayside::metrics
