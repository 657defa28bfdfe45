#include "tests/simulation/custody_world.h"

#include <array>
#include <stdexcept>

#include "broker/gate/receipt.h"
#include "broker/receipt_scan.h"
#include "schemas/record.h"
#include "tests/simulation/custody_inside.h"

namespace wayside::test {

using namespace broker::session;
using broker::Committed;
using broker::gate::SessionDesk;
using broker::gate::SessionRows;

namespace {

constexpr std::array<const char*, 3> kIds = {"WVWZZZ1JZXW000001", "WVWZZZ1JZXW000002", "WVWZZZ1JZXW000003"};

// In a third of the worlds lanes meet their own bound first, in a third the total.
CustodySizes sizes_of(std::uint64_t seed) {
  CustodySizes sizes;
  if (seed % 3 == 0) return sizes;
  sizes.lane_bytes_max = seed % 2 == 0 ? 256U << 10U : 768U << 10U;
  return sizes;
}

}  // namespace

CustodyWorld::CustodyWorld(std::uint64_t seed, CustodyBug bug, CustodyCounts& counts)
    : rng_(seed), counts_(counts), account_(disk_, counts.survivors), stage_{disk_, clock_,         account_,
                                                                             door_, sizes_of(seed), bug} {
  auto rows = SessionRows::open_file(":memory:", 10, clock_.wall());
  if (!rows.ok()) throw std::runtime_error(rows.error().what);
  rows_ = std::move(*rows);
  for (std::size_t i = 0; i < kIds.size(); ++i) {
    const bool v5 = i == 0 || (i == 2 && seed % 2 == 0);
    cars_.push_back({CustodyVehicle(kIds[i], v5 ? mqtt::Version::v5 : mqtt::Version::v311, account_), 0});
  }
  start();
}

void CustodyWorld::start() {
  disk_.clear_faults();
  auto custody = SimCustody::open(stage_);
  if (!custody.ok()) {
    account_.problem = "custody does not start: " + custody.error().what;
    return;
  }
  custody_ = std::move(*custody);
  account_.look(custody_->volume(), true);
  const auto scan = broker::scan_of_receipts(disk_, custody_->volume());
  for (const Lane which : kAllLanes) {
    if (!broker::gate::recover_receipts(*rows_, which, scan).ok()) account_.problem = "receipts are not recovered";
    lane(which).watch().keep_from({UINT64_MAX}, broker::Keeper::sessions);
  }
  store_ = std::make_unique<SessionDesk>(
      *rows_, [this](Lane at, Offset from) { lane(at).watch().keep_from(from, broker::Keeper::sessions); });
}

// What the process held is gone, and with it what the vehicles had on the way.
void CustodyWorld::forget_process() {
  ++counts_.crashes;
  for (Car& car : cars_) {
    car.vehicle.lost();
    car.connection = 0;
  }
  connections_.clear();
  mailbox_.clear();
  refused_.clear();
  for (broker::OfferBurst& burst : bursts_) burst.clear();
  for (const Lane which : kAllLanes) {
    lane(which).count(counts_);
  }
  store_.reset();
  custody_.reset();
  (void)door_.forget_waiting();
}

void CustodyWorld::die(bool power) {
  forget_process();
  if (power) {
    disk_.power_loss(rng_);
  } else {
    disk_.kill();
  }
  start();
}

// A clean stop: what is queued is written, the lanes are sealed.
void CustodyWorld::restart() {
  hand_over();
  for (const Lane which : kAllLanes) {
    lane(which).stop();
    while (lane(which).desk().queued() > 0) work(which, true);
    if (died_) return;
    lane(which).seal();
  }
  check(false);
  forget_process();
  disk_.kill();
  start();
}

void CustodyWorld::fail_disk() {
  constexpr std::array kCalls = {SimCall::fdatasync, SimCall::fdatasync, SimCall::pwrite,
                                 SimCall::fallocate, SimCall::fsync_dir, SimCall::rename};
  const Fault fault = chance(50) ? Fault::io : Fault::no_space;
  disk_.fail(kCalls.at(rng_.below(kCalls.size())), fault, static_cast<unsigned>(rng_.below(3)),
             static_cast<unsigned>(1 + rng_.below(3)));
}

void CustodyWorld::slow_sync() {
  disk_.slow(SimCall::fdatasync, 1, [this] { during_sync(); });
}

// A group, or a settlement, is being synced; the I/O threads go on. The machine may die in the middle.
void CustodyWorld::during_sync() {
  clock_.advance_ms(static_cast<std::int64_t>(50 + rng_.below(1'500)));
  if (!syncing_ || died_) return;
  ++counts_.slow;
  for (unsigned n = 0; n < 4; ++n) io_turn();
  if (!chance(30)) return;
  ++counts_.in_sync;
  died_ = true;
  if (chance(60)) {
    disk_.power_loss(rng_);
  } else {
    disk_.kill();
  }
}

void CustodyWorld::check(bool writing) {
  if (!custody_) return;
  account_.look(custody_->volume(), false);
  if (account_.problem.empty()) account_.problem = custody_->problem(writing);
}

void CustodyWorld::io_turn() {
  for (std::uint64_t n = rng_.below(4); n > 0; --n) some_car().vehicle.publish_new(rng_);
  for (std::uint64_t n = 1 + rng_.below(8); n > 0; --n) to_broker(some_car());
  hand_over();
}

void CustodyWorld::work(Lane which, bool all) {
  syncing_ = true;
  lane(which).work(chance(20), all, [this](const broker::QueuedBurst& queued, const Committed& answer) {
    if (died_) return;
    if (queued.done) return queued.done(answer);
    post(answer.to.number, answer);
  });
  syncing_ = false;
  if (!died_) return;
  forget_process();
  start();
  died_ = false;
}

// As the command thread offers a status: not of a vehicle, to a lane that the other three never fill.
void CustodyWorld::urgent() {
  const std::string name = account_.published({"u" + std::to_string(++last_urgent_), 0, last_urgent_, 1, false});
  broker::Offer offer;
  offer.lane = Lane::ack;
  offer.cohort = "cohort";
  const std::string payload = name + ' ' + std::string(rng_.below(4'000), '.');
  schemas::RecordView record;
  record.vehicle = kIds[0];
  record.topic = "status";
  record.payload = as_bytes(payload);
  record.cohort = "cohort";
  schemas::encode_record(record, offer.body);
  offer.done = [this, name](const Committed& answer) {
    account_.look(custody_->volume(), false);
    if (answer.ok) {
      account_.acknowledged(name);
    } else {
      account_.refused(name);
    }
  };
  if (!lane(Lane::ack).offer(std::move(offer)).ok()) account_.refused(name);
}

// A transaction that is open already makes the store's own fail.
void CustodyWorld::turn(bool fault) {
  if (fault && !rows_->begin().ok()) throw std::runtime_error("begin");
  if (!store_->turn() && fault) rows_->rollback();
}

void CustodyWorld::step() {
  clock_.advance_ms(static_cast<std::int64_t>(rng_.below(40)));
  constexpr std::array kLanesUsed = {Lane::event, Lane::state, Lane::bulk, Lane::ack};
  const Lane which = kLanesUsed.at(rng_.below(kLanesUsed.size()));
  const std::uint64_t dice = rng_.below(1'000);
  Car& car = some_car();
  if (car.vehicle.away() && dice < 500) {
    car_comes(car);
  } else if (dice < 280) {
    io_turn();
  } else if (dice < 400) {
    to_car(car);
  } else if (dice < 560) {
    work(which, false);
  } else if (dice < 660) {
    turn(chance(8));
  } else if (dice < 800) {
    for (std::uint64_t n = rng_.below(6); n > 0; --n) read_letter();
    hand_over();
  } else if (dice < 840) {
    lane(which).look_around();
    store_->lane_synced(which, lane(which).writer().synced());
  } else if (dice < 848) {
    (void)settle(disk_, custody_->volume(), which, 1 + rng_.below(12), core_[index_of(which)]);
  } else if (dice < 868) {
    urgent();
  } else if (dice < 910) {
    run(car.connection, [this](CustodyConnection& c, Actions& out) { c.session.tick(now(), out); });
    hand_over();
  } else if (dice < 930) {
    car_goes(car, chance(50));
  } else if (dice < 950) {
    fail_disk();
  } else if (dice < 975) {
    slow_sync();
  } else if (dice < 986) {
    die(chance(50));
  } else if (dice < 990) {
    restart();
  } else {
    car.vehicle.publish_again();
  }
  if (problem().empty()) check(false);
}

std::string CustodyWorld::what_waits() const {
  std::string out;
  for (const Car& car : cars_) out += "; " + car.vehicle.what_waits();
  for (const Lane which : kAllLanes) {
    const SimLane& at = custody_->lane(which);
    out += std::string("; ") + to_string(which) + " holds " + std::to_string(at.writer().bytes()) + " bytes, synced " +
           std::to_string(at.writer().synced().value) + ", settled " +
           std::to_string(at.watch().ledger().settled.next.value);
  }
  return out;
}

void CustodyWorld::drain() {
  disk_.clear_faults();
  const auto done = [&] {
    for (const Car& car : cars_) {
      if (!car.vehicle.done()) return false;
    }
    for (const Lane which : kAllLanes) {
      if (lane(which).desk().queued() > 0) return false;
    }
    return mailbox_.empty();
  };
  for (unsigned i = 0; i < 3'000 && problem().empty(); ++i) {
    clock_.advance_ms(60);
    for (Car& car : cars_) {
      if (car.vehicle.away()) car_comes(car);
      car.vehicle.publish_again();
      for (unsigned n = 0; n < 4; ++n) to_broker(car);
      run(car.connection, [this](CustodyConnection& c, Actions& out) { c.session.tick(now(), out); });
    }
    hand_over();
    for (const Lane which : kAllLanes) {
      work(which, false);
      check(false);
      if (const std::string why = settle(disk_, custody_->volume(), which, 50, core_[index_of(which)]); !why.empty()) {
        account_.problem = "without a fault nothing settles: " + why;
      }
      store_->lane_synced(which, lane(which).writer().synced());
      lane(which).look_around();
    }
    turn(false);
    while (!mailbox_.empty()) read_letter();
    hand_over();
    for (Car& car : cars_) {
      for (unsigned n = 0; n < 4; ++n) to_car(car);
    }
    if (!problem().empty()) return;
    check(false);
    if (done()) {
      for (const Car& car : cars_) counts_.acknowledged += car.vehicle.acknowledged();
      for (const Lane which : kAllLanes) lane(which).count(counts_);
      return;
    }
  }
  if (problem().empty()) account_.problem = "not every vehicle has its answers" + what_waits();
}

std::string run_custody_history(std::uint64_t seed, unsigned steps, CustodyBug bug, CustodyCounts& counts) {
  CustodyWorld world(seed, bug, counts);
  for (unsigned i = 0; i < steps && world.problem().empty(); ++i) world.step();
  if (world.problem().empty()) world.drain();
  return world.problem();
}

CustodyFound find_custody_bug(CustodyBug bug, std::uint64_t seeds_max) {
  CustodyCounts counts;
  for (std::uint64_t seed = 1; seed <= seeds_max; ++seed) {
    const std::string problem = run_custody_history(seed, kCustodySteps, bug, counts);
    if (!problem.empty()) return {true, seed, problem};
  }
  return {};
}

}  // namespace wayside::test
