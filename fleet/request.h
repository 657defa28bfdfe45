// What an issuer signs: an intent, followed by the grant that permits it, ready to publish.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "intent/intent.h"

namespace wayside::fleet {

struct RequestSpec {
  std::string vehicle;
  std::string region;
  std::string group;  // "unlock", "climate"
  std::string name;
  std::vector<std::pair<std::string, std::string>> arguments;
  std::string supersede_key;
  std::int64_t deadline_ms = 60'000;  // from now; negative: has passed already
};

struct SignedRequest {
  intent::CommandId id{};
  std::string id_text;  // base32, as in topics
  Bytes bytes;          // intent and grant in their framing
  WallMs deadline{};
};

// `grant`: the issuer's signed grant, as it is sent along. Fault::config when it does not parse; what it permits
// is the edge's to judge.
Result<SignedRequest> sign_request(const intent::SigningKey& issuer, ByteView grant, const RequestSpec& spec,
                                   WallMs now);

}  // namespace wayside::fleet
