// Random numbers: element i in row-major order is made of word i % 4 of Philox block counter + i / 4.
#include <cmath>
#include <numbers>

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/strided.h"
#include "duel/tensor/philox.h"

namespace duel::cpu {
namespace {

// Calls f(block, out, n) for each block and the n <= 4 elements made of it.
template <class T, class F>
void for_each_philox(T* y, std::int64_t numel, std::uint64_t seed, std::uint64_t counter, const F& f) {
  parallel_for(ceil_div(numel, 4), kGrain / 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b)
      f(philox(seed, counter + static_cast<std::uint64_t>(b)), y + 4 * b, std::min<std::int64_t>(4, numel - 4 * b));
  });
}

// Draws into y itself when that is row-major, else into a row-major tensor that is then copied.
template <class Draw>
void in_row_major(const Tensor& y, const Draw& draw) {
  if (y.is_row_major()) return draw(y);
  const Tensor drawn = Tensor::empty(y.shape(), {.dtype = y.dtype()});
  draw(drawn);
  copy(drawn, y);
}

// In [0, 1): 24 bits of the word for float, which has no more, all 32 for double.
template <class T>
T unit(std::uint32_t word) {
  if constexpr (std::is_same_v<T, float>) return static_cast<float>(word >> 8) * 0x1p-24f;
  return static_cast<T>(word * 0x1p-32);
}

}  // namespace

void uniform(const Tensor& y, std::uint64_t seed, std::uint64_t counter, double low, double high) {
  in_row_major(y, [&](const Tensor& out) {
    dispatch_floating("uniform", out.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T from = static_cast<T>(low), to = static_cast<T>(high), below = std::nextafter(to, from);
      for_each_philox(out.mutable_data<T>(), out.numel(), seed, counter,
                      [=](const PhiloxBlock& block, T* v, std::int64_t n) {
                        for (std::int64_t i = 0; i < n; ++i) {
                          const T x = from + unit<T>(block.w[i]) * (to - from);
                          v[i] = x < to ? x : below;  // rounding may reach the end of the interval
                        }
                      });
    });
  });
}

void normal(const Tensor& y, std::uint64_t seed, std::uint64_t counter, double mean, double stddev) {
  in_row_major(y, [&](const Tensor& out) {
    dispatch_floating("normal", out.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      for_each_philox(out.mutable_data<T>(), out.numel(), seed, counter,
                      [=](const PhiloxBlock& block, T* v, std::int64_t n) {
                        for (std::int64_t i = 0; i < n; i += 2) {
                          const double u = (block.w[i] + 0.5) * 0x1p-32;  // never 0
                          const double angle = block.w[i + 1] * (2 * std::numbers::pi * 0x1p-32);
                          const double radius = stddev * std::sqrt(-2 * std::log(u));
                          v[i] = static_cast<T>(mean + radius * std::cos(angle));
                          if (i + 1 < n) v[i + 1] = static_cast<T>(mean + radius * std::sin(angle));
                        }
                      });
    });
  });
}

}  // namespace duel::cpu
