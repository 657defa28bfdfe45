#include "fleet/request.h"

#include <algorithm>
#include <atomic>

#include "common/os/system.h"

namespace wayside::fleet {
namespace {

// Rises per issuer, vehicle and supersede key: over restarts as long as the issuer's clock does not go back,
// within the process whatever the clock does.
std::uint64_t next_counter(WallMs now) {
  static std::atomic<std::uint64_t> last{0};
  auto seen = last.load();
  std::uint64_t next = 0;
  do {
    next = std::max(seen + 1, static_cast<std::uint64_t>(now.value) << 10U);
  } while (!last.compare_exchange_weak(seen, next));
  return next;
}

}  // namespace

Result<SignedRequest> sign_request(const intent::SigningKey& issuer, ByteView grant_bytes, const RequestSpec& spec,
                                   WallMs now) {
  const auto grant = intent::open_grant(grant_bytes);
  if (!grant) return Error{Fault::config, "the grant does not open: " + std::string(code(grant.reason()))};
  auto id = os::random_bytes(16);
  if (!id) return std::move(id).error();

  intent::Intent intent;
  intent.vehicle = spec.vehicle;
  std::copy(id->begin(), id->end(), intent.command_id.begin());
  intent.issuer_key = issuer.public_key();
  intent.grant_serial = grant->serial;
  intent.region = spec.region.empty() ? grant->region : spec.region;
  intent.group = spec.group;
  intent.name = spec.name;
  intent.arguments = spec.arguments;
  intent.created = now;
  intent.deadline = {now.value + spec.deadline_ms};
  intent.supersede_key = spec.supersede_key;
  intent.counter = next_counter(now);

  SignedRequest request;
  request.id = intent.command_id;
  request.id_text = intent::to_base32(intent.command_id);
  request.deadline = intent.deadline;
  request.bytes = intent::sign_intent(issuer, intent);
  request.bytes.insert(request.bytes.end(), grant_bytes.begin(), grant_bytes.end());
  return request;
}

}  // namespace wayside::fleet
