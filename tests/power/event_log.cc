#include "tests/power/event_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "common/os/errors.h"
#include "common/os/system.h"
#include "spool/crc32c.h"

namespace wayside::test::power {
namespace {

constexpr std::string_view kMark = "EVNT";
constexpr std::size_t kHeadBytes = 4 + 4 + 4;  // mark, crc, size
constexpr std::size_t kLogBytesMax = 4UL << 30U;

void put(Bytes& out, std::uint64_t value) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof value);
}
void put(Bytes& out, ByteView bytes) {
  put(out, std::uint64_t{bytes.size()});
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Own processes of one machine wrote what is read here, and a checksum holds it together.
struct Reader {
  ByteView left;
  std::uint64_t number() {
    std::uint64_t value = 0;
    std::memcpy(&value, left.data(), sizeof value);
    left = left.subspan(sizeof value);
    return value;
  }
  ByteView bytes() {
    const std::uint64_t size = number();
    const ByteView out = left.first(size);
    left = left.subspan(size);
    return out;
  }
  std::string text() { return std::string(as_text(bytes())); }
};

Bytes encode(const Event& event) {
  Bytes body;
  put(body, static_cast<std::uint64_t>(event.kind));
  for (const std::string* text : {&event.path, &event.to, &event.grave}) put(body, as_bytes(*text));
  for (const std::uint64_t value : {event.inode, event.replaced, event.size, event.first, event.count}) {
    put(body, value);
  }
  put(body, std::uint64_t{event.old.size()});
  for (const auto& [sector, bytes] : event.old) {
    put(body, sector);
    put(body, bytes);
  }
  return body;
}

Event decode(ByteView body) {
  Reader in{body};
  Event event;
  event.kind = static_cast<EventKind>(in.number());
  for (std::string* text : {&event.path, &event.to, &event.grave}) *text = in.text();
  for (std::uint64_t* value : {&event.inode, &event.replaced, &event.size, &event.first, &event.count}) {
    *value = in.number();
  }
  event.old.resize(in.number());
  for (auto& [sector, bytes] : event.old) {
    sector = in.number();
    const ByteView held = in.bytes();
    bytes.assign(held.begin(), held.end());
  }
  return event;
}

std::uint32_t number32(const char* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

Result<EventLog> EventLog::open(const std::string& file) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (descriptor < 0) return os::errno_error("open", file);
  return EventLog(descriptor);
}

EventLog::~EventLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> EventLog::append(const Event& event) {
  const Bytes body = encode(event);
  const std::uint32_t head[] = {spool::crc32c(0, body), static_cast<std::uint32_t>(body.size())};
  Bytes whole(kHeadBytes + body.size());
  std::memcpy(whole.data(), kMark.data(), kMark.size());
  std::memcpy(whole.data() + kMark.size(), head, sizeof head);
  std::memcpy(whole.data() + kHeadBytes, body.data(), body.size());
  const ssize_t wrote = ::write(descriptor_, whole.data(), whole.size());
  if (wrote == static_cast<ssize_t>(whole.size())) return {};
  return Error{Fault::io, "the event log took " + std::to_string(wrote) + " of " + std::to_string(whole.size()), errno};
}

Result<std::vector<Event>> read_events(const std::string& file) {
  std::vector<Event> events;
  if (::access(file.c_str(), F_OK) != 0) return events;
  auto text = os::read_file(file, kLogBytesMax);
  if (!text) return std::move(text).error();
  std::size_t at = 0;
  while ((at = text->find(kMark, at)) != std::string::npos && text->size() - at >= kHeadBytes) {
    const char* head = text->data() + at + kMark.size();
    const std::uint32_t size = number32(head + 4);
    const std::string_view rest = std::string_view(*text).substr(at + kHeadBytes);
    if (size > rest.size() || spool::crc32c(0, as_bytes(rest.substr(0, size))) != number32(head)) {
      ++at;  // half an event of a process that was killed; the next one begins behind it
      continue;
    }
    events.push_back(decode(as_bytes(rest.substr(0, size))));
    at += kHeadBytes + size;
  }
  return events;
}

}  // namespace wayside::test::power
