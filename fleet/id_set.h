// Which wayside-ids were seen, of any number of records.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace wayside::fleet {

// Owns    runs of offsets by "<uuid>/<lane>".   Thread  one.
// Limits  ids are dense offsets: it grows with the gaps between them, not with their number.
class IdSet {
 public:
  enum class Seen : std::uint8_t { first, again, malformed };
  // `id` is "<uuid>/<lane>/<offset>".
  [[nodiscard]] Seen insert(std::string_view id);
  // "<uuid>/<lane>" to how many.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& by_lane() const { return counts_; }
  [[nodiscard]] std::size_t runs() const;

 private:
  using Runs = std::map<std::uint64_t, std::uint64_t>;  // first offset to last
  static bool insert(Runs& runs, std::uint64_t offset);

  std::map<std::string, Runs, std::less<>> lanes_;
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace wayside::fleet
