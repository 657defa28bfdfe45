#include <charconv>
#include <chrono>
#include <cstdio>
#include <thread>

#include "cli/commands.h"
#include "common/log/log.h"
#include "fleet/admin.h"

namespace wayside::cli {
namespace {

constexpr std::chrono::milliseconds kAgain{500};
constexpr std::int64_t kWaitMax = 86'400;
constexpr int kPortMax = 65'535;
constexpr int kAnswerMs = 3'000;
constexpr int kHttpReady = 200;
constexpr int kHttpNotReady = 503;

std::optional<fleet::MetricsPlace> parse_place(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  fleet::MetricsPlace out{text.substr(0, colon), 0};
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, out.port);
  if (parsed.ec != std::errc() || parsed.ptr != end || out.port < 1 || out.port > kPortMax) return std::nullopt;
  if (out.host.front() == '[' && out.host.back() == ']') out.host = out.host.substr(1, out.host.size() - 2);
  return out;
}

struct Answer {
  int exit = kYes;
  std::string text;
};

Answer ask(const fleet::MetricsPlace& place) {
  const auto reply = fleet::http_get(place, "/readyz", kAnswerMs);
  if (!reply) return {kUnreachable, reply.error().what};
  if (reply->status != kHttpReady && reply->status != kHttpNotReady) {
    return {kUnreachable, "HTTP status " + std::to_string(reply->status)};
  }
  return {reply->status == kHttpReady ? kYes : kNo, log::clean(reply->body.substr(0, reply->body.find('\n')), 256)};
}

// The last answer: the first that is yes, or the one that stands when the time is over.
Answer ask_until(const fleet::MetricsPlace& place, std::chrono::steady_clock::time_point until) {
  for (;;) {
    Answer answer = ask(place);
    if (answer.exit == kYes || std::chrono::steady_clock::now() + kAgain >= until) return answer;
    std::this_thread::sleep_for(kAgain);
  }
}

}  // namespace

int run_ready(const Args& args) {
  std::vector<std::string> addresses;
  std::int64_t wait_s = 0;
  const Spec spec{"wayside ready",
                  "Asks /readyz of processes at their metrics.listen. Exit 0 when all are ready, 1 when one is not, "
                  "3 when one cannot be reached.",
                  {{"ADDRESS", &addresses, "host:port of metrics.listen, one or more", true},
                   {"--wait", &wait_s, "seconds to go on asking all together; 0: once", false, 0, kWaitMax}},
                  ""};
  if (const auto exit = parse(spec, args)) return *exit;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(wait_s);
  int worst = kYes;
  for (const std::string& address : addresses) {
    const auto place = parse_place(address);
    if (!place) return fail(kUsage, "\"" + log::clean(address) + "\" is not host:port");
    const Answer answer = ask_until(*place, until);
    std::printf("%s  %s\n", address.c_str(), answer.text.c_str());
    worst = std::max(worst, answer.exit);
  }
  return worst;
}

}  // namespace wayside::cli
