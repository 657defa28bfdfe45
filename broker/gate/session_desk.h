// What waits for the session store, in the order in which it takes effect, and one group commit at a time.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "broker/gate/session_rows.h"
#include "broker/session/session_store.h"

namespace wayside::broker::gate {

// Owns: the calls that wait. Thread: calls from any, turn() from one. Durable: an answer follows the commit.
// Limits: as SessionStore says; a commit holds 512 calls, so that the first of a storm does not wait for the last.
//
// Receipts: a session is opened only when what its last connection had on the way to custody is said, and
// behind it. A receipt whose commit failed is first in the next one, so that the lane's receipts stay in order; so is
// an OFFLINE that could not be said.
class SessionDesk : public session::SessionStore {
 public:
  // Records of the lane from this offset on must stay: their receipts are not durable yet. Called from any
  // thread, under the desk's lock.
  using KeepFrom = std::function<void(Lane, Offset)>;
  SessionDesk(SessionRows& rows, KeepFrom keep_from) : rows_(rows), keep_from_(std::move(keep_from)) {}

  void open(session::OpenRequest request, std::function<void(Outcome<session::OpenedSession>)> done) override;
  void save(session::SaveRequest request, std::function<void(Outcome<void>)> done) override;
  void end(session::EndRequest request) override;
  void expect(const std::string& id, Lane lane) override;
  void received(session::Receipt receipt, std::function<void(Outcome<void>)> done) override;
  void not_received(const std::string& id, Lane lane) override;
  void release(session::ReleaseRequest request, std::function<void(Outcome<void>)> done) override;
  void lane_synced(Lane lane, Offset synced) override;
  void look(std::string id, std::function<void(Outcome<std::optional<session::KnownSession>>)> done) override;
  void left(std::size_t max, bool also_by_death,
            std::function<void(Outcome<std::vector<session::LeftOnline>>)> done) override;
  void untold(session::LeftOnline one) override;
  void told(session::LeftOnline one) override;

  // Commits what waits and answers it. False: nothing waits, or the commit failed.
  bool turn();

 protected:
  // Something waits; called without the lock.
  virtual void woken() {}
  // A commit failed; called from turn().
  virtual void faulted(const Error& /*error*/) {}

 private:
  struct Open {
    session::OpenRequest request;
    std::function<void(Outcome<session::OpenedSession>)> done;
  };
  struct Save {
    session::SaveRequest request;
    std::function<void(Outcome<void>)> done;
  };
  struct End {
    session::EndRequest request;
  };
  struct Received {
    session::Receipt receipt;
    std::function<void(Outcome<void>)> done;
  };
  struct Release {
    session::ReleaseRequest request;
    std::function<void(Outcome<void>)> done;
  };
  struct Synced {
    Lane lane{};
    Offset offset{};
  };
  struct Look {
    std::string id;
    std::function<void(Outcome<std::optional<session::KnownSession>>)> done;
  };
  struct Left {
    std::size_t max = 0;
    bool also_by_death = false;
    std::function<void(Outcome<std::vector<session::LeftOnline>>)> done;
  };
  struct Told {
    session::LeftOnline one;
  };
  struct Untold {
    session::LeftOnline one;
  };
  using Call = std::variant<Open, Save, End, Received, Release, Synced, Look, Left, Told, Untold>;
  using Answer = std::function<void(bool committed)>;
  struct OnTheWay {
    std::uint32_t records = 0;
    std::vector<Open> waiting;
  };

  void push(Call call);
  void arrived(const std::string& id, Lane lane);  // under the lock
  void keep(Lane lane);                            // under the lock
  std::vector<Call> take();
  void settle(std::vector<Call>& batch, bool committed);
  Answer apply(Open& call, Result<void>& outcome);
  Answer apply(Save& call, Result<void>& outcome);
  Answer apply(End& call, Result<void>& outcome);
  Answer apply(Received& call, Result<void>& outcome);
  Answer apply(Release& call, Result<void>& outcome);
  Answer apply(Synced& call, Result<void>& outcome);
  Answer apply(Look& call, Result<void>& outcome);
  Answer apply(Left& call, Result<void>& outcome);
  Answer apply(Told& call, Result<void>& outcome);
  Answer apply(Untold& call, Result<void>& outcome);

  SessionRows& rows_;  // of turn() alone
  const KeepFrom keep_from_;
  std::mutex mutex_;  // of everything below
  std::deque<Call> calls_;
  std::map<std::string, OnTheWay, std::less<>> on_the_way_;
  std::array<std::uint32_t, kLanes> on_the_way_in_{};
  std::array<std::deque<Offset>, kLanes> not_durable_;  // of receipts, rising
};

}  // namespace wayside::broker::gate
