// Small questions to running processes: a line of JSON over admin.sock, and a GET to where they show metrics.
#pragma once

#include <cstdint>
#include <string>

#include "common/result.h"

namespace wayside::fleet {

// Sends `line`, returns the one line that comes back. Fault::unreachable or ::timeout.
Result<std::string> admin_ask(const std::string& socket_path, const std::string& line, int timeout_ms = 5000);

struct HttpReply {
  int status = 0;
  std::string body;
};
// Where a process shows metrics.
struct MetricsPlace {
  std::string host = "127.0.0.1";
  int port = 0;
};
// Of a ports file's text. Without metrics_host, by an older release: 127.0.0.1. Fault::malformed without a port.
Result<MetricsPlace> metrics_place(const std::string& ports_json);

Result<HttpReply> http_get(const MetricsPlace& place, const std::string& path, int timeout_ms = 2000);
// At 127.0.0.1.
Result<HttpReply> http_get(int port, const std::string& path, int timeout_ms = 2000);

}  // namespace wayside::fleet
