// What the gate does most: receive and send on a socket that does not block.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

#include "common/types.h"

namespace wayside::os {

// As recv(2) and send(2) with MSG_NOSIGNAL, again where a signal came between; errno tells of a failure. Not points of
// cancellation, which those of libc are in a process with threads: two atomic operations a call, and nobody cancels.
ssize_t receive(int fd, std::span<std::uint8_t> into);
ssize_t send(int fd, ByteView bytes);

}  // namespace wayside::os
