// What of a packet crosses the gate to the local broker and back: views of a packet, and the owned message.
#pragma once

#include "broker/session/proxy_port.h"
#include "common/mqtt/packet.h"

namespace wayside::broker::session {

// Views into `message`; without packet identifier. Only properties that may cross the gate.
mqtt::Publish publish_of(const ProxyMessage& message);
ProxyMessage message_of(const mqtt::Publish& publish);

}  // namespace wayside::broker::session
