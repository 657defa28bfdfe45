// wayside-bridge as it is, on a disk that can lose power: its first word says which host it runs on.
#include <string>

#include "bridge/run/command_line.h"
#include "tests/power/power_disk.h"

int main(int argc, char** argv) {
  const std::string host = argc > 1 ? argv[1] : "";
  return wayside::bridge::run::run_command_line(argc, argv, wayside::test::power::disk_of_program(host));
}
