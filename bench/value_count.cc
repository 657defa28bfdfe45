#include "bench/value_count.h"

#include <filesystem>
#include <fstream>
#include <string_view>

#include "fleet/evidence.h"

namespace wayside::bench {
namespace {

constexpr std::size_t kChunkBytes = 4U << 20U;
// Inside a JSON string the quotes would be escaped: this is a member's name wherever it stands.
constexpr std::string_view kValueMark = "\"path\":";

std::uint64_t count_marks(std::string_view text) {
  std::uint64_t count = 0;
  for (auto at = text.find(kValueMark); at != std::string_view::npos; at = text.find(kValueMark, at + 1)) ++count;
  return count;
}

}  // namespace

Result<std::uint64_t> acked_values(const std::string& journal) {
  std::ifstream file(journal);
  if (!file) return Error{Fault::not_found, journal};
  std::map<std::pair<std::string, std::uint64_t>, std::size_t> said;
  std::uint64_t values = 0;
  for (std::string text; std::getline(file, text);) {
    auto line = fleet::parse_journal_line(text);
    if (!line) return std::move(line).error().with(journal);
    const std::pair key(line->vehicle, line->sequence);
    if (line->kind == fleet::JournalLine::Kind::message) {
      said[key] = line->signals.size();
    } else if (line->kind == fleet::JournalLine::Kind::acked) {
      const auto message = said.extract(key);
      if (message.empty()) return Error{Fault::corrupt, journal + ": an acknowledgement of nothing said"};
      values += message.mapped();
    }
  }
  return values;
}

Result<void> ArrivedValues::read_on(const std::string& file, std::uint64_t& read_to) {
  std::ifstream in(file, std::ios::binary);
  std::string chunk(kChunkBytes, '\0');
  while (in) {
    in.seekg(static_cast<std::streamoff>(read_to));
    in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    const std::string_view got(chunk.data(), static_cast<std::size_t>(in.gcount()));
    const auto lines = got.substr(0, got.rfind('\n') + 1);  // npos + 1 is 0: no whole line
    if (lines.empty() && got.size() == chunk.size()) return Error{Fault::unsupported, file + ": a line is too long"};
    if (lines.empty()) return {};
    values_ += count_marks(lines);
    read_to += lines.size();
  }
  return {};
}

Result<std::uint64_t> ArrivedValues::count() {
  std::error_code failed;
  for (std::filesystem::directory_iterator at(folder_, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->path().extension() != ".jsonl") continue;
    const auto file = at->path().string();
    if (auto done = read_on(file, read_to_[file]); !done) return std::move(done).error();
  }
  if (failed) return Error{Fault::io, folder_ + ": " + failed.message()};
  return values_;
}

}  // namespace wayside::bench
