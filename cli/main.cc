#include "cli/commands.h"

int main(int argc, char** argv) { return wayside::cli::run({argv + 1, argv + argc}); }
