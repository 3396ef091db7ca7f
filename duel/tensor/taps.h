// The sparse matrices of resampling (struct Taps in backend.h), one axis each: which inputs an output is made of, and
// with which weights. On the CPU, float64.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "duel/tensor/backend.h"

namespace duel {

/// One term of an output: weight * input[index].
struct Tap {
  std::int64_t index;
  double weight;
};

/// Row o of the matrix is `rows[o]`.
Taps make_taps(const std::vector<std::vector<Tap>>& rows);
/// The transpose of a matrix [out, in]: [in, out]. Throws if `taps` is none.
Taps transposed(const Taps& taps, std::int64_t in);
/// Throws, naming `operation`, unless this is a matrix [out, in].
void check_taps(const char* operation, const Taps& taps, std::int64_t in);

/// Output o is input floor(o * step), at most in - 1; `step` is how far apart outputs are, in inputs.
Taps nearest_taps(std::int64_t in, std::int64_t out, double step);
/// Output o lies at input (o + 0.5) * step - 0.5, between the two nearest ones; the border pixels go on outside.
Taps bilinear_taps(std::int64_t in, std::int64_t out, double step);

/// What the mean over a window that reaches beyond the border is divided by: the window's size, or the number of its
/// elements that exist.
enum class PadCount : std::uint8_t { include, exclude };
/// Means over windows of `kernel` inputs, `stride` apart, the first one from -padding on.
Taps window_taps(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t padding, PadCount count);
/// Means over `out` windows that cover the input: from floor(o * in / out) to ceil((o + 1) * in / out).
Taps adaptive_taps(std::int64_t in, std::int64_t out);

/// Output o is input o - before, or what `mode` says lies there; a negative `before` crops. A reflection reaches at
/// most in - 1 beyond the border.
Taps pad_taps(std::int64_t in, std::int64_t before, std::int64_t out, PadMode mode);

/// Output o is the sum over k of kernel[k] * z[o * down + k - before], where z[i * up] = input[i] and all else is 0. No
/// taps are made for zeros of the kernel.
Taps fir_taps(std::int64_t in, std::span<const double> kernel, std::int64_t up, std::int64_t down, std::int64_t before,
              std::int64_t out);

}  // namespace duel
