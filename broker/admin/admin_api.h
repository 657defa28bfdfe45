// What an operator can ask over admin.sock, and what comes back. JSON stays in admin_json.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/ports.h"
#include "common/reasons.h"
#include "common/types.h"

namespace wayside::broker {

enum class AdminOp : std::uint8_t { status, block, unblock, drain, ledger, vehicle };

struct AdminRequest {
  AdminOp op{};
  std::string vehicle;  // of block, unblock and vehicle
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
struct VehicleReport {
  struct Connection {
    WallMs since{};
    std::string from;  // address and port; of a balancer's header, where there is one
    std::string mqtt;  // "5" or "3.1.1"
    std::string tls;
    bool resumed = false;
    std::uint16_t keep_alive_s = 0;
    std::string cohort;
    std::string serial;  // of the certificate
    std::string issuer;
    WallMs not_after{};
    std::size_t subscriptions = 0;
    std::size_t unanswered = 0;  // publishes of the vehicle
    std::size_t parked = 0;      // of these, what waits for room in custody
    std::size_t inflight = 0;    // messages sent to it and not acknowledged
    std::size_t queued = 0;      // messages that wait for its Receive Maximum
  };
  struct Session {
    std::uint64_t epoch = 0;
    std::uint32_t expiry_s = 0;
    bool kept = false;              // it outlives its connection, and has not expired
    std::optional<WallMs> ended{};  // nullopt: connected
    std::optional<WallMs> expires{};
    std::size_t subscriptions = 0;
  };
  struct Refusal {
    std::string stage;
    Reason reason{};
    std::uint64_t count = 0;
    WallMs first{};
    WallMs last{};
    std::string from;  // at the last time
  };
  std::string edge;
  std::string region;
  std::string vehicle;
  WallMs at{};
  bool blocked = false;
  std::optional<Connection> connection;
  std::optional<Session> session;
  bool sessions_answer = false;  // false: the session store failed, what it keeps is unknown
  bool commands_answer = false;
  std::vector<WaitingCommand> commands;
  std::vector<Refusal> refusals;  // the newest first
};
using AdminReply = std::variant<AdminDone, AdminRefusal, StatusReport, LedgerReport, VehicleReport>;
using AdminReplied = std::function<void(AdminReply)>;

// Thread: the control thread; `replied` is called on it, once, before handle() returns or later.
class AdminHandler {
 public:
  virtual ~AdminHandler() = default;
  virtual void handle(const AdminRequest& request, AdminReplied replied) = 0;
};

// One JSON object a line: {"op":"block","vehicle":"..."}. ADMIN_MALFORMED for anything else.
Outcome<AdminRequest> parse_admin_request(std::string_view line);
// {"ok":true,...} or {"ok":false,"reason":CODE,"sentence":"..."}, without the line end.
std::string render_admin_reply(const AdminReply& reply);

}  // namespace wayside::broker
