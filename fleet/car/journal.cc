#include "fleet/car/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>

#include "common/os/system.h"

namespace wayside::fleet {
namespace {

// 64-bit integers as strings, as the sinks write them: a reader of JSON may hold numbers as doubles.
struct AppendValue {
  std::string& out;
  void operator()(std::int64_t v) const { fmt::format_to(std::back_inserter(out), "\"{}\"", v); }
  void operator()(std::uint64_t v) const { fmt::format_to(std::back_inserter(out), "\"{}\"", v); }
  void operator()(double v) const { fmt::format_to(std::back_inserter(out), "{}", v); }
  void operator()(float v) const { fmt::format_to(std::back_inserter(out), "{}", v); }
  void operator()(bool v) const { out += v ? "true" : "false"; }
  void operator()(const std::string& v) const { append_json_string(out, v); }
};

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_json_value(std::string& out, const Value& value) { std::visit(AppendValue{out}, value); }

Result<std::unique_ptr<Journal>> Journal::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Error{Fault::io, path + ": " + std::strerror(errno), errno};
  return std::unique_ptr<Journal>(new Journal(fd, path));
}

Journal::~Journal() {
  // Best effort: what had to last was synced by turn().
  (void)write_lines();
  ::close(fd_);
}

void Journal::message(std::string_view vehicle, std::uint64_t sequence, std::string_view topic,
                      std::span<const Sample> samples) {
  fmt::format_to(std::back_inserter(lines_), R"({{"vehicle":"{}","sequence":"{}","topic":"{}","signals":[)", vehicle,
                 sequence, topic);
  std::string at;
  WallMs at_of{-1};
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].t != at_of) {
      at_of = samples[i].t;
      at = os::rfc3339(at_of);
    }
    fmt::format_to(std::back_inserter(lines_), R"({}{{"path":"{}","type":"{}","t":"{}","v":)", i == 0 ? "" : ",",
                   samples[i].path, type_name(samples[i].value), at);
    append_json_value(lines_, samples[i].value);
    lines_ += '}';
  }
  lines_ += "]}\n";
}

void Journal::acked(std::string_view vehicle, std::uint64_t sequence, WallMs at) {
  fmt::format_to(std::back_inserter(lines_), "{{\"vehicle\":\"{}\",\"acked\":\"{}\",\"at\":\"{}\"}}\n", vehicle,
                 sequence, os::rfc3339(at));
  must_sync_ = true;
}

void Journal::refused(std::string_view vehicle, std::uint64_t sequence, std::uint8_t reason) {
  fmt::format_to(std::back_inserter(lines_), "{{\"vehicle\":\"{}\",\"refused\":\"{}\",\"reason\":\"0x{:02X}\"}}\n",
                 vehicle, sequence, reason);
}

void Journal::resent(std::string_view vehicle, std::uint64_t sequence) {
  fmt::format_to(std::back_inserter(lines_), "{{\"vehicle\":\"{}\",\"resent\":\"{}\"}}\n", vehicle, sequence);
}

Result<void> Journal::write_lines() {
  std::size_t done = 0;
  while (done < lines_.size()) {
    const auto put = ::write(fd_, lines_.data() + done, lines_.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Error{Fault::io, path_ + ": " + std::strerror(errno), errno};
    done += static_cast<std::size_t>(put);
  }
  lines_.clear();
  return {};
}

Result<void> Journal::turn() {
  if (auto written = write_lines(); !written) return written;
  if (must_sync_ && ::fdatasync(fd_) != 0) return Error{Fault::io, path_ + ": " + std::strerror(errno), errno};
  must_sync_ = false;
  return {};
}

}  // namespace wayside::fleet
