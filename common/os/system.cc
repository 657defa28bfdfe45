#include "common/os/system.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "common/os/errors.h"

namespace wayside::os {
namespace {

// getrandom on Linux fails only for EINTR or a broken kernel; without entropy nothing here may go on.
void fill_random(std::uint8_t* out, std::size_t count) {
  while (count > 0) {
    const ssize_t n = retry_eintr([&] { return ::getrandom(out, count, 0); });
    WAYSIDE_ASSERT(n > 0);
    out += n;
    count -= static_cast<std::size_t>(n);
  }
}

template <typename ChronoClock>
std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(ChronoClock::now().time_since_epoch()).count();
}

Result<int> bound_port(int descriptor) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(descriptor, generic, size) != 0) return errno_error("bind", "127.0.0.1:0");
  if (::getsockname(descriptor, generic, &size) != 0) return errno_error("getsockname", "127.0.0.1:0");
  return static_cast<int>(ntohs(address.sin_port));
}

}  // namespace

WallMs SystemClock::wall() const { return {now_ms<std::chrono::system_clock>()}; }
MonoMs SystemClock::mono() const { return {now_ms<std::chrono::steady_clock>()}; }

std::uint64_t random_seed() {
  std::array<std::uint8_t, 8> bytes{};
  fill_random(bytes.data(), bytes.size());
  std::uint64_t seed = 0;
  for (const std::uint8_t byte : bytes) seed = seed << 8U | byte;
  return seed;
}

SpoolUuid random_uuid() {
  SpoolUuid uuid;
  fill_random(uuid.bytes.data(), uuid.bytes.size());
  uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0FU) | 0x40U);  // version 4
  uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3FU) | 0x80U);  // variant of RFC 4122
  return uuid;
}

Result<Bytes> random_bytes(std::size_t count) {
  Bytes bytes(count);
  fill_random(bytes.data(), count);
  return bytes;
}

Result<int> free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return errno_error("socket", "127.0.0.1");
  auto port = bound_port(descriptor);
  ::close(descriptor);
  return port;
}

std::vector<std::pair<std::string, std::string>> environment() {
  std::vector<std::pair<std::string, std::string>> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

std::string rfc3339(WallMs at) {
  using std::chrono::floor;
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(at.value)};
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

}  // namespace wayside::os
