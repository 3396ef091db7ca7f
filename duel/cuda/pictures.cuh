// Walking batches of channels-last pictures in kernels.
#pragma once

#include "duel/cuda/strided.cuh"

namespace duel::cuda {

/// A place in a batch of pictures: `unit` counts the units of V channels within a pixel.
struct PictureUnit {
  std::uint32_t n, h, w, unit;
};

/// The units of V channels of so many pictures [C, H, W], numbered as they lie in memory.
struct PictureUnits {
  std::uint32_t count;
  Divisor units, width, height;

  DUEL_HD PictureUnit at(std::uint32_t number) const {
    const std::uint32_t pixel = units.quotient(number), row = width.quotient(pixel), n = height.quotient(row);
    return {n, row - n * height.value, pixel - row * width.value, number - pixel * units.value};
  }
};

/// Calls f(units, first) for runs of the pictures of y, which has elements, in units of `per_unit` channels: those from
/// `first` on. Nearly always there is one run.
template <class F>
void for_each_run_of_pictures(const char* operation, const Tensor& y, int per_unit, const F& f) {
  const std::int64_t units = y.size(1) / per_unit, each = units * y.size(2) * y.size(3);
  check(each <= INT32_MAX, operation, "pictures of ", y, " are larger than 2^31 - 1 elements");
  const std::int64_t most = INT32_MAX / each;
  for (std::int64_t first = 0; first < y.size(0); first += most) {
    const std::int64_t count = std::min(most, y.size(0) - first) * each;
    f(PictureUnits{static_cast<std::uint32_t>(count), Divisor(units), Divisor(y.size(3)), Divisor(y.size(2))}, first);
  }
}

/// Elements of a picture.
inline std::int64_t picture_size(const Tensor& t) { return t.size(1) * t.size(2) * t.size(3); }

}  // namespace duel::cuda
