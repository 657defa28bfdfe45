// A fuzzer's short form, for any compiler: inputs made from a seed alone, so that it says the same again. Random
// lengths, random bytes, and runs of one byte; what it found earlier is among tests/, not here.
//
//   NAME [INPUTS] [SEED]        default 5000 inputs, seed 1
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "common/rng.h"
#include "common/types.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::uint64_t kInputs = 5'000;
constexpr std::uint64_t kBytesMax = 512;

wayside::Bytes input(wayside::SeededRng& rng) {
  wayside::Bytes bytes(rng.below(rng.below(4) == 0 ? kBytesMax : 32));
  const bool few_values = rng.below(2) == 0;  // lengths and flags are small numbers
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.below(few_values ? 8 : 256));
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t inputs = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : kInputs;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  std::printf("%llu inputs, seed %llu\n", static_cast<unsigned long long>(inputs),
              static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  wayside::SeededRng rng(seed);
  for (std::uint64_t i = 0; i < inputs; ++i) {
    const wayside::Bytes bytes = input(rng);
    (void)LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  return 0;
}
