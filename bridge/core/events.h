// What CoreLink is told and what it asks for. Values only.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "bridge/link/topics.h"
#include "common/reasons.h"
#include "common/types.h"
#include "intent/intent.h"

namespace wayside::bridge::core {

struct Time {
  WallMs wall{};
  MonoMs mono{};
};

struct LinkUp {};  // both connections to the core broker are up and subscribed
struct LinkDown {};
struct Message {  // from the edge whose tree of topics it came in on
  std::string edge;
  link::Address address;
  Bytes bytes;
};
// A backend published intent and grant on v1/<vehicle>/request. The core broker vouches for `service` only as
// far as the answer topic goes: what counts is signed.
struct Request {
  std::string vehicle;
  std::string answer_topic;
  Bytes correlation;
  Bytes bytes;
};
struct TrustChanged {
  intent::Trust trust;
};
struct SinkMoved {  // every sink is durable below `offset` of that lane of the core log
  Lane lane{};
  Offset offset{};
};
struct Flush {};  // the mailbox is empty: commit what was staged and answer it
struct Tick {};
struct CoreEvent {
  Time now;
  std::variant<LinkUp, LinkDown, Message, Request, TrustChanged, SinkMoved, Flush, Tick> what;
};

struct Publish {
  std::string edge;
  link::Address address;
  Bytes bytes;
};
struct Answer {  // to a requester
  std::string topic;
  Bytes correlation;
  Bytes payload;
};
struct LogMoved {  // sinks may read up to `synced`
  Lane lane{};
  Offset synced{};
};
struct Alarm {
  Reason reason{};
  std::string edge;
  std::string sentence;
};
using CoreAction = std::variant<Publish, Answer, LogMoved, Alarm>;
using CoreActions = std::vector<CoreAction>;

}  // namespace wayside::bridge::core
