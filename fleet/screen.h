// The live screen of `wayside up`: redrawn in place on a terminal, plain lines otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fleet/observer.h"

namespace wayside::fleet {

struct RoundTrip {
  std::string what;  // "unlock WSYDEM00000000003, core dead"
  double ms = 0;
};

// Owns    what is on the screen.   Thread  one.
// Limits  kNotesMax notes and round trips are kept on the screen; all notes go to a plain stream at once.
class Screen {
 public:
  static constexpr std::size_t kNotesMax = 8;

  // `quiet`: notes only, on stderr, so that stdout holds the result alone.
  Screen(bool terminal, bool quiet) : terminal_(terminal && !quiet), quiet_(quiet) {}

  void draw(const Picture& picture);
  void note(double elapsed_s, const std::string& text);  // something happened
  void round_trip(const RoundTrip& trip);
  // Leaves the live picture: what follows is printed below it.
  void leave();

 private:
  [[nodiscard]] std::string body(const Picture& picture) const;
  [[nodiscard]] std::string short_line(const Picture& picture) const;

  bool terminal_;
  bool quiet_;
  std::vector<std::string> notes_;
  std::vector<RoundTrip> trips_;
  std::size_t lines_drawn_ = 0;
  double last_plain_s_ = -1000;
};

}  // namespace wayside::fleet
