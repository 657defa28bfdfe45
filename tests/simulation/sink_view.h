// What the core machine holds at the end, read from outside: the core log as a sink reads it, and the file sink's
// lines as a consumer reads them.
#pragma once

#include <array>
#include <map>
#include <string>

#include "tests/simulation/world.h"

namespace wayside::test {

// "" or where the core log is not dense.
std::string check_core_log(World& world);
// What can be read of one lane of the core log, by core offset.
std::map<std::uint64_t, bridge::core::CoreRecord> core_records(SimDisk& disk, Lane lane);

struct SinkView {
  // By offset: the sequence that the sender gave the record.
  using Sequences = std::map<std::uint64_t, std::uint64_t>;
  std::map<std::pair<SpoolUuid, Lane>, Sequences> sequences;
  [[nodiscard]] const Sequences& of(const SpoolUuid& uuid, Lane lane) const {
    static const Sequences kNone;
    const auto at = sequences.find({uuid, lane});
    return at == sequences.end() ? kNone : at->second;
  }
  std::string problem;  // an id twice, or a line that is not understood
};
SinkView read_sink(World& world);

// The sequence that the sender gave a record of record_body().
std::uint64_t sequence_of(const Bytes& body);

}  // namespace wayside::test
