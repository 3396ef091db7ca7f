#include "duel/autograd/pool.h"

#include <algorithm>

#include "duel/autograd/check_picture.h"
#include "duel/autograd/index.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/resample.h"

namespace duel {
namespace {

// The geometry of windows along one axis.
struct Windows {
  std::int64_t in, kernel, stride, padding, dilation;

  std::int64_t extent() const { return dilation * (kernel - 1) + 1; }
  std::int64_t count() const { return (in + 2 * padding - extent()) / stride + 1; }
};

Windows checked_windows(const char* name, const Windows& given) {
  Windows w = given;
  if (w.stride == 0) w.stride = w.kernel;
  check(std::min({w.kernel, w.stride, w.dilation}) >= 1 && std::max({w.kernel, w.stride, w.dilation}) <= kMostPixels,
        name, "kernel, stride and dilation must be from 1 to ", kMostPixels, ", got ", w.kernel, ", ", w.stride,
        " and ", w.dilation);
  check(w.padding >= 0 && w.padding <= w.kernel / 2, name, "the padding must be from 0 to half the kernel of ",
        w.kernel, ", got ", w.padding);
  check(w.in + 2 * w.padding >= w.extent(), name, "a window of ", w.extent(),
        " pixels is larger than the padded input's ", w.in + 2 * w.padding);
  return w;
}

// Of the largest element and its place among H * W pixels, [N, C, OH, OW] each.
struct Largest {
  Tensor value, place;
};

Largest largest_of(const Variable& x, Size2 size, Size2 kernel, const Conv2dGeometry& g) {
  const Shape shape{x.size(0), x.size(1), size.h, size.w};
  TensorOptions options{x.dtype(), x.value().device(), Layout::channels_last};
  Largest found{Tensor::empty(shape, options), {}};
  options.dtype = DType::int64;
  found.place = Tensor::empty(shape, options);
  backend(x.value().device()).max_pool2d(x.value().channels_last(), found.value, found.place, kernel, g);
  return found;
}

// Every window must have an element: with dilation, one may step over a small picture.
void check_elements(const Windows& w) {
  for (std::int64_t i = 0; i < w.count() && i * w.stride < w.padding; ++i) {
    const std::int64_t start = i * w.stride - w.padding;
    const std::int64_t steps =
        (-start + w.dilation - 1) / w.dilation;  // to the first element not in the padding before
    check(steps < w.kernel && start + steps * w.dilation < w.in, "max_pool2d", "a window of ", w.kernel, " elements, ",
          w.dilation, " apart, has none of the input's ", w.in, ": take less padding");
  }
}

}  // namespace

Variable avg_pool2d(const Variable& x, const AvgPoolOptions& o) {
  check_filled_picture("avg_pool2d", x);
  const auto axis = [&o](std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
    const Windows w = checked_windows("avg_pool2d", {in, kernel, stride, padding, 1});
    return window_taps(in, kernel, w.stride, padding, o.count);
  };
  return resample2d(x, axis(x.size(2), o.kernel.h, o.stride.h, o.padding.h),
                    axis(x.size(3), o.kernel.w, o.stride.w, o.padding.w));
}

Variable adaptive_avg_pool2d(const Variable& x, Size2 size) {
  check_filled_picture("adaptive_avg_pool2d", x);
  check(std::min(size.h, size.w) >= 1 && std::max(size.h, size.w) <= kMostPixels, "adaptive_avg_pool2d",
        "the size must be from 1 to ", kMostPixels, ", got ", size.h, " x ", size.w);
  return resample2d(x, adaptive_taps(x.size(2), size.h), adaptive_taps(x.size(3), size.w));
}

Variable max_pool2d(const Variable& x, const MaxPoolOptions& o) {
  check_filled_picture("max_pool2d", x);
  check(x.size(2) < kMostPixels / x.size(3), "max_pool2d", "a plane of ", x.value(), " has 2^31 pixels or more");
  const Windows h = checked_windows("max_pool2d", {x.size(2), o.kernel.h, o.stride.h, o.padding.h, o.dilation.h});
  const Windows w = checked_windows("max_pool2d", {x.size(3), o.kernel.w, o.stride.w, o.padding.w, o.dilation.w});
  check_elements(h);
  check_elements(w);
  const Size2 size{h.count(), w.count()};
  const Largest found =
      largest_of(x, size, o.kernel, {.stride = {h.stride, w.stride}, .padding = o.padding, .dilation = o.dilation});
  const Shape planes{x.size(0), x.size(1), size.h * size.w};
  return record("max_pool2d", {x}, found.value,
                [place = found.place.reshape(planes), planes, shape = x.shape()](const Backward& b) -> Variables {
                  return {reshape(scatter_add(reshape(b.grad, planes), 2, place, shape[2] * shape[3]), shape)};
                });
}

Variable global_sum_pool(const Variable& x) {
  check_picture("global_sum_pool", x);
  return sum(x, {2, 3});
}

Variable global_mean_pool(const Variable& x) {
  check_filled_picture("global_mean_pool", x);
  return mean(x, {2, 3});
}

}  // namespace duel
