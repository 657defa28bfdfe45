#include "vehicle/verifier.h"

#include <openssl/evp.h>

#include <algorithm>

#include "schemas/gen/command_generated.h"

namespace wayside::vehicle {
namespace {

constexpr const char* kExecutedName = "executed";
constexpr const char* kTrustName = "trust_list";
constexpr const char* kRevocationsName = "revocations";

BodyHash hash_of(ByteView bytes) {
  BodyHash hash{};
  WAYSIDE_ASSERT(EVP_Digest(bytes.data(), bytes.size(), hash.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return hash;
}

Judgement rejected(Reason reason) {
  Judgement judgement;
  judgement.reason = reason;
  return judgement;
}

Error not_intact(const char* name) {
  return Error{Fault::corrupt, std::string("the stored ") + name + " is not what was accepted"};
}

}  // namespace

Verifier::Verifier(Options options, Storage& storage)
    : options_(std::move(options)), storage_(&storage), executed_(options_.executed_max, options_.counters_max) {
  trust_.root_key = options_.root_key;
}

Result<Verifier> Verifier::open(Options options, Storage& storage) {
  Verifier verifier(std::move(options), storage);
  if (auto loaded = verifier.load(); !loaded) return loaded.error();
  return verifier;
}

Result<void> Verifier::load() {
  const auto blob = storage_->load(kExecutedName);
  if (!blob) return blob.error();
  if (!blob->empty()) {
    if (auto decoded = executed_.decode(*blob); !decoded) return decoded;
  }
  return load_lists();
}

Result<void> Verifier::load_lists() {
  const auto trust_list = storage_->load(kTrustName);
  if (!trust_list) return trust_list.error();
  if (!trust_list->empty()) {
    const auto list = intent::open_trust_list(*trust_list);
    if (!list.ok() || !trust_.accept(list.value()).ok()) return not_intact(kTrustName);
  }
  const auto revocations = storage_->load(kRevocationsName);
  if (!revocations) return revocations.error();
  ByteView rest = *revocations;
  while (!rest.empty()) {
    const auto opened = intent::open_signed(rest, intent::SignedType::revocation_list, true);
    if (!opened.ok()) return not_intact(kRevocationsName);
    const ByteView framed = rest.first(opened->size);
    auto list = intent::open_revocation_list(framed);
    if (!list.ok()) return not_intact(kRevocationsName);
    // Held as accepted once, also when the newest trust list names its key no more: the number must stay.
    trust_.revocations.insert_or_assign(list->grant_key, list.value());
    revocation_bytes_[list->grant_key] = Bytes(framed.begin(), framed.end());
    rest = rest.subspan(opened->size);
  }
  return {};
}

Outcome<void> Verifier::accept_list(ByteView framed) {
  constexpr std::size_t kTypeAt = 5;
  const bool trust_list =
      framed.size() > kTypeAt && framed[kTypeAt] == static_cast<std::uint8_t>(intent::SignedType::trust_list);
  return trust_list ? accept_trust_list(framed) : accept_revocation_list(framed);
}

Outcome<void> Verifier::accept_trust_list(ByteView framed) {
  const auto list = intent::open_trust_list(framed);
  if (!list.ok()) return list.reason();
  intent::Trust next = trust_;
  if (auto accepted = next.accept(list.value()); !accepted) return accepted;
  Executed proved = executed_;
  proved.raise_time(list->issued);
  if (auto stored = store_executed(proved); !stored) return stored;
  if (!storage_->store(kTrustName, framed).ok()) return Reason::STORE_FAULT;
  trust_ = std::move(next);
  return {};
}

Outcome<void> Verifier::accept_revocation_list(ByteView framed) {
  const auto list = intent::open_revocation_list(framed);
  if (!list.ok()) return list.reason();
  intent::Trust next = trust_;
  if (auto accepted = next.accept(list.value()); !accepted) return accepted;
  auto bytes = revocation_bytes_;
  bytes[list->grant_key] = Bytes(framed.begin(), framed.end());
  std::erase_if(bytes, [&](const auto& entry) { return !next.revocations.contains(entry.first); });
  Bytes blob;
  for (const auto& [key, content] : bytes) blob.insert(blob.end(), content.begin(), content.end());
  Executed proved = executed_;
  proved.raise_time(list->issued);
  if (auto stored = store_executed(proved); !stored) return stored;
  if (!storage_->store(kRevocationsName, blob).ok()) return Reason::STORE_FAULT;
  trust_ = std::move(next);
  revocation_bytes_ = std::move(bytes);
  return {};
}

Judgement Verifier::judge(ByteView request, WallMs now) {
  const auto opened = intent::open_request(request);
  if (!opened.ok()) return rejected(opened.reason());
  Judgement judgement = judge_opened(opened.value(), std::max(now, executed_.time_high()));
  judgement.intent_known = true;
  judgement.intent = opened->intent;
  return judgement;
}

Judgement Verifier::judge_opened(const intent::Request& request, WallMs now) {
  const intent::Intent& intent = request.intent;
  if (intent.vehicle != options_.vehicle) return rejected(Reason::VEHICLE_MISMATCH);
  const BodyHash hash = hash_of(request.intent_bytes);
  if (const ExecutedCommand* before = executed_.find(intent.issuer_key, intent.command_id); before != nullptr) {
    if (before->hash != hash) return rejected(Reason::ID_CONFLICT);
    Judgement judgement = rejected(Reason::ALREADY_EXECUTED);
    judgement.verdict = Verdict::already_executed;
    judgement.outcome = static_cast<schemas::CommandState>(before->outcome);
    return judgement;
  }
  if (auto allowed = admissible(request, now); !allowed) return rejected(allowed.reason());
  if (auto recorded = record(request, hash, now); !recorded) return rejected(recorded.reason());
  Judgement judgement;
  judgement.verdict = Verdict::execute;
  return judgement;
}

Outcome<void> Verifier::admissible(const intent::Request& request, WallMs now) const {
  const intent::Intent& intent = request.intent;
  if (auto judged = intent::judge(request, trust_, options_.region, now, options_.deadline_max_ms); !judged) {
    return judged;
  }
  if (intent.deadline <= executed_.deadline_floor()) return Reason::DEADLINE_PASSED;
  if (intent.supersede_key.empty()) return {};  // supersedes nothing, and nothing supersedes it
  const auto highest = executed_.counter(intent.issuer_key, intent.supersede_key);
  if (highest.has_value() && intent.counter <= *highest) return Reason::COUNTER_LOW;
  return {};
}

Outcome<void> Verifier::record(const intent::Request& request, const BodyHash& hash, WallMs now) {
  const intent::Intent& intent = request.intent;
  Executed next = executed_;
  if (!next.add({intent.issuer_key, intent.command_id, hash, intent.deadline, 0}, now)) {
    return Reason::TOO_MANY_COMMANDS;
  }
  if (!intent.supersede_key.empty()) next.raise_counter(intent.issuer_key, intent.supersede_key, intent.counter);
  next.raise_time(std::min(intent.created, now));  // an issuer's clock that runs ahead proves nothing
  return store_executed(next);
}

Outcome<void> Verifier::store_executed(const Executed& next) {
  if (!storage_->store(kExecutedName, next.encode()).ok()) return Reason::STORE_FAULT;
  executed_ = next;
  return {};
}

Result<void> Verifier::report(const intent::Intent& intent, schemas::CommandState outcome) {
  Executed next = executed_;
  ExecutedCommand* command = next.find(intent.issuer_key, intent.command_id);
  if (command == nullptr) return Error{Fault::not_found, "no executed command has this id"};
  command->outcome = static_cast<std::uint8_t>(outcome);
  if (auto stored = storage_->store(kExecutedName, next.encode()); !stored) return stored;
  executed_ = std::move(next);
  return {};
}

}  // namespace wayside::vehicle
