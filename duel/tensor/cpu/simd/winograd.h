// The transforms of Winograd's convolutions: functions on plain pointers, one table per instruction set.
#pragma once

#include <cstdint>

namespace duel::cpu {

/// out = L in L' for a matrix L [q, p], at `channels` neighbouring numbers alike: `in` are p x p vectors of so many
/// numbers, row by row, `out` q x q. An output may be given several times; then any of its values remains.
using WinogradTransform = void (*)(const float* const* in, float* const* out, std::int64_t channels);

/// F(m x m, r x r): tiles of m x m outputs of a convolution of stride 1 with an r x r kernel, by (m + r - 1)^2
/// products. With A, B, G of these sizes, o for the elementwise product, d a tile of the input, g the kernel:
///   y = A' ((G g G') o (B' d B)) A       dg = G' ((A dy A') o (B' d B)) G
/// (Winograd 1980; Lavin and Gray 2016, eq. 8.)
struct WinogradKernels {
  std::int64_t m, r;
  WinogradTransform data;         ///< B': [n, n] tiles of the input; n = m + r - 1
  WinogradTransform weights;      ///< G: kernels, [r, r] to [n, n]
  WinogradTransform output;       ///< A': products, [n, n] to [m, m]
  WinogradTransform output_grad;  ///< A: tiles of the output's gradient, [m, m] to [n, n]
  WinogradTransform weight_grad;  ///< G': products, [n, n] to [r, r]

  std::int64_t n() const { return m + r - 1; }
};

constexpr int kWinogradVariants = 6;
constexpr int kMostWinogradPoints = 36;  ///< n x n of the largest
#define DUEL_DECLARE_WINOGRAD_KERNELS(set)                          \
  namespace set {                                                   \
  extern const WinogradKernels winograd_kernels[kWinogradVariants]; \
  }
DUEL_DECLARE_WINOGRAD_KERNELS(simd_baseline)
DUEL_DECLARE_WINOGRAD_KERNELS(simd_avx2)
DUEL_DECLARE_WINOGRAD_KERNELS(simd_avx512)
#undef DUEL_DECLARE_WINOGRAD_KERNELS

}  // namespace duel::cpu
