#include "broker/gate/refusal_log.h"

#include <algorithm>

namespace wayside::broker::gate {

void RefusalLog::note(const std::string& vehicle, std::string_view stage, Reason reason, WallMs at,
                      const std::optional<proxyheader::Endpoint>& from) {
  const std::scoped_lock lock(mutex_);
  const auto [place, fresh] = by_key_.try_emplace(Key{vehicle, stage, reason}, rows_.end());
  if (fresh) {
    place->second = rows_.insert(rows_.end(), Row{vehicle, {stage, reason, 0, at, at, {}}});
  } else {
    rows_.splice(rows_.end(), rows_, place->second);
  }
  Refusal& refusal = place->second->refusal;
  ++refusal.count;
  refusal.last = at;
  refusal.from = from;
  if (rows_.size() <= rows_max_) return;
  by_key_.erase(key_of(rows_.front()));
  rows_.pop_front();
}

std::vector<Refusal> RefusalLog::of(const std::string& vehicle) const {
  std::vector<Refusal> out;
  {
    const std::scoped_lock lock(mutex_);
    for (auto row = by_key_.lower_bound(Key{vehicle, {}, {}}); row != by_key_.end(); ++row) {
      if (std::get<0>(row->first) != vehicle) break;
      out.push_back(row->second->refusal);
    }
  }
  std::ranges::stable_sort(out, [](const Refusal& a, const Refusal& b) { return a.last > b.last; });
  return out;
}

}  // namespace wayside::broker::gate
