// The subcommands: one function and one file each.
#pragma once

#include "cli/args.h"

namespace wayside::cli {

int run_up(const Args& args);
int run_send(const Args& args);
int run_verify(const Args& args);
int run_decode(const Args& args);
int run_ledger(const Args& args);
int run_pki(const Args& args);
int run_grant(const Args& args);
int run_issuer(const Args& args);
int run_vehicle(const Args& args);
int run_ready(const Args& args);
int run_spool(const Args& args);
int run_status(const Args& args);
int run_size(const Args& args);
int run_support_bundle(const Args& args);
int run_tail(const Args& args);
int run_top(const Args& args);

// The whole program.
int run(const Args& args);

}  // namespace wayside::cli
