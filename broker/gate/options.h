// Options of the gate: the [vehicles], [services] and [[acl]] keys of edge.toml, one to one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/proxyheader/address.h"
#include "broker/session/options.h"
#include "common/identity/identity.h"

namespace wayside::broker::gate {

struct ListenerOptions {
  std::string listen;       // "127.0.0.1:8883"; port 0: a free one; empty: no such listener
  std::string certificate;  // PEM chain of the server
  std::string key;
  std::string ca;   // bundle that proves the peers
  std::string crl;  // empty: none
};

// Of the vehicles listener. required: each connection begins with one PROXY v2 header, and comes from a network of
// `trusted`; what the header says of the peer's address is for operators, never for who the peer is.
struct ProxyOptions {
  bool required = false;
  std::vector<proxyheader::Network> trusted;
};

struct GateOptions {
  std::string edge;
  ListenerOptions vehicles;
  ListenerOptions services;
  ProxyOptions proxy;
  std::string deny_list;  // one vehicle id a line, # comments; empty: none
  identity::Rule identity;
  bool allow_development_ca = false;
  std::uint32_t io_threads = 2;
  std::uint32_t connections_max = 100'000;  // of the process
  std::uint32_t handshakes_max = 2'048;     // unfinished handshakes and CONNECTs of one thread: the oldest gives way
  std::uint32_t handshake_ms_max = 10'000;
  std::uint32_t connect_ms_max = 10'000;       // from the handshake to a complete CONNECT
  std::uint32_t output_bytes_max = 1U << 20U;  // of one connection that does not drain
  std::uint32_t service_events_max = 10'000;   // waiting for one thread
  std::uint32_t tcp_user_timeout_ms = 20'000;
  std::uint32_t tls_sessions_max = 200'000;       // vehicles that may come back without a full handshake
  std::uint32_t tls_session_lifetime_s = 43'200;  // from the full handshake, renewals included
  std::uint32_t refusal_rows_max = 10'000;        // kept for operators: vehicle, stage and reason
  std::uint32_t watch_interval_ms = 1'000;        // of certificates, CRL and deny list
  bool ordinary = false;                          // broadcast and ordinary rows (a local broker is configured)
  session::Limits limits;
  std::vector<session::Acl> acl;
  Bytes region_key;  // HMAC key of the tags that stand for vehicles in logs
};

}  // namespace wayside::broker::gate
