// Trust and revocation lists: judged, kept durably with their number, then in force.
#include "command/lifecycle.h"

namespace wayside::command {
namespace {

constexpr std::size_t kTypeAt = 5;  // "WSSG", version, type: intent/signed.h

bool says_revocation(ByteView framed) {
  return framed.size() > kTypeAt && framed[kTypeAt] == static_cast<std::uint8_t>(intent::SignedType::revocation_list);
}

}  // namespace

void Lifecycle::on(ListOffered& event) {
  const auto answer = [&](Reason reason) { actions_.emplace_back(ListVerdict{event.token, false, reason}); };
  if (phase_ != Phase::running) return answer(Reason::STORE_FAULT);
  InFlight flight{.what = InFlight::What::put_list, .token = event.token};
  PutList put;
  intent::Trust trial = trust_;
  if (says_revocation(event.framed)) {
    const auto list = intent::open_revocation_list(event.framed);
    if (!list) return answer(list.reason());
    if (const auto taken = trial.accept(list.value()); !taken) return answer(taken.reason());
    put.kind = ListKind::revocation;
    put.key = list->grant_key;
    put.number = list->number;
    put.time_mark = time_.advance_to(list->issued, now_);
    flight.revocation_list = list.value();
  } else {
    const auto list = intent::open_trust_list(event.framed);
    if (!list) return answer(list.reason());
    if (const auto taken = trial.accept(list.value()); !taken) return answer(taken.reason());
    put.kind = ListKind::trust;
    put.key = list->root_key;
    put.number = list->number;
    put.time_mark = time_.advance(now_);
    flight.trust_list = list.value();
  }
  put.framed = std::move(event.framed);
  submit(std::move(flight), std::move(put));
}

void Lifecycle::list_stored(InFlight& flight, const Completion& completion) {
  ListVerdict verdict{flight.token, false, Reason::STORE_FAULT};
  if (completion.outcome == StoreOutcome::number_low) verdict.reason = Reason::LIST_NUMBER_LOW;
  if (completion.outcome == StoreOutcome::fault) alarm(AlarmKind::store_fault, completion.sentence);
  if (completion.outcome == StoreOutcome::done) {
    const auto taken = flight.trust_list ? trust_.accept(*flight.trust_list) : trust_.accept(*flight.revocation_list);
    verdict.accepted = taken.ok();
    if (!taken) verdict.reason = taken.reason();
  }
  actions_.emplace_back(verdict);
  if (!verdict.accepted) return;
  // What was not sent yet and lost its permission is CANCELLED.
  for (auto at = vehicles_.begin(); at != vehicles_.end();) advance(at++);
}

}  // namespace wayside::command
