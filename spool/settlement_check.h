// What a lane's pages and settlement log say of themselves, for verify. Internal to spool/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "spool/inspect.h"
#include "spool/settlement_codec.h"

namespace wayside::spool {

struct SyncedPageCheck {
  Offset synced{};  // the lower of both words
  std::vector<Damage> damages;
};
Result<SyncedPageCheck> check_synced_page(Disk& disk, const std::string& dir);

struct SettlementCheck {
  std::optional<SettlementEntry> last;
  std::vector<Damage> damages;
};
// A torn last entry is no damage: nobody was told of it.
Result<SettlementCheck> check_settlement(Disk& disk, const std::string& dir, const Identity& identity);

}  // namespace wayside::spool
