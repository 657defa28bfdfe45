// Messages between the two codecs' shapes: views of a packet, and the owned message that crosses the gate.
#pragma once

#include "broker/session/proxy_port.h"
#include "common/mqtt/packet.h"

namespace wayside::broker {

// Views into `message`. Only properties that may cross the gate.
mqtt::Publish to_publish(const session::ProxyMessage& message, std::uint16_t packet_id);
session::ProxyMessage to_message(const mqtt::Publish& publish);

}  // namespace wayside::broker
