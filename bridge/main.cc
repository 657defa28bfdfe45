// wayside-bridge: the two ends of the link between an edge and the core. Decides nothing.
#include "bridge/run/command_line.h"
#include "common/os/posix_disk.h"

int main(int argc, char** argv) {
  return wayside::bridge::run::run_command_line(argc, argv, wayside::os::make_posix_disk());
}
