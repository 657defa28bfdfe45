// What an acknowledgement costs at least: a program that takes the same connections through the gate's own listener
// and TLS, reads them in the same epoll style, looks at no more of a packet than its header and identifier, and
// acknowledges. No session, no rights, no custody.
#pragma once

#include <string>

#include "common/result.h"

namespace wayside::bench {

// Serves the vehicles of `pki` on a loopback port until the process is killed.
Result<void> serve_bare(const std::string& pki, int port);

}  // namespace wayside::bench
