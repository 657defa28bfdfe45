#include "fleet/recorder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/os/system.h"
#include "fleet/car/journal.h"
#include "schemas/messages.h"
#include "schemas/signal_batch.h"

namespace wayside::fleet {
namespace {

constexpr int kRetryMs = 100;
constexpr int kTurnMs = 100;

// The same form as the file sink's; the recorder's own count stands where a wayside-id would.
std::string line_of(std::string_view vehicle, std::string_view topic, std::uint64_t number,
                    std::span<const Sample> signals, const schemas::EventMessage* event) {
  std::string line = fmt::format(R"({{"vehicle":"{}","ids":["recorder/{}"],"topic":"{}")", vehicle, number, topic);
  line += event == nullptr ? R"(,"signals":[)"
                           : fmt::format(R"(,"payload":{{"sequence":"{}","signals":[)", event->sequence);
  for (std::size_t i = 0; i < signals.size(); ++i) {
    line +=
        fmt::format(R"({}{{"path":"{}","t":"{}","v":)", i == 0 ? "" : ",", signals[i].path, os::rfc3339(signals[i].t));
    append_json_value(line, signals[i].value);
    line += '}';
  }
  return line + (event == nullptr ? "]}\n" : "]}}\n");
}

std::string_view vehicle_of(std::string_view topic) {
  const auto first = topic.find('/');
  const auto second = topic.find('/', first + 1);
  return first == std::string_view::npos ? topic : topic.substr(first + 1, second - first - 1);
}

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::start(RecorderOptions options) {
  auto tls = TlsClient::load(options.tls);
  if (!tls) return std::move(tls).error();
  int fd = -1;
  if (!options.on_message) fd = ::open(options.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0 && !options.on_message) return Error{Fault::io, options.file + ": " + std::strerror(errno), errno};
  auto recorder = std::unique_ptr<Recorder>(new Recorder(std::move(options), std::move(*tls), fd));
  recorder->thread_ = std::thread([raw = recorder.get()] { raw->run(); });
  return recorder;
}

Recorder::~Recorder() {
  stop();
  if (file_ >= 0) ::close(file_);
}

void Recorder::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void Recorder::take(const mqtt::Publish& publish) {
  if (options_.on_message) {
    ++messages_;
    return options_.on_message(publish);
  }
  std::string line;
  const auto vehicle = vehicle_of(publish.topic);
  if (auto batch = schemas::parse_signal_batch(publish.payload)) {
    line = line_of(vehicle, publish.topic, ++number_, batch->signals, nullptr);
  } else if (auto event = schemas::parse_event(publish.payload)) {
    line = line_of(vehicle, publish.topic, ++number_, event->signals, &event.value());
  } else {
    return;
  }
  // What was received counts when it is written; a full disk shows as missing.
  if (::write(file_, line.data(), line.size()) == static_cast<ssize_t>(line.size())) ++messages_;
}

void Recorder::serve(Connection& connection) {
  bool connect_sent = false;
  while (!stopping_ && connection.state() != Connection::State::closed) {
    connection.pump();
    if (connection.state() == Connection::State::open && !connect_sent) {
      connect_sent = true;
      mqtt::Connect connect;
      connect.client_id = options_.client_id;
      connect.clean_start = false;
      connect.properties.session_expiry_s = 3600;
      connection.send(mqtt::Packet(connect));
    }
    while (const auto packet = connection.next()) {
      if (std::holds_alternative<mqtt::Connack>(*packet)) {
        mqtt::Subscribe subscribe;
        subscribe.packet_id = 1;
        subscribe.subscriptions.push_back({options_.filter, 1, false, false, 0});
        connection.send(mqtt::Packet(subscribe));
      } else if (std::holds_alternative<mqtt::Suback>(*packet)) {
        subscribed_ = true;
      } else if (const auto* publish = std::get_if<mqtt::Publish>(&*packet)) {
        take(*publish);
        if (publish->qos == 1) connection.send(mqtt::Ack{mqtt::AckKind::puback, publish->packet_id, 0, {}});
      }
    }
    connection.flush();
    pollfd polled{connection.fd(), static_cast<short>(POLLIN | (connection.wants_write() ? POLLOUT : 0)), 0};
    poll(&polled, 1, kTurnMs);
  }
  subscribed_ = false;
}

void Recorder::run() {
  while (!stopping_) {
    if (auto connection = Connection::start(options_.to, tls_); connection) serve(**connection);
    if (!stopping_) poll(nullptr, 0, kRetryMs);
  }
}

}  // namespace wayside::fleet
