// What a backend gets: one object per vehicle and accepted batch for signals, one per record for the rest
// (design section 7). Tombstones and the core's own records reach no sink.
//
//   signals  {"vehicle","ids","sequences","catalogue","received_at","signals":[{"path","t","v"}]}
//   others   {"vehicle","ids","topic","received_at","mid"?, "payload" | "text" | "base64"}
#pragma once

#include <string>
#include <vector>

#include "bridge/core/core_record.h"

namespace wayside::bridge::sink {

struct SinkObject {
  std::string vehicle;
  std::string topic;             // to publish on; of signals: v1/<vehicle>/state
  std::vector<std::string> ids;  // wayside-ids it holds
  std::string json;              // one line without its end
  std::vector<Bytes> payloads;   // as accepted, one per id: value_format = "flatbuffers"
};

// In order of first appearance in the batch.
std::vector<SinkObject> objects_of(const std::vector<core::CoreRecord>& batch);

}  // namespace wayside::bridge::sink
