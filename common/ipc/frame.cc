#include "common/ipc/frame.h"

#include <algorithm>
#include <optional>

#include "common/result.h"

namespace wayside::ipc {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kLengthBytes = 4;
enum class Type : std::uint8_t { request = 1, answer = 2, hello = 3 };

// Cursor over one frame's body; a field beyond the end fails it for good.
class Reader {
 public:
  explicit Reader(ByteView left) : left_(left) {}
  // Nothing failed and nothing is left over.
  [[nodiscard]] bool finished() const { return ok_ && left_.empty(); }

  ByteView take(std::size_t size) {
    if (size > left_.size()) {
      ok_ = false;
      left_ = {};
      return {};
    }
    const ByteView bytes = left_.first(size);
    left_ = left_.subspan(size);
    return bytes;
  }
  ByteView rest() { return take(left_.size()); }
  std::uint64_t number(std::size_t size) {
    const ByteView bytes = take(size);
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i > 0; --i) value = value << 8U | bytes[i - 1];
    return value;
  }
  std::string text() { return std::string(as_text(take(static_cast<std::size_t>(number(1))))); }

 private:
  ByteView left_;
  bool ok_ = true;
};

void put_number(Bytes& out, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
void put_bytes(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void put_text(Bytes& out, std::string_view text) {
  WAYSIDE_ASSERT(text.size() <= 0xFF);
  put_number(out, text.size(), 1);
  put_bytes(out, as_bytes(text));
}

std::optional<Frame> read_request(Reader& in) {
  Request request;
  request.sequence = in.number(8);
  const ByteView bytes = in.rest();
  request.bytes.assign(bytes.begin(), bytes.end());
  return in.finished() ? std::optional<Frame>(std::move(request)) : std::nullopt;
}

// The shape of a code, not membership: the other side may be one release newer and know more of them.
bool reason_shaped(std::string_view text) {
  const auto allowed = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), allowed);
}

// A refusal names a reason, an acceptance names none: anything else is not an answer.
std::optional<Frame> read_answer(Reader& in) {
  Answer answer;
  answer.sequence = in.number(8);
  const std::uint64_t accepted = in.number(1);
  answer.accepted = accepted == 1;
  answer.reason = in.text();
  if (!in.finished() || accepted > 1) return std::nullopt;
  const bool consistent = answer.accepted ? answer.reason.empty() : reason_shaped(answer.reason);
  return consistent ? std::optional<Frame>(std::move(answer)) : std::nullopt;
}

std::optional<Frame> read_hello(Reader& in) {
  Hello hello;
  const ByteView uuid = in.take(hello.uuid.bytes.size());
  std::copy(uuid.begin(), uuid.end(), hello.uuid.bytes.begin());
  hello.edge = in.text();
  hello.region = in.text();
  return in.finished() ? std::optional<Frame>(std::move(hello)) : std::nullopt;
}

std::optional<Frame> read_body(ByteView body) {
  Reader in(body);
  if (in.number(1) != kVersion) return std::nullopt;
  switch (static_cast<Type>(in.number(1))) {
    case Type::request: return read_request(in);
    case Type::answer: return read_answer(in);
    case Type::hello: return read_hello(in);
  }
  return std::nullopt;
}

void put_head(Bytes& out, Type type) {
  put_number(out, kVersion, 1);
  put_number(out, static_cast<std::uint8_t>(type), 1);
}
void put(Bytes& out, const Request& request) {
  put_head(out, Type::request);
  put_number(out, request.sequence, 8);
  put_bytes(out, request.bytes);
}
void put(Bytes& out, const Answer& answer) {
  put_head(out, Type::answer);
  put_number(out, answer.sequence, 8);
  put_number(out, answer.accepted ? 1 : 0, 1);
  put_text(out, answer.reason);
}
void put(Bytes& out, const Hello& hello) {
  put_head(out, Type::hello);
  put_bytes(out, hello.uuid.bytes);
  put_text(out, hello.edge);
  put_text(out, hello.region);
}

}  // namespace

DecodedFrame decode_frame(ByteView bytes) {
  DecodedFrame out;
  if (bytes.size() < kLengthBytes) return out;
  const auto length = static_cast<std::size_t>(Reader(bytes).number(kLengthBytes));
  // Judged before it is waited for: a claimed length reserves nothing.
  if (length < 2 || length > kFrameBytesMax) {
    out.status = FrameStatus::malformed;
    return out;
  }
  if (bytes.size() - kLengthBytes < length) return out;
  auto frame = read_body(bytes.subspan(kLengthBytes, length));
  out.status = frame ? FrameStatus::complete : FrameStatus::malformed;
  if (!frame) return out;
  out.frame = *std::move(frame);
  out.consumed = kLengthBytes + length;
  return out;
}

void encode_frame(const Frame& frame, Bytes& out) {
  const std::size_t start = out.size();
  out.resize(start + kLengthBytes);
  std::visit([&](const auto& f) { put(out, f); }, frame);
  const std::size_t length = out.size() - start - kLengthBytes;
  WAYSIDE_ASSERT(length <= kFrameBytesMax);
  for (std::size_t i = 0; i < kLengthBytes; ++i) out[start + i] = static_cast<std::uint8_t>(length >> (8 * i));
}

}  // namespace wayside::ipc
