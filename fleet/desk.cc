#include "fleet/desk.h"

#include <algorithm>

namespace wayside::fleet {
namespace {

constexpr int kAttemptMs = 8'000;

template <typename Each>
void each_status(const std::vector<schemas::CommandStatusMessage>& before, const Issuer* issuer, Each each) {
  for (const auto& status : before) each(status);
  if (issuer == nullptr) return;
  for (const auto& status : issuer->statuses()) each(status);
}

}  // namespace

void Desk::lose() {
  if (issuer_ == nullptr) return;
  ++losses_;
  before_.insert(before_.end(), issuer_->statuses().begin(), issuer_->statuses().end());
  issuer_.reset();
}

Result<void> Desk::ensure(int timeout_ms) {
  if (issuer_ != nullptr) return {};
  auto issuer = Issuer::connect(options_, clock_, timeout_ms);
  if (!issuer) return std::move(issuer).error();
  for (const auto& vehicle : followed_) {
    if (auto done = (*issuer)->follow(vehicle, timeout_ms); !done) return done;
  }
  issuer_ = std::move(issuer).value();
  return {};
}

Result<void> Desk::follow(const std::string& vehicle, int timeout_ms) {
  followed_.push_back(vehicle);
  lose();
  losses_ = 0;
  const MonoMs until = clock_.mono() + timeout_ms;
  for (;;) {
    auto connected = ensure(kAttemptMs);
    if (connected || clock_.mono() >= until) return connected;
    meanwhile_();
  }
}

Result<RequestAnswer> Desk::request(const std::string& vehicle, const SignedRequest& request, int timeout_ms) {
  const MonoMs until = clock_.mono() + timeout_ms;
  for (;;) {
    Result<RequestAnswer> answer = Error{Fault::unreachable, "not connected"};
    if (auto connected = ensure(kAttemptMs); !connected) {
      answer = std::move(connected).error();
    } else {
      answer = issuer_->request(vehicle, request, kAttemptMs);
      if (answer) return answer;
      lose();
    }
    if (clock_.mono() >= until) return answer;
    meanwhile_();
  }
}

std::optional<schemas::CommandStatusMessage> Desk::wait_final(const SignedRequest& request, int timeout_ms) {
  if (issuer_ != nullptr) {
    if (auto ended = issuer_->wait_final(request, timeout_ms); !ended && ended.error().fault != Fault::timeout) lose();
  }
  return final(request);
}

void Desk::listen() {
  if (issuer_ == nullptr) {
    (void)ensure(1'000);  // tried again with the next call
  } else if (auto heard = issuer_->listen(0); !heard) {
    lose();
  }
}

std::optional<schemas::CommandStatusMessage> Desk::final(const SignedRequest& request) const {
  std::optional<schemas::CommandStatusMessage> found;
  each_status(before_, issuer_.get(), [&](const auto& status) {
    if (status.command_id == request.id && schemas::terminal(status.state)) found = status;
  });
  return found;
}

bool Desk::heard_of(const SignedRequest& request) const {
  bool found = false;
  each_status(before_, issuer_.get(), [&](const auto& status) { found = found || status.command_id == request.id; });
  return found;
}

}  // namespace wayside::fleet
