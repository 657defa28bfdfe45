// The command thread: the lifecycle, its store, the trust, and the ports to gate and custody.
#pragma once

#include <deque>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "broker/commands/desk_counters.h"
#include "broker/commands/lane_scan.h"
#include "broker/commands/mailbox.h"
#include "broker/commands/trust_dir.h"
#include "broker/ports.h"
#include "command/lifecycle.h"
#include "command/sqlite/sqlite_store.h"
#include "common/clock.h"
#include "common/disk.h"

namespace wayside::broker {

struct DeskOptions {
  std::string edge;
  std::string region;
  std::string store_file;  // <state_dir>/commands.db
  std::string trust_dir;
  intent::PublicKey root_key{};        // read_public_key(commands.root_key_file)
  AckLane ack_lane;                    // Volume::lane_dir(Lane::ack) and its uuid
  std::map<std::string, bool> groups;  // [[group]] name -> idempotent
  command::Limits limits;
  command::StoreLimits store;
  std::size_t mailbox_messages_max = 4096;
  std::size_t mailbox_acks_per_vehicle_max = 64;
  std::int64_t look_interval_ms = 1'000;  // at the trust folder and the wall clock
};

// Owns     the command thread, the lifecycle, the store and its thread.
// Thread   post: any; open, start, stop: one.
// Durable  the store; statuses, audit and acks once custody says Committed.
// Limits   mailbox_messages_max requests and as many acks wait; command::Limits; the rest answers what was offered.
class CommandDesk final : public CommandPort {
 public:
  // Opens (creates) the store. Custody has recovered the ack lane before.
  static Result<std::unique_ptr<CommandDesk>> open(Disk& disk, const Clock& clock, metrics::Registry& metrics,
                                                   DeskOptions options);
  ~CommandDesk() override;

  // Returns when the open commands are loaded, the ack lane is scanned and the lists that lie in trust_dir
  // are judged. Both ports outlive stop(); custody must take offers.
  Result<void> start(CustodyPort& custody, IoPort& io);
  // Ends after what the mailbox holds. What is not finished goes on at the next start.
  void stop();

  [[nodiscard]] bool post(CommandEvent event) override;

 private:
  struct Request {
    ConnectionRef to;
    std::uint64_t token = 0;
    std::function<void(bool accepted, Reason reason)> done;
    MonoMs at{};
  };
  struct Ack {
    AckOffered offered;
    command::Word word;
  };

  CommandDesk(Disk& disk, const Clock& clock, metrics::Registry& metrics, DeskOptions options);
  void run();
  void turn(std::deque<Posted> posted);
  [[nodiscard]] std::int64_t pause_ms() const;
  void scan(Offset from);
  void look_at_lists();
  void report_ready(Result<void> result);

  void step(command::Event event);
  void on(CommandRequested& event, MonoMs at);
  void on(VehicleReady& event, MonoMs at);
  void on(VehicleGone& event, MonoMs at);
  void on(CommandWritten& event, MonoMs at);
  void on(CommandPuback& event, MonoMs at);
  void on(AckOffered& event, MonoMs at);
  void on(CommandsAsked& event, MonoMs at);

  void act(command::Submit& action);
  void act(command::Scan& action);
  void act(command::Answer& action);
  void act(command::Deliver& action);
  void act(command::Reset& action);
  void act(command::AckVerdict& action);
  void act(command::Publish& action);
  void act(command::ListVerdict& action);
  void act(command::Alarm& action);
  void act(command::Running& action);
  void audit(const command::Answer& answer);
  void refuse_ack(const AckOffered& offered, Reason reason);
  [[nodiscard]] command::Now now() const { return {clock_.wall(), clock_.mono()}; }

  Disk& disk_;
  const Clock& clock_;
  const DeskOptions options_;
  DeskCounters counters_;
  std::shared_ptr<Mailbox> mailbox_;  // shared with callbacks of lane threads, which may outlive the desk
  std::unique_ptr<command::SqliteStore> store_;
  CustodyPort* custody_ = nullptr;
  IoPort* io_ = nullptr;

  // Of the command thread:
  command::Lifecycle lifecycle_;
  TrustDir trust_dir_;
  std::map<std::uint64_t, Request> requests_;   // by token
  std::map<std::uint64_t, Ack> acks_;           // judged, not offered yet
  std::map<std::uint64_t, std::string> lists_;  // offered to the lifecycle: file name
  std::uint64_t next_token_ = 1;
  MonoMs next_look_{};
  std::set<std::string> lists_to_retry_;  // refused for want of another list
  std::set<std::string> bad_lists_;       // refused, and not for being older than what is in force
  std::deque<command::Event> events_;     // raised by actions: stepped after the step in hand
  bool stepping_ = false;
  std::optional<Offset> scan_from_;
  bool loaded_ = false;
  Offset kept_from_{};  // what custody was told
  std::optional<std::promise<Result<void>>> ready_;

  std::thread thread_;
};

}  // namespace wayside::broker
