#include "tests/broker/support/qos2_world.h"

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>

#include "broker/gate/receipt.h"
#include "broker/gate/session_desk.h"
#include "broker/session/session.h"
#include "common/rng.h"
#include "schemas/record.h"
#include "tests/broker/support/qos2_vehicle.h"

namespace wayside::test {
namespace {

using namespace broker::session;
using broker::Committed;
using broker::Offer;
using broker::gate::SessionDesk;
using broker::gate::SessionRows;

constexpr const char* kCar = "WVWZZZ1JZXW000001";
constexpr WallMs kStart{1'700'000'000'000};

// The store as a wrong one would be.
class PlantedStore final : public SessionStore {
 public:
  PlantedStore(SessionDesk& desk, Qos2Bug bug) : desk_(desk), bug_(bug) {}
  void open(OpenRequest request, std::function<void(Outcome<OpenedSession>)> done) override {
    desk_.open(std::move(request), std::move(done));
  }
  void save(SaveRequest request, std::function<void(Outcome<void>)> done) override {
    desk_.save(std::move(request), std::move(done));
  }
  void end(EndRequest request) override { desk_.end(std::move(request)); }
  void expect(const std::string& id, Lane lane) override {
    if (bug_ != Qos2Bug::open_past_receipts) desk_.expect(id, lane);
  }
  void received(Receipt receipt, std::function<void(Outcome<void>)> done) override {
    if (bug_ == Qos2Bug::open_past_receipts) desk_.expect(receipt.id, receipt.lane);
    desk_.received(std::move(receipt), std::move(done));
  }
  void not_received(const std::string& id, Lane lane) override {
    if (bug_ != Qos2Bug::open_past_receipts) desk_.not_received(id, lane);
  }
  void release(ReleaseRequest request, std::function<void(Outcome<void>)> done) override {
    if (bug_ != Qos2Bug::pubcomp_before_release) return desk_.release(std::move(request), std::move(done));
    done({});
    desk_.release(std::move(request), [](const Outcome<void>&) {});
  }
  void lane_synced(Lane lane, Offset synced) override { desk_.lane_synced(lane, synced); }
  void left(std::size_t max, bool also_by_death, std::function<void(Outcome<std::vector<LeftOnline>>)> done) override {
    desk_.left(max, also_by_death, std::move(done));
  }
  void look(std::string id, std::function<void(Outcome<std::optional<KnownSession>>)> done) override {
    desk_.look(std::move(id), std::move(done));
  }
  void untold(LeftOnline one) override { desk_.untold(std::move(one)); }
  void told(LeftOnline one) override { desk_.told(std::move(one)); }

 private:
  SessionDesk& desk_;
  Qos2Bug bug_;
};

// One lane: what is queued dies with the process, what is committed stays.
struct ModelLane {
  std::deque<Offer> queue;
  std::vector<Bytes> records;
  std::size_t oldest = 0;
  std::uint64_t keep_from = 0;
};

struct Connection {
  explicit Connection(SessionOptions options) : session(std::move(options)) {}
  Session session;
  std::deque<Bytes> from_vehicle;
  Bytes to_vehicle;
};

class World {
 public:
  World(std::uint64_t seed, Qos2Bug bug, Qos2Counts& counts)
      : rng_(seed),
        bug_(bug),
        counts_(counts),
        car_(kCar, seed % 2 == 0 ? mqtt::Version::v5 : mqtt::Version::v311, counts) {
    auto rows = SessionRows::open_file(":memory:", 10, kStart);
    if (!rows.ok()) throw std::runtime_error(rows.error().what);
    rows_ = std::move(*rows);
    car_.stored = [this](const std::string& payload) {
      const auto found = stored_.find(payload);
      return found == stored_.end() ? std::size_t{0} : found->second;
    };
    start();
  }

  void step();
  // Without faults, until nothing is left to do.
  void drain();
  [[nodiscard]] const std::string& problem() const { return car_.problem; }

 private:
  using Letter = std::function<void(Connection&, Actions&)>;
  bool chance(std::uint64_t percent) { return rng_.below(100) < percent; }
  void start();
  void crash();
  void car_goes(bool noticed);
  void car_comes(bool clean);
  void to_broker();
  void to_car();
  void commit(Lane lane, std::size_t records);
  void refuse(Lane lane);
  void turn(bool fault);
  void read_letter();
  void release_segments(Lane lane);
  void post(std::uint64_t to, Letter letter) { mailbox_.emplace_back(to, std::move(letter)); }
  void post(std::uint64_t to, const Committed& committed) {
    post(to, [this, committed](Connection& c, Actions& out) { c.session.step(committed, now(), out); });
  }
  void run(std::uint64_t number, const std::function<void(Connection&, Actions&)>& does);
  void act(std::uint64_t number, Action& action);
  void claim(std::uint64_t number, const ClaimSession& action);
  void opened(std::uint64_t number, const OpenRequest& request, const Outcome<OpenedSession>& outcome);
  void offer(std::uint64_t number, OfferRecord& record);
  void over(std::uint64_t number);
  ModelLane& lane(Lane which) { return lanes_.at(index_of(which)); }
  [[nodiscard]] Now now() const { return {{clock_ms_}, {kStart.value + clock_ms_}}; }

  SeededRng rng_;
  Qos2Bug bug_;
  Qos2Counts& counts_;
  Qos2Vehicle car_;
  bool faults_ = true;
  std::int64_t clock_ms_ = 1;
  // Durable:
  std::unique_ptr<SessionRows> rows_;
  std::array<ModelLane, kLanes> lanes_;
  std::map<std::string, std::size_t> stored_;
  // Of the process:
  std::unique_ptr<SessionDesk> desk_;
  std::unique_ptr<SessionStore> store_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::deque<std::pair<std::uint64_t, Letter>> mailbox_;
  std::uint64_t last_ = 0;
  std::uint64_t current_ = 0;  // the vehicle's connection; 0: none
};

void World::start() {
  for (const Lane which : kAllLanes) {
    const auto scan = [&](Lane at, std::optional<Offset> from, const std::function<void(const Receipt&)>& met) {
      const Offset synced{lane(at).records.size()};
      if (!from || bug_ == Qos2Bug::receipts_not_scanned) return Result<Offset>(synced);
      for (std::size_t i = std::max<std::size_t>(from->value, lane(at).oldest); i < synced.value; ++i) {
        const auto record = schemas::decode_record(lane(at).records[i]);
        if (!record.ok() || record->packet_id == 0) continue;
        ++counts_.recovered;
        met({std::string(record->qos2_session), record->epoch, record->packet_id, at, {i}});
      }
      return Result<Offset>(synced);
    };
    if (!broker::gate::recover_receipts(*rows_, which, scan).ok()) throw std::runtime_error("recover");
    lane(which).keep_from = UINT64_MAX;
  }
  desk_ = std::make_unique<SessionDesk>(*rows_, [this](Lane at, Offset from) { lane(at).keep_from = from.value; });
  store_ = std::make_unique<PlantedStore>(*desk_, bug_);
}

void World::crash() {
  ++counts_.crashes;
  car_.lost();
  car_.sent.clear();
  connections_.clear();
  mailbox_.clear();
  current_ = 0;
  for (ModelLane& one : lanes_) one.queue.clear();
  store_.reset();
  desk_.reset();
  start();
}

void World::car_comes(bool clean) {
  SessionOptions options;
  options.peer = {Role::vehicle, kCar, "cohort", nullptr};
  options.self = {0, ++last_};
  options.edge = "edge-1";
  current_ = last_;
  connections_.emplace(last_, std::make_unique<Connection>(options));
  car_.connect(clean);
}

// The vehicle's end is gone, and what travelled with it; the broker may notice later.
void World::car_goes(bool noticed) {
  car_.lost();
  car_.sent.clear();
  const std::uint64_t number = current_;
  current_ = 0;
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  found->second->to_vehicle.clear();
  if (noticed) run(number, [this](Connection& c, Actions& out) { c.session.lost(now(), out); });
}

void World::to_broker() {
  if (current_ == 0 || car_.sent.empty()) return;
  const auto found = connections_.find(current_);
  if (found == connections_.end() || found->second->session.wants_pause()) return;
  const Bytes bytes = std::move(car_.sent.front());
  car_.sent.pop_front();
  run(current_, [&](Connection& c, Actions& out) {
    const mqtt::Decoded decoded = mqtt::decode(bytes, c.session.version(), mqtt::Role::server, 1U << 20U);
    c.session.step(decoded.packet, now(), out);
  });
}

void World::to_car() {
  if (current_ == 0) return;
  const auto found = connections_.find(current_);
  if (found == connections_.end()) return car_goes(false);
  Bytes& bytes = found->second->to_vehicle;
  if (bytes.empty()) {
    if (found->second->session.phase() == Phase::closed) car_goes(true);
    return;
  }
  const mqtt::Decoded decoded = mqtt::decode(bytes, car_.version(), mqtt::Role::client, 1U << 20U);
  car_.take(decoded.packet);
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(decoded.consumed));
}

void World::run(std::uint64_t number, const std::function<void(Connection&, Actions&)>& does) {
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  Actions actions;
  does(*found->second, actions);
  for (Action& action : actions) act(number, action);
}

void World::act(std::uint64_t number, Action& action) {
  if (auto* send = std::get_if<SendBytes>(&action)) {
    Bytes& to = connections_.at(number)->to_vehicle;
    if (number == current_) to.insert(to.end(), send->bytes.begin(), send->bytes.end());
  }
  if (auto* one = std::get_if<OfferRecord>(&action)) offer(number, *one);
  if (auto* group = std::get_if<OfferInOrder>(&action)) {
    for (OfferRecord& record : group->records) offer(number, record);
  }
  if (auto* one = std::get_if<ClaimSession>(&action)) claim(number, *one);
  if (auto* one = std::get_if<EndSession>(&action)) store_->end(one->request);
  if (auto* one = std::get_if<ReleaseId>(&action)) {
    store_->release(one->request, [this, number, id = one->request.packet_id](const Outcome<void>& outcome) {
      post(number, [=, this](Connection& c, Actions& out) { c.session.released(id, outcome, now(), out); });
    });
  }
}

// The older connection has stopped reading before the newer one's session is opened.
void World::claim(std::uint64_t number, const ClaimSession& action) {
  for (auto& [other, connection] : connections_) {
    if (other == number || connection->session.phase() == Phase::closed) continue;
    ++counts_.takeovers;
    run(other, [this](Connection& c, Actions& out) { c.session.end(Reason::SESSION_TAKEN_OVER, now(), out); });
  }
  std::erase_if(connections_, [&](const auto& entry) { return entry.first != number; });
  OpenRequest request = action.request;
  request.now = now().wall;
  store_->open(request, [this, number, request](const Outcome<OpenedSession>& outcome) {
    mailbox_.emplace_back(number, nullptr);
    mailbox_.back().second = [=, this](Connection& c, Actions& out) { c.session.step(outcome, now(), out); };
    opened(number, request, outcome);
  });
}

// A session that opened for nobody ends at once.
void World::opened(std::uint64_t number, const OpenRequest& request, const Outcome<OpenedSession>& outcome) {
  const auto found = connections_.find(number);
  const bool awaited = found != connections_.end() && found->second->session.phase() == Phase::opening;
  if (!awaited && outcome.ok()) store_->end({request.id, outcome.value().epoch, request.expiry_s, now().wall});
}

// As the gate's connection does it.
void World::offer(std::uint64_t number, OfferRecord& record) {
  Offer made{record.lane, std::move(record.body), "cohort", {0, number}, record.token, {}};
  if (record.receipt_id != 0) {
    const Session& session = connections_.at(number)->session;
    store_->expect(kCar, record.lane);
    made.done = broker::gate::told_after_receipt(*store_, {kCar, session.epoch(), record.receipt_id, record.lane, {}},
                                                 [this, number, token = record.token](Committed committed) {
                                                   committed.token = token;
                                                   post(number, committed);
                                                 });
  }
  ModelLane& to = lane(record.lane);
  if (faults_ && chance(5)) {
    if (record.receipt_id != 0) store_->not_received(kCar, record.lane);
    Committed refused{{}, record.token, false, Reason::SPOOL_FULL, record.lane, {}};
    return post(number, refused);
  }
  if (bug_ == Qos2Bug::pubrec_before_commit && made.done) {
    made.done(Committed{{}, record.token, true, {}, record.lane, {to.records.size() + to.queue.size()}});
    made.done = [](const Committed&) {};
  }
  to.queue.push_back(std::move(made));
}

void World::commit(Lane which, std::size_t records) {
  ModelLane& to = lane(which);
  for (; records > 0 && !to.queue.empty(); --records) {
    const Offer done = std::move(to.queue.front());
    to.queue.pop_front();
    const auto record = schemas::decode_record(done.body);
    if (record.ok() && record->packet_id != 0) {
      const std::string payload(as_text(record->payload));
      if (++stored_[payload] > 1) car_.problem = payload + " is twice in the lane";
    }
    to.records.push_back(done.body);
    const Committed committed{{}, done.token, true, {}, which, {to.records.size() - 1}};
    if (done.done) {
      done.done(committed);
    } else {
      post(done.to.number, committed);
    }
  }
}

void World::refuse(Lane which) {
  ModelLane& to = lane(which);
  if (to.queue.empty()) return;
  const Offer failed = std::move(to.queue.front());
  to.queue.pop_front();
  const Committed committed{{}, failed.token, false, Reason::SPOOL_FAULT, which, {}};
  if (failed.done) {
    failed.done(committed);
  } else {
    post(failed.to.number, committed);
  }
}

// A transaction that is open already makes the store's own fail.
void World::turn(bool fault) {
  if (fault && !rows_->begin().ok()) throw std::runtime_error("begin");
  if (!desk_->turn() && fault) rows_->rollback();
}

void World::read_letter() {
  if (mailbox_.empty()) return;
  const auto [number, letter] = std::move(mailbox_.front());
  mailbox_.pop_front();
  run(number, letter);
}

// Settled and below what the sessions need.
void World::release_segments(Lane which) {
  ModelLane& of = lane(which);
  const std::size_t below = static_cast<std::size_t>(std::min<std::uint64_t>(of.keep_from, of.records.size()));
  if (below > of.oldest) of.oldest += static_cast<std::size_t>(rng_.below(below - of.oldest + 1));
}

void World::step() {
  clock_ms_ += static_cast<std::int64_t>(rng_.below(40));
  const Lane which = chance(50) ? Lane::event : Lane::state;
  const std::uint64_t dice = rng_.below(100);
  if (car_.away() && dice < 40) return car_comes(chance(6));
  if (dice < 14) return car_.publish_next(true);
  if (dice < 34) return to_broker();
  if (dice < 52) return to_car();
  if (dice < 62) return commit(which, 1 + rng_.below(4));
  if (dice < 64) return refuse(which);
  if (dice < 76) return turn(chance(8));
  if (dice < 90) return read_letter();
  if (dice < 92) return store_->lane_synced(which, {lane(which).records.size()});
  if (dice < 94) return release_segments(which);
  if (dice < 96) return run(current_, [this](Connection& c, Actions& out) { c.session.tick(now(), out); });
  if (dice < 98) return car_goes(chance(50));
  crash();
}

void World::drain() {
  faults_ = false;
  for (unsigned i = 0; i < 2'000 && problem().empty(); ++i) {
    clock_ms_ += 40;
    if (car_.away()) car_comes(false);
    car_.publish_next(false);
    to_broker();
    for (const Lane which : kAllLanes) commit(which, 4);
    turn(false);
    while (!mailbox_.empty()) read_letter();
    run(current_, [this](Connection& c, Actions& out) { c.session.tick(now(), out); });
    to_car();
    if (car_.online() && car_.done()) return;
  }
  if (problem().empty()) car_.problem = "not everything came to PUBCOMP";
}

}  // namespace

std::string run_qos2_history(std::uint64_t seed, unsigned steps, Qos2Bug bug, Qos2Counts& counts) {
  World world(seed, bug, counts);
  for (unsigned i = 0; i < steps && world.problem().empty(); ++i) world.step();
  if (world.problem().empty()) world.drain();
  return world.problem();
}

Qos2Found find_qos2_bug(Qos2Bug bug, std::uint64_t seeds_max) {
  constexpr unsigned kSteps = 400;
  Qos2Counts counts;
  for (std::uint64_t seed = 1; seed <= seeds_max; ++seed) {
    const std::string problem = run_qos2_history(seed, kSteps, bug, counts);
    if (!problem.empty()) return {true, seed, problem};
  }
  return {};
}

}  // namespace wayside::test
