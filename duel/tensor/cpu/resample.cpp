// Resampling by sparse matrices over rows and columns. For each output row: the weighted sum of input rows, in a
// scratch row that stays in the cache, then of its columns; both passes run along channels.
#include "duel/tensor/cpu/resample.h"

#include <algorithm>
#include <vector>

#include "duel/tensor/cpu/strided.h"

namespace duel::cpu {
namespace {

// One axis's matrix, with weights of the data's type.
template <class T>
struct Axis {
  std::vector<std::int64_t> first, index;
  std::vector<T> weight;

  explicit Axis(const Taps& taps)
      : first(taps.first.to_vector<std::int64_t>()), index(taps.index.to_vector<std::int64_t>()) {
    for (double w : taps.weight.to_vector<double>()) weight.push_back(static_cast<T>(w));
  }

  /// y = the weighted sum for output o of rows of n elements, which begin `step` apart in x.
  void apply(std::int64_t o, const T* x, std::int64_t step, std::int64_t n, T* y) const {
    const auto begin = static_cast<std::size_t>(first[static_cast<std::size_t>(o)]),
               end = static_cast<std::size_t>(first[static_cast<std::size_t>(o) + 1]);
    if (begin == end) {
      std::fill_n(y, n, T(0));
      return;
    }
    const T* row = x + index[begin] * step;
    if (end - begin == 1 && weight[begin] == T(1)) {
      std::copy_n(row, n, y);
      return;
    }
    std::size_t t = begin + 1;
    const T w = weight[begin];
    if ((end - begin) % 2 == 0) {  // two at a time, so that y is read and written half as often
      const T *other = x + index[t] * step, v = weight[t];
      for (std::int64_t i = 0; i < n; ++i) y[i] = w * row[i] + v * other[i];
      ++t;
    } else {
      for (std::int64_t i = 0; i < n; ++i) y[i] = w * row[i];
    }
    for (; t < end; t += 2) {
      const T *a = x + index[t] * step, *b = x + index[t + 1] * step;
      const T u = weight[t], v = weight[t + 1];
      for (std::int64_t i = 0; i < n; ++i) y[i] += u * a[i] + v * b[i];
    }
  }

  /// The row that output o is a copy of, or -1.
  std::int64_t only(std::int64_t o) const {
    const std::int64_t begin = first[static_cast<std::size_t>(o)];
    const bool copies =
        first[static_cast<std::size_t>(o) + 1] - begin == 1 && weight[static_cast<std::size_t>(begin)] == 1;
    return copies ? index[static_cast<std::size_t>(begin)] : -1;
  }
};

}  // namespace

void resample2d(const Tensor& x, const Taps& h, const Taps& w, const Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_floating("resample2d", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Axis<T> rows(h), columns(w);
    const std::int64_t channels = x.size(1), height = x.size(2), width = x.size(3), row = width * channels;
    const std::int64_t out_height = y.size(2), out_width = y.size(3), out_row = out_width * channels;
    const T* px = x.data<T>();
    T* py = y.mutable_data<T>();
    const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max(row, out_row));
    parallel_for(x.size(0) * out_height, grain, [&](std::int64_t begin, std::int64_t end) {
      std::vector<T> scratch(static_cast<std::size_t>(row));
      for (std::int64_t i = begin; i < end; ++i) {
        const T *picture = px + i / out_height * height * row, *source = scratch.data();
        const std::int64_t o = i % out_height;
        if (const std::int64_t same = rows.only(o); same >= 0)
          source = picture + same * row;
        else
          rows.apply(o, picture, row, row, scratch.data());
        for (std::int64_t ow = 0; ow < out_width; ++ow)
          columns.apply(ow, source, channels, channels, py + i * out_row + ow * channels);
      }
    });
  });
}

}  // namespace duel::cpu
