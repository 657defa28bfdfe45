// What an acknowledgement costs at least: a program that takes the same connections through the gate's own listener
// and TLS, reads them in the same epoll style, looks at no more of a packet than its header and identifier, and
// acknowledges. No session, no rights, no custody. And what one costs at least that is given after fdatasync: the same
// program, which writes what it read to a file, a group at a time, and acknowledges when the group is durable.
#pragma once

#include <string>

#include "common/result.h"

namespace wayside::bench {

// Serves the vehicles of `pki` on a loopback port until the process is killed. `file`, where given, is made, and
// publishes are acknowledged once they are in it, durable.
Result<void> serve_bare(const std::string& pki, int port, const std::string& file);

}  // namespace wayside::bench
