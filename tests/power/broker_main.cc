// wayside-broker as it is, on a disk that can lose power.
#include "broker/command_line.h"
#include "tests/power/power_disk.h"

int main(int argc, char** argv) {
  return wayside::broker::run_command_line(argc, argv, wayside::test::power::disk_of_program("edge"));
}
