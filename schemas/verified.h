// A FlatBuffer from a peer, verified before its first field is read (design section 10): depth 16, 10,000
// tables, 8-byte alignment (bytes that are not aligned are copied). Ranges, union types and column lengths
// are the caller's: the verifier accepts unknown union types and shared strings.
#pragma once

#include <cstring>
#include <memory>

#include "common/types.h"
#include "flatbuffers/flatbuffers.h"

namespace wayside::schemas {

inline constexpr flatbuffers::uoffset_t kVerifierDepthMax = 16;
inline constexpr flatbuffers::uoffset_t kVerifierTablesMax = 10'000;
inline constexpr std::size_t kFlatBufferBytesMax = 64U << 20U;

// Owns   an aligned copy where one was needed; otherwise views `bytes`, which must outlive it.
// Limits kFlatBufferBytesMax; a message above it does not verify.
template <typename Table>
class Verified {
 public:
  Verified(ByteView bytes, const char* identifier) {
    if (bytes.size() < 8 || bytes.size() > kFlatBufferBytesMax) return;
    const std::uint8_t* data = aligned(bytes);
    flatbuffers::Verifier verifier(data, bytes.size(), kVerifierDepthMax, kVerifierTablesMax);
    if (verifier.VerifyBuffer<Table>(identifier)) root_ = flatbuffers::GetRoot<Table>(data);
  }
  [[nodiscard]] bool ok() const { return root_ != nullptr; }
  explicit operator bool() const { return ok(); }
  const Table* operator->() const { return root_; }
  const Table& operator*() const { return *root_; }

 private:
  const std::uint8_t* aligned(ByteView bytes) {
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % sizeof(std::uint64_t) == 0) return bytes.data();
    copy_ = std::make_unique<std::uint64_t[]>(bytes.size() / sizeof(std::uint64_t) + 1);
    std::memcpy(copy_.get(), bytes.data(), bytes.size());
    return reinterpret_cast<const std::uint8_t*>(copy_.get());
  }

  std::unique_ptr<std::uint64_t[]> copy_;
  const Table* root_ = nullptr;
};

inline std::string_view view(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view{} : std::string_view{text->c_str(), text->size()};
}

// What a builder has finished, as bytes of our own.
inline Bytes take(const flatbuffers::FlatBufferBuilder& builder) {
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

}  // namespace wayside::schemas
