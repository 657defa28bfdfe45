#include "fleet/car/commands.h"

#include "schemas/gen/command_generated.h"

namespace wayside::fleet {
namespace {

using schemas::CommandAckMessage;
using schemas::CommandState;

CommandAckMessage ack_of(const vehicle::Judgement& judgement, CommandState state, WallMs now, std::string reason = {}) {
  return {judgement.intent.command_id, state, std::move(reason), now};
}

}  // namespace

Result<std::unique_ptr<Commands>> Commands::open(Disk& disk, const std::string& state_dir, const std::string& vehicle,
                                                 const CommandTrust& trust) {
  auto opened = vehicle::DiskStorage::open(disk, state_dir + "/" + vehicle);
  if (!opened) return std::move(opened).error();
  auto storage = std::make_unique<vehicle::DiskStorage>(std::move(*opened));
  auto verifier =
      vehicle::Verifier::open({.vehicle = vehicle, .region = trust.region, .root_key = trust.root_key}, *storage);
  if (!verifier) return std::move(verifier).error();
  for (const auto& list : trust.lists) {
    const auto accepted = verifier->accept_list(list);
    // A list that is known already, or superseded by another of the folder, changes nothing.
    if (!accepted && accepted.reason() != Reason::LIST_NUMBER_LOW) {
      return Error{Fault::config, "a signed list is refused: " + std::string(code(accepted.reason()))};
    }
  }
  return std::unique_ptr<Commands>(new Commands(std::move(storage), std::move(*verifier)));
}

std::vector<CommandAckMessage> Commands::handle(ByteView request, WallMs now, Source& source) {
  const auto judgement = verifier_.judge(request, now);
  if (!judgement.intent_known) return {};
  switch (judgement.verdict) {
    case vehicle::Verdict::execute: break;
    case vehicle::Verdict::already_executed: {
      const bool reported = judgement.outcome != CommandState::NONE;
      return {ack_of(judgement, reported ? judgement.outcome : CommandState::RECEIVED, now,
                     std::string(code(Reason::ALREADY_EXECUTED)))};
    }
    case vehicle::Verdict::reject: {
      const bool late = judgement.reason == Reason::DEADLINE_PASSED;
      return {ack_of(judgement, late ? CommandState::EXPIRED : CommandState::REJECTED, now,
                     std::string(code(judgement.reason)))};
    }
  }
  source.executed(judgement.intent.group, judgement.intent.name);
  ++executed_;
  const auto reported = verifier_.report(judgement.intent, CommandState::SUCCEEDED);
  std::vector<CommandAckMessage> acks = {ack_of(judgement, CommandState::RECEIVED, now)};
  // A car that cannot remember the outcome still says it: only the answer to a repeat would differ.
  acks.push_back(ack_of(judgement, CommandState::SUCCEEDED, now, reported ? "" : "STORE_FAULT"));
  return acks;
}

}  // namespace wayside::fleet
