// The left operand of an implicit convolution: rows of pixels, each the source elements that one output pixel meets,
// gathered block by block (no im2col matrix is ever whole in memory).
#pragma once

#include <cstdint>
#include <vector>

#include "duel/tensor/cpu/conv2d_geometry.h"
#include "duel/tensor/cpu/gemm_blocks.h"

namespace duel::cpu {

/// Gathers columns [k0, k1) of the rows of pixels; zero where a tap falls outside the picture. Column numbers are
/// tap * channels + channel, for the `channels` channels of the source from `first_channel` on.
template <class T>
class Gather {
 public:
  Gather(const Images<const T>& source, const Window& window, std::int64_t first_channel, std::int64_t channels,
         std::int64_t k0, std::int64_t k1);

  /// Rows of pixels [p0, p1) of `grid`, `ld` apart, filled up with zeros from k1 - k0 to `width`.
  void operator()(const PixelGrid& grid, std::int64_t p0, std::int64_t p1, T* out, std::int64_t ld,
                  std::int64_t width) const;

 private:
  /// Elements that lie together in the source, seen from the pixel that the window's origin falls on.
  struct Run {
    std::int64_t row, column, offset, length;
  };
  void gather_border(std::int64_t image, std::int64_t i, std::int64_t j, T* out) const;

  Images<const T> source_;
  std::int64_t row_step_, column_step_, columns_;
  std::vector<Run> runs_;       // one per tap
  std::vector<Run> merged_;     // neighbours joined, for windows that lie inside
  Span rows_, columns_inside_;  // origins of such windows
};

extern template class Gather<float>;
extern template class Gather<double>;

}  // namespace duel::cpu
