// wayside-broker: gate, custody, commands and the local broker of one edge. Decides nothing.
#include "broker/command_line.h"
#include "common/os/posix_disk.h"

int main(int argc, char** argv) {
  return wayside::broker::run_command_line(argc, argv, wayside::os::make_posix_disk());
}
