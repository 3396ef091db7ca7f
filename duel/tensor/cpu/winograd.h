// Convolutions in float32 by Winograd's algorithms (see simd/winograd.h for the formulas): 3x3 and 4x4 kernels of
// stride 1, and 4x4 kernels of stride 2, which are four 2x2 kernels of stride 1, one for each parity of rows and
// columns: their sum forward, their pictures interleaved backward. (And whatever else falls into such parts: 2x2, or
// 6x6 and 8x8 of stride 2.)
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "duel/tensor/cpu/conv2d.h"
#include "duel/tensor/cpu/conv2d_product.h"
#include "duel/tensor/cpu/simd/winograd.h"

namespace duel::cpu {

/// F(m x m, r x r) of the instruction set in use, or none: m is 2 or 4 for r = 2 and 3, and 2 or 3 for r = 4.
const WinogradKernels* winograd_kernels(std::int64_t m, std::int64_t r);

/// A part of an axis that is dense and of stride 1 on every `step`-th source pixel: grid position i meets source
/// position step * (i + a) + offset with element kernel[a], for a = 0, 1, ...
struct DenseAxis {
  std::int64_t offset;
  std::vector<std::int64_t> kernel;
};
struct DensePart {
  DenseAxis h, w;
};
/// A window as the sum of dense parts of r x r taps each: one for stride 1, four for stride 2. None if it is no such
/// sum (dilation, 3x3 of stride 2, ...).
std::vector<DensePart> dense_parts(const Window& window);

/// What tiles read, those of a dense part of a window or of a whole picture.
struct SourceTiles {
  const Images<const float>* source;
  Size2 step, offset;

  /// Pointers to the n x n pixels from grid position (i, j) on, `outside` where there is none.
  void pixels(std::int64_t image, std::int64_t i, std::int64_t j, std::int64_t n, const float* outside,
              const float** in) const;
};

/// The kernels to take, or none for the direct algorithm. `automatic` chooses by sizes alone, so that results never
/// depend on anything else. Throws where a Winograd algorithm is asked for that does not apply.
const WinogradKernels* choose_winograd(ConvAlgorithm algorithm, const ImplicitProduct<float>& p);
const WinogradKernels* choose_winograd(ConvAlgorithm algorithm, const Images<const float>& x,
                                       const Images<const float>& dy, const Window& window, std::int64_t groups);

/// The product by F(m x m, r x r), r being the dense taps of all its phases. No groups.
void winograd_product(const WinogradKernels& kernels, const ImplicitProduct<float>& p);

/// dw[o, tap, c] = sum over pixels of dy[pixel, o] x[pixel meets tap, c] by F(m x m, r x r); dw [O, KH, KW, C] dense.
void winograd_weight_grad(const WinogradKernels& kernels, const Images<const float>& x, const Images<const float>& dy,
                          const Window& window, float* dw);

}  // namespace duel::cpu
