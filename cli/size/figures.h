// What was measured, with where it comes from: the only figures of sizing that are not read off a format.
// A test compares each with the document that it is quoted from.
#pragma once

#include <array>
#include <string_view>

namespace wayside::cli {

struct Figure {
  std::string_view name;
  double value = 0;
  std::string_view unit;
  std::string_view quoted;  // as bench/README.md writes it
  std::string_view command;
  std::string_view date;
  std::string_view of;  // under which load
};

inline constexpr Figure kEdgeMessages{"edge_messages_per_cpu_s",
                                      48'748,
                                      "messages a CPU second",
                                      "48,748",
                                      "./dev bench first",
                                      "2026-11-24",
                                      "broker and bridge together, 20 cars at full speed, 26 signals a message"};
inline constexpr Figure kGateMessages{"broker_messages_per_cpu_s",
                                      70'105,
                                      "messages a CPU second",
                                      "70,105",
                                      "./dev bench custody",
                                      "2026-11-25",
                                      "broker alone, 5,000 connections, one message of 64 bytes in a TLS record"};
inline constexpr Figure kLinkBytesSlow{"link_bytes_per_value",
                                       15.75,
                                       "bytes a value",
                                       "15.75",
                                       "./dev bench first",
                                       "2026-11-24",
                                       "20 cars, 26 signals a message, one message a second a car"};
inline constexpr Figure kLinkBytesFast{"link_bytes_per_value_draining",
                                       1.81,
                                       "bytes a value",
                                       "1.81",
                                       "./dev bench first",
                                       "2026-11-24",
                                       "20 cars, 26 signals a message, full speed, as when a backlog drains"};
inline constexpr Figure kDiskBytes{"disk_bytes_per_byte",
                                   5.0,
                                   "bytes written a byte accepted",
                                   "4.0 and 5.0",
                                   "./dev bench custody",
                                   "2026-11-25",
                                   "5,000 connections, messages of 64 bytes; larger ones need less"};
inline constexpr Figure kCommitMs{"commit_p50_ms",
                                  0.20,
                                  "ms",
                                  "p50 0.20 ms",
                                  "./dev bench custody",
                                  "2026-11-25",
                                  "a lone publish, to its acknowledgement"};
inline constexpr Figure kRecoveryS{"recovery_s_per_10_gb",
                                   0.108,
                                   "s",
                                   "0.108",
                                   "./dev bench recovery",
                                   "2026-11-25",
                                   "custody opened cold after kill -9, 10.0 GB"};

inline constexpr std::array<Figure, 7> kFigures = {kEdgeMessages, kGateMessages, kLinkBytesSlow, kLinkBytesFast,
                                                   kDiskBytes,    kCommitMs,     kRecoveryS};

// What sizing would need and nobody has measured yet.
inline constexpr std::array<std::string_view, 5> kNotMeasured = {
    "memory of a connection, of a session and of the bridge", "TLS handshakes a CPU second",
    "bytes of sessions.db a vehicle", "records a CPU second of wayside-bridge core and of its broker",
    "messages with more than 26 signals, or not of our formats, a CPU second"};

}  // namespace wayside::cli
