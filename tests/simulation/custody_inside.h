// The inside of one custody history: custody_world.cc tells it, custody_gate.cc does what the gate's connections do.
#pragma once

#include <deque>
#include <functional>
#include <map>

#include "broker/gate/session_desk.h"
#include "broker/session/session.h"
#include "tests/simulation/custody_edge.h"
#include "tests/simulation/custody_vehicle.h"

namespace wayside::test {

struct CustodyConnection {
  explicit CustodyConnection(broker::session::SessionOptions options) : session(std::move(options)) {}
  broker::session::Session session;
  Bytes to_vehicle;
  std::map<std::uint16_t, std::string> published;  // by packet identifier, the last
  std::array<std::uint64_t, kLanes> openings{};
};

// Owns     all of one history.   Thread   one.
class CustodyWorld {
 public:
  CustodyWorld(std::uint64_t seed, CustodyBug bug, CustodyCounts& counts);
  void step();
  // Without faults, until nothing is left to do.
  void drain();
  [[nodiscard]] std::string problem() const {
    for (const Car& car : cars_) {
      if (!car.vehicle.problem.empty()) return car.vehicle.problem;
    }
    return account_.problem;
  }

 private:
  using Letter = std::function<void(CustodyConnection&, broker::session::Actions&)>;
  struct Car {
    CustodyVehicle vehicle;
    std::uint64_t connection = 0;
  };
  bool chance(std::uint64_t percent) { return rng_.below(100) < percent; }
  [[nodiscard]] broker::session::Now now() const { return {clock_.mono(), clock_.wall()}; }
  SimLane& lane(Lane which) { return custody_->lane(which); }
  Car& some_car() { return cars_[rng_.below(cars_.size())]; }

  void start();
  void die(bool power);
  void restart();
  void fail_disk();
  void slow_sync();
  void during_sync();
  void check(bool writing);
  void car_comes(Car& car);
  void car_goes(Car& car, bool noticed);
  void to_broker(Car& car);
  void to_car(Car& car);
  void hand_over();
  void io_turn();
  void work(Lane which, bool all);
  void urgent();
  void turn(bool fault);
  void read_letter();
  void post(std::uint64_t to, Letter letter) { mailbox_.emplace_back(to, std::move(letter)); }
  void post(std::uint64_t to, const broker::Committed& committed) {
    post(to, [this, committed](CustodyConnection& c, broker::session::Actions& out) {
      c.session.step(committed, now(), out);
    });
  }
  void tell(std::uint64_t number, const broker::Committed& committed) {
    run(number, [&](CustodyConnection& c, broker::session::Actions& out) { c.session.step(committed, now(), out); });
  }
  void run(std::uint64_t number, const std::function<void(CustodyConnection&, broker::session::Actions&)>& does);
  void act(std::uint64_t number, broker::session::Action& action);
  void send(std::uint64_t number, const Bytes& bytes);
  void claim(std::uint64_t number, const broker::session::ClaimSession& action);
  void opened(std::uint64_t number, const broker::session::OpenRequest& request,
              const Outcome<broker::session::OpenedSession>& outcome);
  std::uint64_t opening_of(CustodyConnection& connection, const broker::session::OfferRecord& record);
  Outcome<void> offer(std::uint64_t number, broker::session::OfferRecord& record);
  void act(std::uint64_t number, broker::session::OfferRecord& record);
  void act(std::uint64_t number, broker::session::OfferInOrder& group);
  void forget_process();
  [[nodiscard]] std::string what_waits() const;

  SeededRng rng_;
  CustodyCounts& counts_;
  SimDisk disk_;
  ManualClock clock_;
  broker::DoorCounts door_;
  CustodyAccount account_;
  CustodyStage stage_;
  std::array<spool::Standing, kLanes> core_;  // what it took
  std::vector<Car> cars_;
  std::unique_ptr<broker::gate::SessionRows> rows_;
  // Of the process:
  std::unique_ptr<SimCustody> custody_;
  std::unique_ptr<broker::gate::SessionDesk> store_;
  std::map<std::uint64_t, std::unique_ptr<CustodyConnection>> connections_;
  std::array<broker::OfferBurst, kLanes> bursts_;
  std::vector<broker::Committed> refused_;
  std::deque<std::pair<std::uint64_t, Letter>> mailbox_;
  bool syncing_ = false;
  bool died_ = false;  // inside a sync
  std::uint64_t last_ = 0;
  std::uint64_t last_urgent_ = 0;
};

}  // namespace wayside::test
