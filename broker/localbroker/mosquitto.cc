#include "broker/localbroker/mosquitto.h"

#include <cstdio>

#include "broker/localbroker/child.h"

namespace wayside::broker {
namespace {

std::string text_of(const MosquittoVersion& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch);
}

}  // namespace

std::string mosquitto_config(const MosquittoFiles& files) {
  std::string out = "# Written by wayside-broker at every start of its local broker; changes are lost.\n";
  if (files.as_root) out += "user root\n";
  // Anonymous on this socket only: its folder is 0700 and there is no other listener.
  out += "listener 0 " + files.socket + "\n";
  out += "allow_anonymous true\n";
  out += "persistence true\npersistence_location " + files.persistence_dir + "/\n";
  // Saved at the end only: what a crash leaves is never read again (LocalState).
  out += "autosave_interval 0\n";
  // Bounds. The gate's connections send no keep alive: death of either side closes the socket.
  out += "max_keepalive 0\nmax_inflight_messages 64\nmax_queued_messages 1000\nmax_queued_bytes 1048576\n";
  out += "max_packet_size 1048576\n";
  // Warnings and errors only: nothing that names clients or topics belongs into a log.
  out += "connection_messages false\nlog_dest stderr\nlog_type error\nlog_type warning\n";
  return out;
}

std::optional<MosquittoVersion> parse_mosquitto_version(std::string_view help) {
  constexpr std::string_view kBefore = "mosquitto version ";
  const std::size_t at = help.find(kBefore);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string rest(help.substr(at + kBefore.size(), 32));
  MosquittoVersion version;
  if (std::sscanf(rest.c_str(), "%d.%d.%d", &version.major, &version.minor, &version.patch) != 3) return std::nullopt;
  return version;
}

Result<MosquittoVersion> check_mosquitto(const std::string& executable) {
  Result<std::string> help = output_of({executable, "-h"}, 5000);
  if (!help.ok()) return std::move(help).error().with("local_broker.executable");
  const std::optional<MosquittoVersion> version = parse_mosquitto_version(*help);
  if (!version) return Error{Fault::unsupported, executable + " -h does not name a Mosquitto version"};
  if (*version < kMosquittoVersionMin) {
    return Error{Fault::unsupported, executable + " is version " + text_of(*version) + "; at least " +
                                         text_of(kMosquittoVersionMin) + " is needed"};
  }
  return *version;
}

}  // namespace wayside::broker
