#include "command/outbox.h"

#include <algorithm>

namespace wayside::command {

void Outbox::add(Status status) {
  const auto [at, added] = by_key_.emplace(status.key, next_);
  if (!added) return;
  rows_.emplace(next_++, Row{std::move(status)});
  ++waiting_;
}

void Outbox::found(const StatusKey& key, Offset offset, MonoMs now) {
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return;
  const auto row = rows_.find(known->second);
  if (row->second.at == At::waiting) {
    --waiting_;
    settle_in_lane(row, offset, now);
  }
}

void Outbox::settle_in_lane(std::map<std::uint64_t, Row>::iterator row, Offset offset, MonoMs now) {
  row->second.at = At::in_lane;
  ++in_lane_;
  heard(offset.value + 1, now);
  if (!confirm_at_) confirm_at_ = now + kConfirmLingerMs;
}

void Outbox::heard(std::uint64_t next, MonoMs now) {
  if (next <= heard_) return;
  heard_ = next;
  if (!confirm_at_) confirm_at_ = now + kConfirmLingerMs;
}

std::vector<Outbox::Offered> Outbox::take(MonoMs now) {
  std::vector<Offered> out;
  if (retry_at_ && now < *retry_at_) return out;
  retry_at_.reset();
  if (waiting_ == 0) return out;
  for (auto& [number, row] : rows_) {
    if (offered_ >= kOfferedMax || waiting_ == 0) break;
    if (row.at != At::waiting) continue;
    row.at = At::offered;
    --waiting_;
    ++offered_;
    out.push_back({row.status, !row.offered_before});
    row.offered_before = true;
  }
  return out;
}

void Outbox::in_lane(const StatusKey& key, Offset offset, MonoMs now) {
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return;
  const auto row = rows_.find(known->second);
  if (row->second.at != At::offered) return;
  --offered_;
  settle_in_lane(row, offset, now);
}

void Outbox::refused(const StatusKey& key, MonoMs now) {
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return;
  Row& row = rows_.find(known->second)->second;
  if (row.at != At::offered) return;
  row.at = At::waiting;
  --offered_;
  ++waiting_;
  retry_at_ = now + kRetryMs;
}

std::optional<ConfirmOutbox> Outbox::confirm(MonoMs now) {
  if (confirming_ || (in_lane_ == 0 && heard_ == confirmed_)) return std::nullopt;
  if (in_lane_ < kConfirmBatch && confirm_at_ && now < *confirm_at_) return std::nullopt;
  ConfirmOutbox out;
  out.next_offset = heard_;
  for (auto& [number, row] : rows_) {
    if (row.at != At::in_lane) continue;
    row.at = At::confirming;
    out.keys.push_back(row.status.key);
  }
  in_lane_ = 0;
  confirming_ = heard_;
  confirm_at_.reset();
  return out;
}

void Outbox::confirmed(bool durable, MonoMs now) {
  if (durable) confirmed_ = *confirming_;
  confirming_.reset();
  for (auto row = rows_.begin(); row != rows_.end();) {
    if (row->second.at != At::confirming) {
      ++row;
    } else if (durable) {
      by_key_.erase(row->second.status.key);
      row = rows_.erase(row);
    } else {
      row->second.at = At::in_lane;
      ++in_lane_;
      ++row;
    }
  }
  if ((in_lane_ > 0 || heard_ > confirmed_) && !confirm_at_) confirm_at_ = now + kConfirmLingerMs;
}

std::optional<MonoMs> Outbox::wake() const {
  std::optional<MonoMs> at;
  if (retry_at_ && waiting_ > 0) at = retry_at_;
  if (confirm_at_ && !confirming_ && (!at || *confirm_at_ < *at)) at = confirm_at_;
  return at;
}

}  // namespace wayside::command
