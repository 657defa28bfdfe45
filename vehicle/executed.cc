#include "vehicle/executed.h"

#include <algorithm>

namespace wayside::vehicle {
namespace {

constexpr std::string_view kMagic = "WSVX";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kSumBytes = 8;

std::uint64_t fnv1a(ByteView bytes) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001B3ULL;
  return hash;
}

void put(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void put_number(Bytes& out, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

// Reads in order; after a read beyond the end every further one fails and gives zeros.
class Reader {
 public:
  explicit Reader(ByteView rest) : rest_(rest) {}
  ByteView take(std::size_t count) {
    if (count > rest_.size()) {
      failed_ = true;
      return {};
    }
    const ByteView taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    std::size_t shift = 0;
    for (const std::uint8_t byte : take(size)) value |= static_cast<std::uint64_t>(byte) << (8 * shift++);
    return value;
  }
  template <std::size_t Size>
  std::array<std::uint8_t, Size> array() {
    std::array<std::uint8_t, Size> out{};
    std::ranges::copy(take(Size), out.begin());
    return out;
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool finished() const { return !failed_ && rest_.empty(); }

 private:
  ByteView rest_;
  bool failed_ = false;
};

ExecutedCommand read_command(Reader& in) {
  ExecutedCommand command;
  command.issuer = in.array<32>();
  command.id = in.array<16>();
  command.hash = in.array<32>();
  command.deadline = {static_cast<std::int64_t>(in.number(8))};
  command.outcome = static_cast<std::uint8_t>(in.number(1));
  return command;
}

SupersedeCounter read_counter(Reader& in) {
  SupersedeCounter counter;
  counter.issuer = in.array<32>();
  counter.key = as_text(in.take(in.number(1)));
  counter.counter = in.number(8);
  return counter;
}

}  // namespace

ExecutedCommand* Executed::find(const intent::PublicKey& issuer, const intent::CommandId& id) {
  const auto found = std::ranges::find_if(
      commands_, [&](const ExecutedCommand& command) { return command.issuer == issuer && command.id == id; });
  return found == commands_.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> Executed::counter(const intent::PublicKey& issuer, const std::string& key) const {
  const auto found = std::ranges::find_if(
      counters_, [&](const SupersedeCounter& counter) { return counter.issuer == issuer && counter.key == key; });
  return found == counters_.end() ? std::nullopt : std::optional(found->counter);
}

bool Executed::add(const ExecutedCommand& command, WallMs now) {
  if (commands_.size() >= executed_max_) {
    const auto earliest = std::ranges::min_element(commands_, {}, &ExecutedCommand::deadline);
    if (earliest == commands_.end() || earliest->deadline > now) return false;
    // Forgotten, it could be executed again if the clock went back: its deadline becomes the floor.
    deadline_floor_ = std::max(deadline_floor_, earliest->deadline);
    commands_.erase(earliest);
  }
  commands_.push_back(command);
  return true;
}

void Executed::raise_counter(const intent::PublicKey& issuer, const std::string& key, std::uint64_t counter) {
  std::erase_if(counters_, [&](const SupersedeCounter& held) { return held.issuer == issuer && held.key == key; });
  if (counters_.size() >= counters_max_) counters_.erase(counters_.begin());
  counters_.push_back({issuer, key, counter});
}

Bytes Executed::encode() const {
  Bytes out;
  put(out, as_bytes(kMagic));
  put_number(out, kVersion, 1);
  put_number(out, static_cast<std::uint64_t>(time_high_.value), 8);
  put_number(out, static_cast<std::uint64_t>(deadline_floor_.value), 8);
  put_number(out, commands_.size(), 4);
  for (const ExecutedCommand& command : commands_) {
    put(out, command.issuer);
    put(out, command.id);
    put(out, command.hash);
    put_number(out, static_cast<std::uint64_t>(command.deadline.value), 8);
    put_number(out, command.outcome, 1);
  }
  put_number(out, counters_.size(), 4);
  for (const SupersedeCounter& counter : counters_) {
    put(out, counter.issuer);
    put_number(out, counter.key.size(), 1);
    put(out, as_bytes(counter.key));
    put_number(out, counter.counter, 8);
  }
  put_number(out, fnv1a(out), kSumBytes);
  return out;
}

Result<void> Executed::decode(ByteView blob) {
  const Error corrupt{Fault::corrupt, "the record of executed commands is not intact"};
  if (blob.size() < kSumBytes) return corrupt;
  const ByteView content = blob.first(blob.size() - kSumBytes);
  if (Reader(blob.subspan(content.size())).number(kSumBytes) != fnv1a(content)) return corrupt;
  Reader in(content);
  if (as_text(in.take(kMagic.size())) != kMagic) return corrupt;
  if (in.number(1) != kVersion) return Error{Fault::unsupported, "the record of executed commands is newer than this"};
  Executed read(executed_max_, counters_max_);
  read.time_high_ = {static_cast<std::int64_t>(in.number(8))};
  read.deadline_floor_ = {static_cast<std::int64_t>(in.number(8))};
  for (std::uint64_t left = in.number(4); left > 0 && !in.failed(); --left) read.commands_.push_back(read_command(in));
  for (std::uint64_t left = in.number(4); left > 0 && !in.failed(); --left) read.counters_.push_back(read_counter(in));
  if (!in.finished()) return corrupt;
  *this = std::move(read);
  return {};
}

}  // namespace wayside::vehicle
