// The processor's multiply-add peak, for benchmarks: what a fraction of the peak refers to.
#pragma once

#include <cstdint>

namespace duel::cpu {

/// Multiplies and adds in registers, independent chains on whole packets of float32: nothing could be faster.
struct PeakProbe {
  std::int64_t flop_per_round;
  float (*run)(std::int64_t rounds);  ///< the result only keeps the compiler honest
};

namespace simd_baseline {
extern const PeakProbe peak_probe;
}
namespace simd_avx2 {
extern const PeakProbe peak_probe;
}
namespace simd_avx512 {
extern const PeakProbe peak_probe;
}

}  // namespace duel::cpu
