// wayside-broker: gate, custody, commands and the local broker of one edge. Decides nothing.
#include "broker/command_line.h"
#include "common/os/posix_disk.h"

// Read by jemalloc by this name: what thousands of connections hold lies in huge pages where the system gives them, or
// nearly every message waits for the walk to its page. The environment's MALLOC_CONF has the last word.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "thp:always,metadata_thp:auto";
}

int main(int argc, char** argv) {
  return wayside::broker::run_command_line(argc, argv, wayside::os::make_posix_disk());
}
