#include "broker/session/inbound.h"

#include <numeric>

namespace wayside::broker::session {
namespace {

// The stream is in the low bits of a token: an outcome finds its queue without a search.
constexpr std::uint64_t kStreamBits = 3;
static_assert(kStreams <= (1U << kStreamBits));

constexpr std::size_t kKeptPlaces = 32;  // of an idle stream

}  // namespace

std::uint64_t Inbound::add(Stream stream, std::uint16_t packet_id, bool qos2) {
  const auto index = static_cast<std::size_t>(stream);
  const std::uint64_t token = (++last_ << kStreamBits) | index;
  Queue& queue = streams_.at(index);
  queue.waiting.push_back({token, packet_id, qos2, std::nullopt});
  ++queue.undecided;
  ++size_;
  return token;
}

// Tokens of a queue rise. Nearly always it is the first that is asked for.
Inbound::Waiting* Inbound::find(Queue& queue, std::uint64_t token) {
  std::size_t low = 0;
  std::size_t high = queue.waiting.size();
  if (high > 0 && queue.waiting.front().token == token) return &queue.waiting.front();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (queue.waiting[middle].token < token) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == queue.waiting.size() || queue.waiting[low].token != token) return nullptr;
  return &queue.waiting[low];
}

void Inbound::resolve(std::uint64_t token, Verdict verdict, std::vector<Acknowledgement>& out) {
  const std::uint64_t index = token & ((1U << kStreamBits) - 1);
  if (index >= kStreams) return;
  Queue& queue = streams_.at(index);
  Waiting* waiting = find(queue, token);
  if (waiting == nullptr) return;
  judge(queue, *waiting, verdict);
  release(static_cast<Stream>(index), out);
}

void Inbound::resolve_all(Stream stream, Verdict verdict, std::vector<Acknowledgement>& out) {
  Queue& queue = streams_.at(static_cast<std::size_t>(stream));
  for (std::size_t i = 0; i < queue.waiting.size(); ++i) judge(queue, queue.waiting[i], verdict);
  release(stream, out);
}

void Inbound::judge(Queue& queue, Waiting& waiting, Verdict verdict) {
  if (!waiting.verdict) --queue.undecided;
  waiting.verdict = verdict;
}

std::optional<Lane> Inbound::lane_of(std::uint64_t token) {
  const std::uint64_t index = token & ((1U << kStreamBits) - 1);
  if (index >= kLanes) return std::nullopt;
  return static_cast<Lane>(index);
}

std::size_t Inbound::undecided() const {
  return std::accumulate(streams_.begin(), streams_.end(), std::size_t{0},
                         [](std::size_t sum, const Queue& queue) { return sum + queue.undecided; });
}

void Inbound::release(Stream stream, std::vector<Acknowledgement>& out) {
  Ring<Waiting>& waiting = streams_.at(static_cast<std::size_t>(stream)).waiting;
  while (!waiting.empty() && waiting.front().verdict) {
    const Waiting& first = waiting.front();
    out.push_back({first.packet_id, *first.verdict, stream, first.token, first.qos2});
    waiting.pop_front();
    --size_;
  }
  waiting.shrink(kKeptPlaces);
}

}  // namespace wayside::broker::session
