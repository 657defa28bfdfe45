#include <stdexcept>
#include <utility>

#include "broker/gate/receipt.h"
#include "tests/simulation/custody_inside.h"

namespace wayside::test {

using namespace broker::session;
using broker::Committed;
using broker::Offer;

void CustodyWorld::car_comes(Car& car) {
  SessionOptions options;
  options.peer = {Role::vehicle, car.vehicle.id(), "cohort", nullptr};
  options.self = {0, ++last_};
  options.edge = "edge-1";
  options.limits.park_packets_max = 6;
  car.connection = last_;
  connections_.emplace(last_, std::make_unique<CustodyConnection>(options));
  car.vehicle.connect(last_);
}

// The vehicle's end is gone, and what travelled with it; the broker may notice later.
void CustodyWorld::car_goes(Car& car, bool noticed) {
  car.vehicle.lost();
  const std::uint64_t number = std::exchange(car.connection, 0);
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  found->second->to_vehicle.clear();
  if (noticed) run(number, [this](CustodyConnection& c, Actions& out) { c.session.lost(now(), out); });
}

void CustodyWorld::to_broker(Car& car) {
  if (car.connection == 0 || car.vehicle.sent.empty()) return;
  const auto found = connections_.find(car.connection);
  if (found == connections_.end() || found->second->session.wants_pause()) return;
  const Bytes bytes = std::move(car.vehicle.sent.front());
  car.vehicle.sent.pop_front();
  run(car.connection, [&](CustodyConnection& c, Actions& out) {
    const mqtt::Decoded decoded = mqtt::decode(bytes, car.vehicle.version(), mqtt::Role::server, 1U << 20U);
    if (const auto* publish = std::get_if<mqtt::Publish>(&decoded.packet)) {
      ++counts_.published;
      c.published[publish->packet_id] = CustodyAccount::name_in(publish->payload);
    }
    c.session.step(decoded.packet, now(), out);
  });
}

void CustodyWorld::to_car(Car& car) {
  if (car.connection == 0) return;
  const auto found = connections_.find(car.connection);
  if (found == connections_.end()) return car_goes(car, false);
  Bytes& bytes = found->second->to_vehicle;
  if (bytes.empty()) {
    if (found->second->session.phase() == Phase::closed) car_goes(car, true);
    return;
  }
  const mqtt::Decoded decoded = mqtt::decode(bytes, car.vehicle.version(), mqtt::Role::client, 1U << 20U);
  car.vehicle.take(decoded.packet);
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(decoded.consumed));
}

// The end of a turn of the I/O thread: its bursts go to the lanes, refusals come back at once.
void CustodyWorld::hand_over() {
  for (const Lane which : kAllLanes) {
    broker::OfferBurst& burst = bursts_[index_of(which)];
    if (!burst.entries.empty()) lane(which).offer_all(burst, refused_);
  }
  while (!refused_.empty()) {
    const std::vector<Committed> refused = std::exchange(refused_, {});
    for (const Committed& one : refused) tell(one.to.number, one);
    for (const Lane which : kAllLanes) {
      broker::OfferBurst& burst = bursts_[index_of(which)];
      if (!burst.entries.empty()) lane(which).offer_all(burst, refused_);
    }
  }
}

void CustodyWorld::read_letter() {
  if (mailbox_.empty()) return;
  const auto [number, letter] = std::move(mailbox_.front());
  mailbox_.pop_front();
  run(number, letter);
}

void CustodyWorld::run(std::uint64_t number, const std::function<void(CustodyConnection&, Actions&)>& does) {
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  Actions actions;
  does(*found->second, actions);
  for (Action& action : actions) {
    if (connections_.contains(number)) act(number, action);
  }
}

void CustodyWorld::act(std::uint64_t number, Action& action) {
  if (auto* bytes = std::get_if<SendBytes>(&action)) send(number, bytes->bytes);
  if (auto* one = std::get_if<OfferRecord>(&action)) act(number, *one);
  if (auto* group = std::get_if<OfferInOrder>(&action)) act(number, *group);
  if (auto* one = std::get_if<ClaimSession>(&action)) claim(number, *one);
  if (auto* one = std::get_if<EndSession>(&action)) store_->end(one->request);
  if (auto* one = std::get_if<Count>(&action)) counts_.parked += std::string_view(one->stage) == "park" ? 1 : 0;
  if (auto* one = std::get_if<ShedRecord>(&action)) {
    ++counts_.shed;
    door_.shed(one->lane, one->reason);
  }
  if (auto* one = std::get_if<ReleaseId>(&action)) {
    store_->release(one->request, [this, number, id = one->request.packet_id](const Outcome<void>& outcome) {
      post(number, [=, this](CustodyConnection& c, Actions& out) { c.session.released(id, outcome, now(), out); });
    });
  }
}

// What leaves the session is judged here, whoever hears of it.
void CustodyWorld::send(std::uint64_t number, const Bytes& bytes) {
  CustodyConnection& connection = *connections_.at(number);
  account_.look(custody_->volume(), false);
  for (std::size_t at = 0; at < bytes.size();) {
    const mqtt::Decoded decoded =
        mqtt::decode(ByteView(bytes).subspan(at), connection.session.version(), mqtt::Role::client, 1U << 20U);
    if (decoded.consumed == 0) throw std::runtime_error("the session sent what is no packet");
    at += decoded.consumed;
    const auto* ack = std::get_if<mqtt::Ack>(&decoded.packet);
    if (ack == nullptr || (ack->kind != mqtt::AckKind::puback && ack->kind != mqtt::AckKind::pubrec)) continue;
    const auto published = connection.published.find(ack->packet_id);
    if (published == connection.published.end()) throw std::runtime_error("an acknowledgement of nothing");
    if (ack->reason < 0x80) {
      account_.acknowledged(published->second);
    } else {
      ++counts_.refused;
      account_.refused(published->second);
    }
  }
  for (const Car& car : cars_) {
    if (car.connection == number) {
      connection.to_vehicle.insert(connection.to_vehicle.end(), bytes.begin(), bytes.end());
    }
  }
}

// The older connection has stopped reading before the newer one's session is opened.
void CustodyWorld::claim(std::uint64_t number, const ClaimSession& action) {
  std::vector<std::uint64_t> older;
  for (const auto& [other, connection] : connections_) {
    if (other != number && connection->session.peer().id == action.request.id) older.push_back(other);
  }
  for (const std::uint64_t other : older) {
    if (connections_.at(other)->session.phase() != Phase::closed) {
      run(other, [this](CustodyConnection& c, Actions& out) { c.session.end(Reason::SESSION_TAKEN_OVER, now(), out); });
    }
    connections_.erase(other);
  }
  OpenRequest request = action.request;
  request.now = now().wall;
  store_->open(request, [this, number, request](const Outcome<OpenedSession>& outcome) {
    post(number, [=, this](CustodyConnection& c, Actions& out) { c.session.step(outcome, now(), out); });
    opened(number, request, outcome);
  });
}

// A session that opened for nobody ends at once.
void CustodyWorld::opened(std::uint64_t number, const OpenRequest& request, const Outcome<OpenedSession>& outcome) {
  const auto found = connections_.find(number);
  const bool awaited = found != connections_.end() && found->second->session.phase() == Phase::opening;
  if (!awaited && outcome.ok()) store_->end({request.id, outcome.value().epoch, request.expiry_s, now().wall});
}

// From here on as the gate's connection does it.
std::uint64_t CustodyWorld::opening_of(CustodyConnection& connection, const OfferRecord& record) {
  if (record.token == 0 || stage_.bug == CustodyBug::overtaking_after_full) return 0;
  std::uint64_t& opening = connection.openings.at(index_of(record.lane));
  if (record.first) opening = lane(record.lane).desk().opening();
  return opening;
}

Outcome<void> CustodyWorld::offer(std::uint64_t number, OfferRecord& record) {
  CustodyConnection& connection = *connections_.at(number);
  const std::string& id = connection.session.peer().id;
  Offer made{record.lane, std::move(record.body),        record.cohort, {0, number}, record.token,
             {},          opening_of(connection, record)};
  if (record.receipt_id != 0) {
    store_->expect(id, record.lane);
    made.done =
        broker::gate::told_after_receipt(*store_, {id, connection.session.epoch(), record.receipt_id, record.lane, {}},
                                         [this, number, token = record.token](Committed committed) {
                                           committed.token = token;
                                           post(number, committed);
                                         });
  }
  const Outcome<void> taken = lane(record.lane).offer(std::move(made));
  if (!taken.ok() && record.receipt_id != 0) store_->not_received(id, record.lane);
  return taken;
}

void CustodyWorld::act(std::uint64_t number, OfferRecord& record) {
  CustodyConnection& connection = *connections_.at(number);
  if (record.receipt_id == 0) {
    return bursts_[index_of(record.lane)].add({{0, number}, record.token, opening_of(connection, record)},
                                              record.cohort, record.body);
  }
  hand_over();
  const Outcome<void> taken = offer(number, record);
  if (!taken.ok()) tell(number, Committed{{0, number}, record.token, false, taken.reason(), record.lane, {}});
}

void CustodyWorld::act(std::uint64_t number, OfferInOrder& group) {
  hand_over();
  std::optional<Reason> refused;
  for (OfferRecord& record : group.records) {
    if (!connections_.contains(number)) return;
    if (!refused) {
      const Outcome<void> taken = offer(number, record);
      if (!taken.ok()) refused = taken.reason();
    }
    if (refused) tell(number, Committed{{0, number}, record.token, false, *refused, record.lane, {}});
  }
}

}  // namespace wayside::test
