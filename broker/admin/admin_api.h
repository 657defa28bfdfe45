// What an operator can ask over admin.sock, and what comes back. JSON stays in admin_json.cc.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/reasons.h"
#include "common/types.h"

namespace wayside::broker {

enum class AdminOp : std::uint8_t { status, block, unblock, drain, ledger };

struct AdminRequest {
  AdminOp op{};
  std::string vehicle;  // of block and unblock
};

struct AdminDone {};
struct AdminRefusal {
  Reason reason = Reason::ADMIN_FAILED;
  std::string sentence;
};
struct StatusReport {
  std::string edge;
  std::string region;
  std::string version;
  std::string spool_uuid;
  std::int64_t pid = 0;
  std::int64_t uptime_ms = 0;
  std::uint64_t vehicles_online = 0;
  int vehicles_port = 0;
  int services_port = 0;
  bool custody_writable = false;
  bool draining = false;
  std::string local_broker_mode;
  bool local_broker_up = false;
  std::int64_t local_broker_pid = 0;
};
struct LaneReport {
  Lane lane{};
  std::uint64_t received = 0;
  std::uint64_t delivered = 0;
  std::uint64_t compacted = 0;
  std::uint64_t resent = 0;
  std::uint64_t expired = 0;
  std::uint64_t lost = 0;
  std::uint64_t pending = 0;
  std::int64_t residual = 0;
  std::uint64_t settled = 0;
  std::uint64_t synced = 0;
  std::string digest;  // chain digest at settled
  std::uint64_t bytes = 0;
  std::int64_t oldest_ms = 0;
  bool writable = true;
  std::uint64_t offered = 0;
  std::uint64_t committed = 0;
  std::map<std::string, std::uint64_t> refused;
  std::map<std::string, std::uint64_t> shed;
};
struct LedgerReport {
  std::string spool_uuid;
  std::vector<LaneReport> lanes;
};
using AdminReply = std::variant<AdminDone, AdminRefusal, StatusReport, LedgerReport>;

// Thread: the control thread; answers at once.
class AdminHandler {
 public:
  virtual ~AdminHandler() = default;
  virtual AdminReply handle(const AdminRequest& request) = 0;
};

// One JSON object a line: {"op":"block","vehicle":"..."}. ADMIN_MALFORMED for anything else.
Outcome<AdminRequest> parse_admin_request(std::string_view line);
// {"ok":true,...} or {"ok":false,"reason":CODE,"sentence":"..."}, without the line end.
std::string render_admin_reply(const AdminReply& reply);

}  // namespace wayside::broker
