#include "duel/gan/pictures.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "duel/tensor/thread_pool.h"

namespace duel {
namespace {

constexpr std::int64_t kGrain = 1 << 16;                    // elements
constexpr std::int64_t kMaxPixels = std::int64_t{1} << 24;  // padding and columns beyond it can only be mistakes

}  // namespace

std::uint8_t to_byte(double level, Rounding rounding) {
  const double clamped = level > 0 ? std::min(level, 255.0) : 0;  // a NaN is not above 0
  return static_cast<std::uint8_t>(rounding == Rounding::nearest ? std::lround(clamped) : std::trunc(clamped));
}

Tensor to_uint8(const Tensor& pictures, Rounding rounding) {
  check(pictures.defined(), "to_uint8", "the pictures are undefined");
  Tensor x = pictures.to(Device::cpu);
  if (!x.is_dense()) x = x.row_major();
  if (x.dtype() == DType::bfloat16) x = x.to(DType::float32);
  const std::int64_t n = x.numel();
  auto bytes = std::make_shared<Storage>(static_cast<std::size_t>(n), Device::cpu);
  Tensor y(std::move(bytes), x.shape(), x.strides(), 0, DType::uint8);
  dispatch_floating("to_uint8", x.dtype(), [&]<class T>(TypeTag<T>) {
    const T* from = x.data<T>();
    auto* to = y.mutable_data<std::uint8_t>();
    parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
      std::transform(from + begin, from + end, to + begin, [&](T value) {
        // To the one below as the originals compute it, with the roundings of their type: these decide between bytes.
        return rounding == Rounding::nearest ? to_byte((double{value} + 1) * 127.5, rounding)
                                             : to_byte((value + 1) / 2 * 255, rounding);
      });
    });
  });
  return y;
}

Tensor picture_grid(const Tensor& pictures, std::int64_t columns, std::int64_t padding, std::uint8_t background) {
  check(pictures.defined() && pictures.dim() == 4 && pictures.dtype() == DType::uint8 && pictures.numel() > 0,
        "picture_grid", "needs uint8 [N, C, H, W] with something in it, got ", pictures);
  check(columns >= 1, "picture_grid", "needs at least 1 column, got ", columns);
  check(padding >= 0 && padding <= kMaxPixels, "picture_grid", "needs a padding of 0 to ", kMaxPixels, " pixels, got ",
        padding);
  const std::int64_t n = pictures.size(0), wide = std::min(columns, n), high = (n + wide - 1) / wide;
  const std::int64_t h = pictures.size(2), w = pictures.size(3);
  Tensor grid = Tensor::full({pictures.size(1), high * (h + padding) + padding, wide * (w + padding) + padding},
                             background, {.dtype = DType::uint8, .device = pictures.device()});
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t top = i / wide * (h + padding) + padding, left = i % wide * (w + padding) + padding;
    Tensor cell = grid.slice(1, top, top + h).slice(2, left, left + w);
    cell.copy_(pictures.select(0, i));
  }
  return grid;
}

}  // namespace duel
