// What a session is told at its start and never changes: who the peer is, what its role may do, its bounds.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "broker/ports.h"
#include "common/topic/topic.h"

namespace wayside::broker::session {

enum class Role : std::uint8_t { vehicle, service };

// Rights of one service ([[acl]]): rows it may publish and subscribe, and for which vehicles.
struct Acl {
  std::string service;
  bool publish_request = false;
  bool subscribe_status = false;
  bool subscribe_presence = false;
  bool all_vehicles = false;
  std::set<std::string, std::less<>> vehicles;
  bool ordinary = false;  // b/# and x/# through the local broker
  [[nodiscard]] bool covers(std::string_view vehicle) const { return all_vehicles || vehicles.contains(vehicle); }
};

struct Limits {
  std::uint32_t packet_bytes_max = 256U << 10U;
  std::uint32_t first_packet_bytes_max = 16U << 10U;  // before we know the peer; at most packet_bytes_max
  std::uint16_t receive_maximum = 64;                 // publishes of ours to acknowledge
  std::uint16_t topic_alias_max = 16;                 // client to server
  std::uint16_t keep_alive_max_s = 1200;
  std::uint32_t session_expiry_max_s = 7U * 86'400U;
  std::uint32_t subscriptions_max = 32;  // of one session
  std::uint32_t sent_max = 64;           // unacknowledged messages that we sent
  std::uint32_t waiting_max = 1024;      // messages that wait for the peer's Receive Maximum
  std::uint32_t saves_max = 4;           // SUBSCRIBEs that wait for the session store
  std::uint32_t park_packets_max = 128;  // publishes of a 3.1.1 peer that custody has no room for
  std::uint32_t park_bytes_max = 512U << 10U;
  std::uint32_t unreleased_ids_max = 256;  // QoS 2 identifiers between PUBLISH and PUBCOMP
};

struct Peer {
  Role role = Role::vehicle;
  std::string id;                  // vehicle id, or service name
  std::string cohort;              // of a vehicle
  std::shared_ptr<const Acl> acl;  // of a service; nullptr: no rights
};

struct SessionOptions {
  Peer peer;
  ConnectionRef self;
  std::string edge;
  bool local_broker = false;      // there is one: broadcast rows exist
  bool ordinary_enabled = false;  // ordinary rows exist too
  Limits limits;
};

struct Now {
  MonoMs mono{};
  WallMs wall{};
};

}  // namespace wayside::broker::session
