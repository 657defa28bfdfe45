// Records as the gate would commit them.
#pragma once

#include <string>

#include "schemas/record.h"
#include "schemas/signal_batch.h"

namespace wayside::test {

// A record as the gate would commit it.
inline Bytes record_body(Lane lane, const std::string& vehicle, std::uint64_t sequence,
                         std::size_t payload_bytes = 24) {
  Bytes payload;
  schemas::RecordView view;
  std::string topic = "v1/" + vehicle;
  if (lane == Lane::state) {
    const std::vector<schemas::SignalValue> signals = {{"Vehicle.Speed",
                                                        WallMs{1'700'000'000'000 + static_cast<std::int64_t>(sequence)},
                                                        static_cast<double>(sequence) / 3.0}};
    payload = schemas::build_signal_batch(sequence, "vss-6.0", signals);
    view.signal_batch = true;
    view.sequence = sequence;
    topic += "/state";
  } else {
    const std::string text = "payload " + std::to_string(sequence) + " ";
    payload.assign(text.begin(), text.end());
    payload.resize(std::max(payload.size(), payload_bytes), '.');
    topic += lane == Lane::event ? "/event/door" : lane == Lane::bulk ? "/bulk/log" : "/cmd/x/ack";
  }
  view.vehicle = vehicle;
  view.topic = topic;
  view.payload = payload;
  view.cohort = "c1";
  view.source_time = {1'700'000'000'000};
  Bytes body;
  schemas::encode_record(view, body);
  return body;
}

}  // namespace wayside::test
