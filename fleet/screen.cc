#include "fleet/screen.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace wayside::fleet {
namespace {

constexpr double kPlainEveryS = 5;
constexpr const char* kBold = "\x1b[1m";
constexpr const char* kRed = "\x1b[31m";
constexpr const char* kOff = "\x1b[0m";

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  if (bytes < 10'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string share(const Picture& picture) {
  if (picture.bytes_in == 0) return "";
  return fmt::format(" = {:.0f} % of bytes in",
                     100.0 * static_cast<double>(picture.link_bytes) / static_cast<double>(picture.bytes_in));
}

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

// A line that wrapped would move everything below it: what does not fit is cut. Escape sequences take no room.
std::string cut(std::string_view line, std::size_t width) {
  std::string out;
  std::size_t shown = 0;
  bool escape = false;
  for (const char c : line) {
    if (c == '\x1b') escape = true;
    if (!escape && ++shown > width) continue;
    out += c;
    if (escape && c == 'm') escape = false;
  }
  return out;
}

std::string backlog_text(const Picture& picture) {
  std::string text;
  for (const auto& lane : picture.backlog) text += fmt::format("{} {}  ", lane.lane, lane.pending);
  return text;
}

}  // namespace

std::string Screen::body(const Picture& picture) const {
  const auto& cars = picture.cars;
  std::string text = fmt::format("{}wayside{}  {:.0f} s   {}\n", kBold, kOff, picture.elapsed_s,
                                 picture.core_up ? "core up" : fmt::format("{}CORE DOWN{}", kRed, kOff));
  text += fmt::format("VEHICLES  {}/{} online   {} commands executed\n", cars.online, cars.cars, cars.total.commands);
  text += fmt::format("MESSAGES  {} in, {} acknowledged, {} in flight, {} waiting in the cars, {} sent again\n",
                      cars.total.frames, cars.total.acked, cars.in_flight, cars.waiting, cars.total.resent);
  text += fmt::format("LINK      {} batches out   {} on the link, {} in{}\n", picture.batches_out,
                      bytes_text(picture.link_bytes), bytes_text(picture.bytes_in), share(picture));
  text += fmt::format("BACKLOG   {}\n", picture.edge_answers ? backlog_text(picture) : "edge does not answer");
  text += "PROCESSES kill -9 any of these now:";
  for (std::size_t i = 0; i < picture.processes.size(); ++i) {
    const auto& process = picture.processes[i];
    if (i % 3 == 0) text += "\n         ";  // an id must not be cut off
    text += fmt::format(" {} {}", process.name, process.pid > 0 ? std::to_string(process.pid) : "down");
    text += process.restarts > 0 ? fmt::format(" ({}x again) ", process.restarts) : " ";
  }
  text += "\n";
  for (const auto& trip : trips_) text += fmt::format("ROUNDTRIP {}: {:.0f} ms\n", trip.what, trip.ms);
  for (const auto& note : notes_) text += note + "\n";
  return text;
}

std::string Screen::short_line(const Picture& picture) const {
  return fmt::format("{:5.0f} s  {}/{} online  {} acknowledged  {} batches  {} on the link for {} in  backlog {}{}",
                     picture.elapsed_s, picture.cars.online, picture.cars.cars, picture.cars.total.acked,
                     picture.batches_out, bytes_text(picture.link_bytes), bytes_text(picture.bytes_in),
                     backlog_text(picture), picture.core_up ? "" : " CORE DOWN");
}

void Screen::draw(const Picture& picture) {
  if (terminal_) {
    const auto text = body(picture);
    // Up over what was drawn, then each line cleared as it is written.
    std::string out = lines_drawn_ > 0 ? fmt::format("\x1b[{}A", lines_drawn_) : "";
    lines_drawn_ = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    const auto width = terminal_width();
    for (std::string_view rest = text; !rest.empty();) {
      const auto end = rest.find('\n');
      out += cut(rest.substr(0, end), width) + "\x1b[K\n";
      rest.remove_prefix(end + 1);
    }
    std::fputs((out + "\x1b[J").c_str(), stdout);
    std::fflush(stdout);
    return;
  }
  if (picture.elapsed_s - last_plain_s_ < kPlainEveryS) return;
  const bool first = last_plain_s_ < 0;
  last_plain_s_ = picture.elapsed_s;
  auto* to = quiet_ ? stderr : stdout;
  if (first) {
    std::string line = "kill -9 any of these now:";
    for (const auto& process : picture.processes) line += fmt::format("  {} {}", process.name, process.pid);
    std::fprintf(to, "%s\n", line.c_str());
  }
  std::fprintf(to, "%s\n", short_line(picture).c_str());
  std::fflush(to);
}

void Screen::note(double elapsed_s, const std::string& text) {
  const auto line = fmt::format("{:5.1f} s  {}", elapsed_s, text);
  if (!terminal_) {
    std::fprintf(quiet_ ? stderr : stdout, "%s\n", line.c_str());
    std::fflush(quiet_ ? stderr : stdout);
    return;
  }
  notes_.push_back(line);
  if (notes_.size() > kNotesMax) notes_.erase(notes_.begin());
}

void Screen::round_trip(const RoundTrip& trip) {
  trips_.push_back(trip);
  if (trips_.size() > kNotesMax) trips_.erase(trips_.begin());
}

void Screen::leave() { lines_drawn_ = 0; }

}  // namespace wayside::fleet
