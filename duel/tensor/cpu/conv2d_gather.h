// The left operand of an implicit convolution: rows of pixels, each the source elements that one output pixel meets,
// gathered block by block (no im2col matrix is ever whole in memory).
#pragma once

#include <cstdint>
#include <vector>

#include "duel/tensor/backend.h"

namespace duel::cpu {

/// A batch of channels-last pictures.
template <class T>
struct Images {
  T* data;
  std::int64_t count, height, width, channels;

  std::int64_t offset(std::int64_t n, std::int64_t i, std::int64_t j) const {
    return ((n * height + i) * width + j) * channels;
  }
};

template <class T>
Images<const T> images(const Tensor& t) {  // [N, C, H, W]
  return {t.data<T>(), t.size(0), t.size(2), t.size(3), t.size(1)};
}
template <class T>
Images<T> mutable_images(const Tensor& t) {
  return {t.mutable_data<T>(), t.size(0), t.size(2), t.size(3), t.size(1)};
}

/// Position `i` of the output meets source position i * step + offset with element `kernel` of the kernel.
struct Tap {
  std::int64_t offset, kernel;
};
struct Axis {
  std::int64_t step;
  std::vector<Tap> taps;  ///< offsets rise
};
/// The taps of a pixel are h.taps x w.taps, those of w innermost; with the channels they number the columns of a row.
struct Window {
  Axis h, w;
  std::int64_t taps() const { return static_cast<std::int64_t>(h.taps.size() * w.taps.size()); }
};

/// The window of a convolution over its input.
Window convolution_window(const Conv2dGeometry& g, Size2 kernel);

struct Span {
  std::int64_t begin, end;
  friend bool operator==(const Span&, const Span&) = default;
};
/// Output positions rows x columns of each of `images` pictures, numbered in that order (pictures outermost).
struct PixelGrid {
  std::int64_t images;
  Span rows, columns;
  std::int64_t size() const { return images * (rows.end - rows.begin) * (columns.end - columns.begin); }
};

/// Walks the pixels of a grid from number `p` on.
class PixelCursor {
 public:
  PixelCursor(const PixelGrid& grid, std::int64_t p) : grid_(&grid) {
    const std::int64_t width = grid.columns.end - grid.columns.begin, height = grid.rows.end - grid.rows.begin;
    column = grid.columns.begin + p % width;
    row = grid.rows.begin + p / width % height;
    image = p / width / height;
  }
  void next() {
    if (++column < grid_->columns.end) return;
    column = grid_->columns.begin;
    if (++row < grid_->rows.end) return;
    row = grid_->rows.begin;
    ++image;
  }
  std::int64_t image, row, column;

 private:
  const PixelGrid* grid_;
};

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
  std::vector<Run> runs_;    // one per tap
  std::vector<Run> merged_;  // neighbours joined, for windows that lie inside
  Span rows_, columns_inside_;  // origins of such windows
};

extern template class Gather<float>;
extern template class Gather<double>;

}  // namespace duel::cpu
