#include "broker/session/inbound.h"

#include <algorithm>
#include <numeric>

namespace wayside::broker::session {
namespace {

// The stream is in the low bits of a token: an outcome finds its queue without a search.
constexpr std::uint64_t kStreamBits = 3;
static_assert(kStreams <= (1U << kStreamBits));

}  // namespace

std::uint64_t Inbound::add(Stream stream, std::uint16_t packet_id, bool qos2) {
  const auto index = static_cast<std::size_t>(stream);
  const std::uint64_t token = (++last_ << kStreamBits) | index;
  streams_.at(index).push_back({token, packet_id, qos2, std::nullopt});
  ++undecided_.at(index);
  ++size_;
  return token;
}

void Inbound::resolve(std::uint64_t token, Verdict verdict, std::vector<Acknowledgement>& out) {
  const std::uint64_t index = token & ((1U << kStreamBits) - 1);
  if (index >= kStreams) return;
  std::deque<Waiting>& queue = streams_.at(index);
  const auto at = std::lower_bound(queue.begin(), queue.end(), token,
                                   [](const Waiting& waiting, std::uint64_t wanted) { return waiting.token < wanted; });
  if (at == queue.end() || at->token != token) return;
  judge(*at, index, verdict);
  release(static_cast<Stream>(index), out);
}

void Inbound::resolve_all(Stream stream, Verdict verdict, std::vector<Acknowledgement>& out) {
  const auto index = static_cast<std::size_t>(stream);
  for (Waiting& waiting : streams_.at(index)) judge(waiting, index, verdict);
  release(stream, out);
}

void Inbound::judge(Waiting& waiting, std::size_t index, Verdict verdict) {
  if (!waiting.verdict) --undecided_.at(index);
  waiting.verdict = verdict;
}

std::optional<Lane> Inbound::lane_of(std::uint64_t token) {
  const std::uint64_t index = token & ((1U << kStreamBits) - 1);
  if (index >= kLanes) return std::nullopt;
  return static_cast<Lane>(index);
}

std::size_t Inbound::undecided() const { return std::accumulate(undecided_.begin(), undecided_.end(), std::size_t{0}); }

void Inbound::release(Stream stream, std::vector<Acknowledgement>& out) {
  std::deque<Waiting>& queue = streams_.at(static_cast<std::size_t>(stream));
  while (!queue.empty() && queue.front().verdict) {
    const Waiting& first = queue.front();
    out.push_back({first.packet_id, *first.verdict, stream, first.token, first.qos2});
    queue.pop_front();
    --size_;
  }
}

}  // namespace wayside::broker::session
