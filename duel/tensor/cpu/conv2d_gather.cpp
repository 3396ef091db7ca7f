#include "duel/tensor/cpu/conv2d_gather.h"

#include <algorithm>
#include <cstring>

namespace duel::cpu {
namespace {

/// Short runs are the rule in thin layers: a few moves, the last of which may overlap the one before, in place of a
/// call.
template <class T>
void copy_run(T* out, const T* in, std::int64_t count) {
  constexpr std::int64_t kMove = 16 / sizeof(T), kLong = 256 / sizeof(T);
  if (count > kLong) {
    std::memcpy(out, in, static_cast<std::size_t>(count) * sizeof(T));
  } else if (count >= kMove) {
    for (std::int64_t i = 0; i < count - kMove; i += kMove) std::memcpy(out + i, in + i, 16);
    std::memcpy(out + count - kMove, in + count - kMove, 16);
  } else {
    for (std::int64_t i = 0; i < count; ++i) out[i] = in[i];
  }
}

Axis convolution_axis(std::int64_t stride, std::int64_t padding, std::int64_t dilation, std::int64_t kernel) {
  Axis axis{stride, {}};
  for (std::int64_t t = 0; t < kernel; ++t) axis.taps.push_back({t * dilation - padding, t});
  return axis;
}

Axis mirrored(const Axis& axis) {
  Axis mirror{1, {}};
  for (auto tap = axis.taps.rbegin(); tap != axis.taps.rend(); ++tap)
    mirror.taps.push_back({-tap->offset, tap->kernel});
  return mirror;
}

}  // namespace

Window mirrored(const Window& window) { return {mirrored(window.h), mirrored(window.w)}; }

Window convolution_window(const Conv2dGeometry& g, Size2 kernel) {
  return {convolution_axis(g.stride.h, g.padding.h, g.dilation.h, kernel.h),
          convolution_axis(g.stride.w, g.padding.w, g.dilation.w, kernel.w)};
}

template <class T>
Gather<T>::Gather(const Images<const T>& source, const Window& window, std::int64_t first_channel,
                  std::int64_t channels, std::int64_t k0, std::int64_t k1)
    : source_(source),
      row_step_(window.h.step),
      column_step_(window.w.step),
      columns_(k1 - k0),
      rows_{0, source.height},
      columns_inside_{0, source.width} {
  const std::int64_t across = static_cast<std::int64_t>(window.w.taps.size());
  for (std::int64_t k = k0; k < k1;) {
    const std::int64_t tap = k / channels, channel = k % channels, end = std::min((tap + 1) * channels, k1);
    const std::int64_t row = window.h.taps[static_cast<std::size_t>(tap / across)].offset;
    const std::int64_t column = window.w.taps[static_cast<std::size_t>(tap % across)].offset;
    const Run run{row, column, source.offset(0, row, column) + first_channel + channel, end - k};
    runs_.push_back(run);
    if (!merged_.empty() && merged_.back().offset + merged_.back().length == run.offset)
      merged_.back().length += run.length;
    else
      merged_.push_back(run);
    rows_ = {std::max(rows_.begin, -row), std::min(rows_.end, source.height - row)};
    columns_inside_ = {std::max(columns_inside_.begin, -column), std::min(columns_inside_.end, source.width - column)};
    k = end;
  }
}

template <class T>
void Gather<T>::gather_border(std::int64_t image, std::int64_t i, std::int64_t j, T* out) const {
  const std::int64_t origin = source_.offset(image, i, j);
  for (const Run& run : runs_) {
    const std::int64_t row = i + run.row, column = j + run.column;
    if (row >= 0 && row < source_.height && column >= 0 && column < source_.width)
      copy_run(out, source_.data + (origin + run.offset), run.length);
    else
      std::fill_n(out, run.length, T(0));
    out += run.length;
  }
}

template <class T>
void Gather<T>::operator()(const PixelGrid& grid, std::int64_t p0, std::int64_t p1, T* out, std::int64_t ld,
                           std::int64_t width) const {
  PixelCursor pixel(grid, p0);
  for (std::int64_t p = p0; p < p1; ++p, pixel.next(), out += ld) {
    const std::int64_t i = pixel.row * row_step_, j = pixel.column * column_step_;
    if (i >= rows_.begin && i < rows_.end && j >= columns_inside_.begin && j < columns_inside_.end) {
      const std::int64_t origin = source_.offset(pixel.image, i, j);
      T* to = out;
      for (const Run& run : merged_) {
        copy_run(to, source_.data + (origin + run.offset), run.length);
        to += run.length;
      }
    } else {
      gather_border(pixel.image, i, j, out);
    }
    for (std::int64_t q = columns_; q < width; ++q) out[q] = T(0);
  }
}

template class Gather<float>;
template class Gather<double>;

}  // namespace duel::cpu
