#include "fleet/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <unordered_map>

#include "fleet/evidence.h"
#include "fleet/id_set.h"

namespace wayside::fleet {
namespace {

namespace fs = std::filesystem;

bool is_event(std::string_view topic) { return topic.find("/event/") != std::string_view::npos; }

// One journalled value and how often it was found.
struct Entry {
  Value value;
  std::uint32_t message = 0;
  std::uint32_t found = 0;
};
struct Message {
  std::string vehicle;
  std::uint64_t sequence = 0;
  std::uint32_t values = 0;
  std::uint32_t found = 0;
  std::uint32_t resent = 0;
  bool acked = false;
};

// How far a file of the sink was read, and what was there.
struct Taken {
  std::uint64_t lines = 0;
  std::uint64_t end = 0;
  std::size_t hash = 0;
};

void hash_line(std::size_t& hash, std::string_view line) {
  hash = hash * 1'000'003 + std::hash<std::string_view>()(line);
}

Result<std::vector<std::string>> files_below(const std::string& folder) {
  std::error_code failed;
  std::vector<std::string> files;
  if (fs::is_regular_file(folder, failed)) return std::vector<std::string>{folder};
  for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->path().extension() == ".jsonl") files.push_back(at->path().string());
  }
  if (failed) return Error{Fault::not_found, folder + ": " + failed.message()};
  if (files.empty()) return Error{Fault::not_found, folder + ": no *.jsonl below it"};
  std::sort(files.begin(), files.end());
  return files;
}
}  // namespace

// Owns the account of both sides while they are read.
class Verifier::Account {
 public:
  void journal_line(std::string_view text, const std::string& where);
  void sink_line(std::string_view text, const std::string& where);
  void close_round();
  Result<void> take_sink_file(const std::string& path);
  Result<std::uint64_t> sink_files_changed() const;
  [[nodiscard]] const VerifyReport& report() const { return report_; }

 private:
  static std::string value_key(std::string_view vehicle, bool event, std::string_view path, std::string_view t) {
    return fmt::format("{}|{}|{}|{}", vehicle, event ? 'e' : 's', path, t);
  }
  static std::string message_key(std::string_view vehicle, std::uint64_t sequence) {
    return fmt::format("{}|{}", vehicle, sequence);
  }
  void add_message(const JournalLine& line);
  void mark_acked(const JournalLine& line);
  void mark_resent(const JournalLine& line);
  void observe(const SinkLine& line, const Observed& observed);
  void count_ids(const SinkLine& line);
  void example(std::string sentence) {
    if (report_.examples.size() < kVerifyExamplesMax) report_.examples.push_back(std::move(sentence));
  }

  VerifyReport report_;
  std::vector<Message> messages_;
  std::unordered_map<std::string, std::uint32_t> by_sequence_;
  std::unordered_map<std::string, Entry> values_;
  IdSet ids_;
  std::map<std::string, Taken> sink_files_;
};

void Verifier::Account::add_message(const JournalLine& line) {
  const auto index = static_cast<std::uint32_t>(messages_.size());
  messages_.push_back({line.vehicle, line.sequence, static_cast<std::uint32_t>(line.signals.size()), 0, 0, false});
  by_sequence_[message_key(line.vehicle, line.sequence)] = index;
  for (const auto& claimed : line.signals) {
    const auto [at, fresh] = values_.try_emplace(value_key(line.vehicle, is_event(line.topic), claimed.path, claimed.t),
                                                 Entry{claimed.v, index, 0});
    if (fresh) continue;
    ++report_.claimed_twice;
    example(
        fmt::format("{} {} at {} is claimed by two messages of the journals", line.vehicle, claimed.path, claimed.t));
  }
  ++report_.messages;
}

void Verifier::Account::mark_acked(const JournalLine& line) {
  const auto found = by_sequence_.find(message_key(line.vehicle, line.sequence));
  if (found == by_sequence_.end()) {
    ++report_.unreadable;
    example(fmt::format("{} acknowledged sequence {}, which no journal line holds", line.vehicle, line.sequence));
    return;
  }
  auto& message = messages_[found->second];
  if (message.acked) return;
  message.acked = true;
  ++report_.acked;
  report_.values += message.values;
}

// A resend after a lost PUBACK is a record of its own (P2): its values may arrive once more, under another id.
void Verifier::Account::mark_resent(const JournalLine& line) {
  ++report_.resent;
  const auto found = by_sequence_.find(message_key(line.vehicle, line.sequence));
  if (found != by_sequence_.end()) ++messages_[found->second].resent;
}

void Verifier::Account::journal_line(std::string_view text, const std::string& where) {
  const auto line = parse_journal_line(text);
  if (!line) {
    ++report_.unreadable;
    return example(where + ": " + line.error().what);
  }
  switch (line->kind) {
    case JournalLine::Kind::message: return add_message(*line);
    case JournalLine::Kind::acked: return mark_acked(*line);
    case JournalLine::Kind::refused: ++report_.refused; return;
    case JournalLine::Kind::resent: return mark_resent(*line);
  }
}

void Verifier::Account::count_ids(const SinkLine& line) {
  for (const auto& id : line.ids) {
    switch (ids_.insert(id)) {
      case IdSet::Seen::first: ++report_.sink_ids; break;
      case IdSet::Seen::again:
        ++report_.twice;
        example(id + " is in the sink twice");
        break;
      case IdSet::Seen::malformed:
        ++report_.unreadable;
        example(id + " is no wayside-id");
        break;
    }
  }
}

void Verifier::Account::observe(const SinkLine& line, const Observed& observed) {
  const auto found = values_.find(value_key(line.vehicle, !line.state, observed.path, observed.t));
  if (found == values_.end()) {
    ++report_.strange;
    return example(fmt::format("{} {} at {} is in no journal", line.vehicle, observed.path, observed.t));
  }
  auto& entry = found->second;
  if (!same_value(entry.value, observed.v)) {
    ++report_.values_different;
    return example(fmt::format("{} {} at {}: {} was said, {} arrived", line.vehicle, observed.path, observed.t,
                               to_text(entry.value), to_text(observed.v)));
  }
  auto& message = messages_[entry.message];
  if (++entry.found == 1) {
    ++message.found;
  } else if (entry.found <= 1 + message.resent) {
    ++report_.values_resent;
  } else {
    ++report_.values_twice;
    example(fmt::format("{} {} at {} arrived twice", line.vehicle, observed.path, observed.t));
  }
}

void Verifier::Account::sink_line(std::string_view text, const std::string& where) {
  const auto line = parse_sink_line(text);
  if (!line) {
    ++report_.unreadable;
    return example(where + ": " + line.error().what);
  }
  count_ids(*line);
  if (!line->state && !is_event(line->topic)) return;  // statuses, presence, acks: counted by id alone
  for (const auto& observed : line->signals) observe(*line, observed);
}

void Verifier::Account::close_round() {
  for (const auto& message : messages_) {
    if (message.found == message.values) {
      ++report_.arrived;
    } else if (message.acked) {
      ++report_.missing;
      report_.values_missing += message.values - message.found;
      example(fmt::format("{} sequence {}: {} of {} values arrived", message.vehicle, message.sequence, message.found,
                          message.values));
    }
  }
  report_.ids_by_lane = ids_.by_lane();
  messages_.clear();
  by_sequence_.clear();
  values_.clear();
}

Result<void> Verifier::Account::take_sink_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Error{Fault::io, path + ": cannot be read"};
  Taken& taken = sink_files_[path];
  file.seekg(static_cast<std::streamoff>(taken.end));
  for (std::string line; std::getline(file, line);) {
    taken.end += line.size() + (file.eof() ? 0 : 1);
    hash_line(taken.hash, line);
    ++taken.lines;
    if (!line.empty()) sink_line(line, fmt::format("{}:{}", path, taken.lines));
  }
  return {};
}

Result<std::uint64_t> Verifier::Account::sink_files_changed() const {
  std::uint64_t changed = 0;
  for (const auto& [path, taken] : sink_files_) {
    std::ifstream file(path);
    if (!file) return Error{Fault::io, path + ": cannot be read"};
    Taken now;
    for (std::string line; now.lines < taken.lines && std::getline(file, line); ++now.lines) hash_line(now.hash, line);
    if (now.lines != taken.lines || now.hash != taken.hash) ++changed;
  }
  return changed;
}

Verifier::Verifier() : account_(std::make_unique<Account>()) {}
Verifier::~Verifier() = default;

Result<void> Verifier::take_journals(const std::string& path) {
  auto files = files_below(path);
  if (!files) return std::move(files).error();
  for (const auto& name : *files) {
    std::ifstream file(name);
    if (!file) return Error{Fault::io, name + ": cannot be read"};
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
      if (!line.empty()) account_->journal_line(line, fmt::format("{}:{}", name, number));
    }
  }
  return {};
}

Result<void> Verifier::take_sink(const std::string& folder) {
  auto files = files_below(folder);
  if (!files) return std::move(files).error();
  for (const auto& file : *files) {
    if (auto taken = account_->take_sink_file(file); !taken) return taken;
  }
  return {};
}

void Verifier::close_round() { account_->close_round(); }
Result<std::uint64_t> Verifier::sink_files_changed() const { return account_->sink_files_changed(); }
const VerifyReport& Verifier::report() const { return account_->report(); }

Result<VerifyReport> verify(const std::string& journals, const std::string& sink) {
  Verifier verifier;
  if (auto taken = verifier.take_journals(journals); !taken) return std::move(taken).error();
  if (auto taken = verifier.take_sink(sink); !taken) return std::move(taken).error();
  verifier.close_round();
  return verifier.report();
}

}  // namespace wayside::fleet
