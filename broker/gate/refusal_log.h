// What vehicles were refused, for the operator who asks why one of them does not get through. In memory alone: it names
// vehicles, which logs and metrics never do.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "broker/proxyheader/address.h"
#include "common/reasons.h"
#include "common/types.h"

namespace wayside::broker::gate {

struct Refusal {
  std::string_view stage;
  Reason reason{};
  std::uint64_t count = 0;
  WallMs first{};
  WallMs last{};
  std::optional<proxyheader::Endpoint> from;  // at the last time
};

// Owns: the rows. Thread: any; a short lock at each refusal. Durable: nothing. Limits: `rows_max`, the one that was
// added to longest ago goes. What repeats is one row with a count, so that one vehicle that is refused again and again
// takes no more rows than there are stages and reasons, and not those of others.
class RefusalLog {
 public:
  explicit RefusalLog(std::size_t rows_max) : rows_max_(rows_max) {}

  // `stage` is a literal: it outlives the row. Of a vehicle that its certificate has proven.
  void note(const std::string& vehicle, std::string_view stage, Reason reason, WallMs at,
            const std::optional<proxyheader::Endpoint>& from);
  // The newest first.
  [[nodiscard]] std::vector<Refusal> of(const std::string& vehicle) const;

 private:
  struct Row {
    std::string vehicle;
    Refusal refusal;
  };
  using Key = std::tuple<std::string, std::string_view, Reason>;
  static Key key_of(const Row& row) { return {row.vehicle, row.refusal.stage, row.refusal.reason}; }

  const std::size_t rows_max_;
  mutable std::mutex mutex_;
  std::list<Row> rows_;  // in the order in which they were added to
  std::map<Key, std::list<Row>::iterator> by_key_;
};

}  // namespace wayside::broker::gate
