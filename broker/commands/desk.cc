// Start, stop and turns of the command thread, and what comes in. desk_actions.cc is what goes out.
#include "broker/commands/desk.h"

#include <algorithm>
#include <utility>

#include "common/log/log.h"

namespace wayside::broker {
namespace {

command::Connection connection(const ConnectionRef& ref) { return {ref.thread, ref.number}; }

command::Options lifecycle_options(const DeskOptions& options) {
  return {.region = options.region, .root_key = options.root_key, .groups = options.groups, .limits = options.limits};
}

}  // namespace

CommandDesk::CommandDesk(Disk& disk, const Clock& clock, metrics::Registry& metrics, DeskOptions options)
    : disk_(disk),
      clock_(clock),
      options_(std::move(options)),
      counters_(metrics),
      mailbox_(std::make_shared<Mailbox>(options_.mailbox_messages_max, options_.mailbox_acks_per_vehicle_max)),
      lifecycle_(lifecycle_options(options_)),
      trust_dir_(options_.trust_dir) {}

Result<std::unique_ptr<CommandDesk>> CommandDesk::open(Disk& disk, const Clock& clock, metrics::Registry& metrics,
                                                       DeskOptions options) {
  std::unique_ptr<CommandDesk> desk(new CommandDesk(disk, clock, metrics, std::move(options)));
  const auto sink = [mailbox = desk->mailbox_](command::Completion completion) {
    static_cast<void>(mailbox->post({std::move(completion), {}}));
  };
  const DeskOptions& own = desk->options_;
  auto store =
      command::SqliteStore::open(own.store_file, own.edge, own.store, sink, own.ack_lane.uuid, own.ack_lane.moved);
  if (!store) return std::move(store).error();
  if ((*store)->offsets_forgotten())
    log::warning("command_offsets_forgotten", {{"spool", to_string(own.ack_lane.uuid)}});
  desk->store_ = std::move(store).value();
  return desk;
}

CommandDesk::~CommandDesk() { stop(); }

Result<void> CommandDesk::start(CustodyPort& custody, IoPort& io) {
  custody_ = &custody;
  io_ = &io;
  ready_.emplace();
  auto ready = ready_->get_future();
  thread_ = std::thread([this] { run(); });
  return ready.get();
}

void CommandDesk::stop() {
  mailbox_->close();
  if (thread_.joinable()) thread_.join();
  store_.reset();
}

bool CommandDesk::post(CommandEvent event) { return mailbox_->post({std::move(event), clock_.mono()}); }

void CommandDesk::run() {
  step(command::Start{});
  while (true) {
    const bool closed = mailbox_->closed();
    std::deque<Posted> posted = mailbox_->wait(pause_ms());
    if (closed && posted.empty()) break;
    turn(std::move(posted));
  }
  report_ready(Error{Fault::internal, "the command thread was stopped before it was ready"});
}

void CommandDesk::turn(std::deque<Posted> posted) {
  for (Posted& one : posted) {
    if (auto* event = std::get_if<CommandEvent>(&one.message)) {
      std::visit([&](auto& value) { on(value, one.at); }, *event);
    } else if (auto* completion = std::get_if<command::Completion>(&one.message)) {
      step(command::Completed{std::move(*completion)});
    } else if (auto* status = std::get_if<StatusCommitted>(&one.message)) {
      step(command::StatusInLane{std::move(status->key), status->offset});
    } else {
      step(std::move(std::get<AckCommitted>(one.message).ack));
    }
  }
  if (scan_from_) scan(*std::exchange(scan_from_, std::nullopt));
  if (!lifecycle_.running()) return;
  if (clock_.mono() >= next_look_) look_at_lists();
  step(command::Tick{});
  if (const Offset needed = lifecycle_.lane_needed_from(); needed != kept_from_) {
    custody_->keep_from(Lane::ack, kept_from_ = needed);
  }
  counters_.standing(lifecycle_);
  if (loaded_ && lists_.empty()) report_ready({});
}

void CommandDesk::scan(Offset from) {
  const auto met = [this](Scanned scanned, Offset offset) {
    if (auto* status = std::get_if<command::StatusKey>(&scanned)) {
      step(command::ScannedStatus{std::move(*status), offset});
    } else if (auto* ack = std::get_if<command::AckInLane>(&scanned)) {
      step(std::move(*ack));
    }
  };
  auto scanned = scan_ack_lane(disk_, options_.ack_lane, from, met);
  if (!scanned) return report_ready(std::move(scanned).error());
  if (scanned->from > from || scanned->lost > 0) {
    log::warning("ack_lane_scan_gap", {{"asked", std::to_string(from.value)},
                                       {"from", std::to_string(scanned->from.value)},
                                       {"to", std::to_string(scanned->to.value)},
                                       {"lost", std::to_string(scanned->lost)}});
  }
  step(command::ScanDone{scanned->to});
}

std::int64_t CommandDesk::pause_ms() const {
  MonoMs until = clock_.mono() + options_.look_interval_ms;
  if (lifecycle_.running()) until = std::min(until, next_look_);
  if (const auto wake = lifecycle_.wake(now())) until = std::min(until, *wake);
  return std::max<std::int64_t>(until - clock_.mono(), 0);
}

void CommandDesk::report_ready(Result<void> result) {
  if (!ready_) return;
  ready_->set_value(std::move(result));
  ready_.reset();
}

void CommandDesk::look_at_lists() {
  next_look_ = clock_.mono() + options_.look_interval_ms;
  for (TrustDir::File& file : trust_dir_.look()) {
    const std::uint64_t token = next_token_++;
    lists_[token] = file.name;
    step(command::ListOffered{token, std::move(file.framed)});
  }
  for (const std::string& sentence : trust_dir_.take_sentences()) {
    log::warning("command_list_unreadable", {{"sentence", log::clean(sentence, 256)}});
  }
  std::erase_if(bad_lists_, [this](const std::string& name) { return !trust_dir_.holds(name); });
  counters_.lists_failing(bad_lists_.size() + trust_dir_.unreadable());
}

void CommandDesk::on(CommandRequested& event, MonoMs at) {
  const std::uint64_t token = next_token_++;
  requests_[token] = {event.to, event.token, std::move(event.done), at};
  step(command::Requested{token, std::move(event.request)});
}

void CommandDesk::on(VehicleReady& event, MonoMs /*at*/) {
  step(command::Ready{std::move(event.vehicle), event.epoch, connection(event.at)});
}

void CommandDesk::on(VehicleGone& event, MonoMs /*at*/) {
  step(command::Gone{std::move(event.vehicle), connection(event.at)});
}

void CommandDesk::on(CommandWritten& event, MonoMs /*at*/) {
  step(command::Written{{std::move(event.vehicle), event.id}, connection(event.at), event.written});
}

void CommandDesk::on(CommandPuback& event, MonoMs /*at*/) {
  step(command::Pubacked{{std::move(event.vehicle), event.id}, connection(event.at)});
}

void CommandDesk::on(AckOffered& event, MonoMs /*at*/) {
  command::Word word;
  if (event.payload.size() <= options_.limits.ack_bytes_max) {
    auto parsed = ack_word(event.payload, event.id);
    if (!parsed) return refuse_ack(event, Reason::PAYLOAD_INVALID);
    word = std::move(*parsed);
  }
  const std::uint64_t token = next_token_++;
  const command::CommandName name{event.vehicle, event.id};
  const std::size_t bytes = event.payload.size();
  acks_.emplace(token, Ack{std::move(event), std::move(word)});
  step(command::AckOffered{token, name, bytes});
}

void CommandDesk::on(CommandsAsked& event, MonoMs /*at*/) {
  std::vector<WaitingCommand> waiting;
  for (const auto& [row, written] : lifecycle_.open_of(event.vehicle)) {
    waiting.push_back({row->name.id, command::to_string(row->state), row->reason, row->group, row->what,
                       row->accepted_at, row->deadline, written});
  }
  event.done(std::move(waiting));
}

}  // namespace wayside::broker
