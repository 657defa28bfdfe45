// One line an event. spdlog carries time, level and the write to stderr (one lock a line); what stands
// behind them is composed here, so that nothing unescaped can reach a terminal or a collector.
#include "common/log/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "common/log/escape.h"

namespace wayside::log {
namespace {

constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr const char* kJsonPattern = R"({"at":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

struct State {
  Options options;
  std::shared_ptr<spdlog::logger> logger;
};

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::unique_ptr<const State> make_state(const Options& options) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("wayside", std::move(sink));
  logger->set_pattern(options.format == Format::json ? kJsonPattern : kTextPattern, spdlog::pattern_time_type::utc);
  logger->set_level(level_of(options.level));
  logger->flush_on(spdlog::level::debug);
  return std::make_unique<const State>(State{options, std::move(logger)});
}

// Every state that ever was, so that a writer needs no lock and no count to use the one it read. A process
// is configured once or twice.
struct States {
  std::mutex mutex;
  std::vector<std::unique_ptr<const State>> all;
  std::atomic<const State*> current{nullptr};

  States() { add({}); }
  void add(const Options& options) {
    const std::lock_guard lock(mutex);
    current.store(all.emplace_back(make_state(options)).get(), std::memory_order_release);
  }
};

// Never destroyed: a thread may log while the process exits.
States& states() {
  static States& kept = *new States();
  return kept;
}

}  // namespace

void configure(const Options& options) { states().add(options); }

void write(Level level, std::string_view event, Fields fields) {
  const State* state = states().current.load(std::memory_order_acquire);
  if (!state->logger->should_log(level_of(level))) return;
  const bool json = state->options.format == Format::json;
  const std::string line =
      json ? json_line(state->options.process, event, fields) : text_line(state->options.process, event, fields);
  state->logger->log(level_of(level), spdlog::string_view_t(line));
}

}  // namespace wayside::log
