#include "schemas/json/json.h"

#include <zstd.h>

#include <array>

#include "schemas/json/formats.h"

namespace wayside::schemas {
namespace {

constexpr unsigned long long kBatchBytesMax = 64ULL << 20U;

struct Format {
  std::string_view identifier;
  Text (*to_text)(ByteView);
};
constexpr std::array<Format, 18> kFormats = {{{"WSSB", signal_batch_json},
                                              {"WSEV", event_json},
                                              {"WSCA", command_ack_json},
                                              {"WSCS", command_status_json},
                                              {"WSPR", presence_json},
                                              {"WSAN", answer_json},
                                              {"WSIN", intent_json},
                                              {"WSGR", grant_json},
                                              {"WSTL", trust_list_json},
                                              {"WSRL", revocation_list_json},
                                              {"WSHE", hello_json},
                                              {"WSNX", next_json},
                                              {"WSCR", credit_json},
                                              {"WSRJ", rejected_json},
                                              {"WSST", settlement_json},
                                              {"WSDB", down_batch_json},
                                              {"WSDA", down_ack_json},
                                              {"WSBA", batch_json}}};

Result<std::string> checked(Text text, std::string_view what) {
  if (!text) return Error{Fault::malformed, "claims to be " + std::string(what) + " and does not verify"};
  return *std::move(text);
}

bool is_zstd(ByteView payload) {
  constexpr std::array<std::uint8_t, 4> kZstdMagic = {0x28, 0xB5, 0x2F, 0xFD};
  return payload.size() >= 4 && std::equal(kZstdMagic.begin(), kZstdMagic.end(), payload.begin());
}

Result<Bytes> unpack(ByteView frame) {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kBatchBytesMax) {
    return Error{Fault::malformed, "a zstd frame without a content size, or one above 64 MiB"};
  }
  Bytes content(size);
  const std::size_t got = ZSTD_decompress(content.data(), content.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) != 0 || got != size) return Error{Fault::malformed, "a zstd frame that does not unpack"};
  return content;
}

Result<std::string> flatbuffer_json(ByteView payload) {
  const std::string_view identifier = payload.size() >= 8 ? as_text(payload.subspan(4, 4)) : std::string_view{};
  for (const Format& format : kFormats) {
    if (format.identifier == identifier) return checked(format.to_text(payload), identifier);
  }
  return Error{Fault::unsupported, "not one of our formats"};
}

}  // namespace

Result<std::string> to_json(ByteView payload) {
  if (payload.size() >= 4 && as_text(payload.first(4)) == "WSSG") return checked(signed_json(payload), "signed");
  if (!is_zstd(payload)) return flatbuffer_json(payload);
  const auto content = unpack(payload);
  if (!content) return content.error();
  return flatbuffer_json(*content);
}

void write_value(JsonWriter& json, const SignalData& value) {
  switch (value.index()) {
    case 0: json.int64(std::get<0>(value)); break;
    case 1: json.uint64(std::get<1>(value)); break;
    case 2: json.real(std::get<2>(value)); break;
    case 3: json.real(std::get<3>(value)); break;
    case 4: json.boolean(std::get<4>(value)); break;
    default: json.text(std::get<5>(value)); break;
  }
}

void write_signal(JsonWriter& json, const SignalValue& signal) {
  json.begin_object().key("path").text(signal.path).key("t").time(signal.t).key("v");
  write_value(json, signal.value);
  json.end_object();
}

}  // namespace wayside::schemas
