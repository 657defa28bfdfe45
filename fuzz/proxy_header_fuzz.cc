// Any bytes where a balancer's header should be: what is understood fits its bound and says the same when more follows
// it, what was refused stays refused, and what waits for more is told with the last byte.
#include "broker/proxyheader/header.h"
#include "common/result.h"

namespace {

using namespace wayside;
using broker::proxyheader::Decoded;
using broker::proxyheader::Status;

// Random bytes alone seldom get past the signature: the same once more behind a fixed part that holds.
void judge(const Bytes& bytes) {
  const Decoded whole = broker::proxyheader::decode(bytes);
  WAYSIDE_ASSERT(whole.consumed <= bytes.size() && whole.consumed <= broker::proxyheader::kHeaderBytesMax);
  WAYSIDE_ASSERT((whole.status == Status::complete) == (whole.consumed > 0));
  Bytes longer = bytes;
  longer.push_back(0x16);
  const Decoded more = broker::proxyheader::decode(longer);
  if (whole.status == Status::need_more) {
    WAYSIDE_ASSERT(bytes.size() < broker::proxyheader::kHeaderBytesMax);
  } else {
    WAYSIDE_ASSERT(more.status == whole.status && more.consumed == whole.consumed && more.source == whole.source);
  }
  if (whole.status != Status::complete) return;
  const ByteView short_of_it = ByteView(bytes).first(whole.consumed - 1);
  WAYSIDE_ASSERT(broker::proxyheader::decode(short_of_it).status == Status::need_more);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  judge(Bytes(bytes.begin(), bytes.end()));
  for (const std::uint8_t family : {std::uint8_t{0x11}, std::uint8_t{0x21}}) {
    const std::size_t addresses = family == 0x11 ? 12 : 36;
    Bytes header = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, family, 0x00, 0x00};
    header.resize(header.size() + addresses, 0x7F);
    header.insert(header.end(), bytes.begin(), bytes.end());
    const std::size_t length = header.size() - 16;
    header[14] = static_cast<std::uint8_t>(length >> 8U);
    header[15] = static_cast<std::uint8_t>(length & 0xFFU);
    judge(header);
  }
  // Networks and addresses are configuration, and parsed by the same hand.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto network = broker::proxyheader::parse_network(text); network.ok()) {
    WAYSIDE_ASSERT(network->contains(network->address));
  }
  if (const auto address = broker::proxyheader::parse_ip(text)) {
    WAYSIDE_ASSERT(broker::proxyheader::parse_ip(to_string(*address)) == address);
  }
  return 0;
}
