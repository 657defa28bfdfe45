// The library a vehicle embeds: says of each request whether to act on it. It trusts nobody on the way:
// edge, bridge and broker can delay or drop a command, never make, change, repeat or age one.
//
//   auto verifier = vehicle::Verifier::open(options, storage);
//   const auto judgement = verifier->judge(payload_of_v1_id_cmd, now);
//   if (judgement.verdict == vehicle::Verdict::execute) { act; verifier->report(judgement.intent, SUCCEEDED); }
#pragma once

#include <string>

#include "common/reasons.h"
#include "intent/intent.h"
#include "schemas/messages.h"
#include "vehicle/executed.h"
#include "vehicle/storage.h"

namespace wayside::vehicle {

struct Options {
  std::string vehicle;  // own id
  std::string region;
  intent::PublicKey root_key{};               // provisioned: signs trust lists
  std::int64_t deadline_max_ms = 86'400'000;  // a deadline further ahead is refused
  std::size_t executed_max = 256;
  std::size_t counters_max = 256;
};

enum class Verdict : std::uint8_t { execute, already_executed, reject };

struct Judgement {
  Verdict verdict = Verdict::reject;
  Reason reason{};            // of reject; ALREADY_EXECUTED of already_executed
  bool intent_known = false;  // the signature held: `intent` says what an acknowledgement is about
  intent::Intent intent;
  schemas::CommandState outcome{};  // of already_executed: what report() was told, NONE if nothing
};

// Owns     the trust lists, the memory of executed commands.
// Thread   one.
// Durable  a command is recorded before judge() says `execute` (a crash in between executes it never, not
//          twice); lists before accept_list() says ok. Both survive a restart, so that no older list and no
//          repeated command is taken afterwards.
// Limits   see Options; full of commands still to expire: TOO_MANY_COMMANDS.
class Verifier {
 public:
  // Fault::corrupt when what was stored is not intact: going on without it would execute commands twice.
  static Result<Verifier> open(Options options, Storage& storage);

  // A signed trust list or revocation list. LIST_NUMBER_LOW, LIST_KEY_UNKNOWN, SIGN*, STORE_FAULT.
  Outcome<void> accept_list(ByteView framed);

  // `now` is the vehicle's clock; it counts as no earlier than any time that a signature has proved.
  Judgement judge(ByteView request, WallMs now);

  // How it ended, for the answer to a resend. Not knowing the command is Fault::not_found.
  Result<void> report(const intent::Intent& intent, schemas::CommandState outcome);

  [[nodiscard]] const intent::Trust& trust() const { return trust_; }
  [[nodiscard]] std::size_t executed() const { return executed_.size(); }

 private:
  Verifier(Options options, Storage& storage);
  Result<void> load();
  Result<void> load_lists();
  Outcome<void> accept_trust_list(ByteView framed);
  Outcome<void> accept_revocation_list(ByteView framed);
  Outcome<void> admissible(const intent::Request& request, WallMs now) const;
  Judgement judge_opened(const intent::Request& request, WallMs now);
  Outcome<void> record(const intent::Request& request, const BodyHash& hash, WallMs now);
  Outcome<void> store_executed(const Executed& next);

  Options options_;
  Storage* storage_;
  intent::Trust trust_;
  Executed executed_;
  std::map<intent::PublicKey, Bytes> revocation_bytes_;  // as signed, by grant key
};

}  // namespace wayside::vehicle
