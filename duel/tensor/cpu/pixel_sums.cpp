#include "duel/tensor/cpu/pixel_sums.h"

#include "duel/tensor/cpu/isa.h"

namespace duel::cpu {

namespace simd_baseline {
extern const PixelSums pixel_sums;
}
namespace simd_avx2 {
extern const PixelSums pixel_sums;
}
namespace simd_avx512 {
extern const PixelSums pixel_sums;
}

const PixelSums& pixel_sums() {
  switch (isa()) {
#ifdef DUEL_SIMD_X86
    case Isa::avx512: return simd_avx512::pixel_sums;
    case Isa::avx2: return simd_avx2::pixel_sums;
#endif
    default: return simd_baseline::pixel_sums;
  }
}

}  // namespace duel::cpu
