#include "broker/session/proxy_convert.h"

namespace wayside::broker::session {

mqtt::Publish publish_of(const ProxyMessage& message) {
  mqtt::Publish publish;
  publish.topic = message.topic;
  publish.payload = message.payload;
  publish.qos = message.qos;
  publish.retain = message.retain;
  mqtt::Properties& properties = publish.properties;
  if (message.payload_format != 0) properties.payload_format = message.payload_format;
  if (message.message_expiry_s != 0) properties.message_expiry_s = message.message_expiry_s;
  if (!message.content_type.empty()) properties.content_type = message.content_type;
  if (!message.response_topic.empty()) properties.response_topic = message.response_topic;
  if (!message.correlation_data.empty()) properties.correlation_data = ByteView(message.correlation_data);
  for (const auto& [name, value] : message.user) properties.user.emplace_back(name, value);
  return publish;
}

ProxyMessage message_of(const mqtt::Publish& publish) {
  const mqtt::Properties& properties = publish.properties;
  ProxyMessage message;
  message.topic = publish.topic;
  message.payload.assign(publish.payload.begin(), publish.payload.end());
  message.qos = publish.qos;
  message.retain = publish.retain;
  message.payload_format = properties.payload_format.value_or(0);
  message.message_expiry_s = properties.message_expiry_s.value_or(0);
  message.content_type = properties.content_type.value_or("");
  message.response_topic = properties.response_topic.value_or("");
  if (properties.correlation_data) {
    message.correlation_data.assign(properties.correlation_data->begin(), properties.correlation_data->end());
  }
  for (const auto& [name, value] : properties.user) message.user.emplace_back(name, value);
  return message;
}

}  // namespace wayside::broker::session
