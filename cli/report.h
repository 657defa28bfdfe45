// JSON of reports that more than one subcommand prints.
#pragma once

#include <string>

#include "fleet/verify.h"

namespace wayside::cli {

std::string verify_json(const fleet::VerifyReport& report);

}  // namespace wayside::cli
