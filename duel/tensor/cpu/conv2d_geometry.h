// What the convolution kernels have in common: pictures, windows of taps, and walks over pixels.
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

/// Along one axis: position `i` here meets position i * step + offset there with element `kernel` of the kernel.
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

/// Whether the taps, and the windows of neighbouring pixels, lie near each other: else what a few of them reach is too
/// much to copy.
inline bool is_compact(const Window& window) {
  constexpr std::int64_t kMostReach = 64;
  const auto near = [](const Axis& axis) {
    return !axis.taps.empty() && axis.step <= kMostReach &&
           axis.taps.back().offset - axis.taps.front().offset <= kMostReach;
  };
  return near(window.h) && near(window.w);
}

/// Output position to input positions.
Window convolution_window(const Conv2dGeometry& g, Size2 kernel);
/// The way back, of a window of step 1.
Window mirrored(const Window& window);

/// Weights seen from a product: element (tap, k, n) for source channel k and target channel n of a group.
template <class T>
struct Weights {
  const T* data;
  std::int64_t group, kernel_row, kernel_column, k, n;  // strides
  const Tensor* tensor;                                 // whose elements they are

  const T* at(std::int64_t g, const Tap& h, const Tap& w) const {
    return data + g * group + h.kernel * kernel_row + w.kernel * kernel_column;
  }
};

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

}  // namespace duel::cpu
