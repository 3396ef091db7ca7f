// What the kernel tests share: tensors of the same values under many strides, and element access that goes through no
// kernel.
#pragma once

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "duel/tensor/backend.h"
#include "duel/tensor/thread_pool.h"
#include "tests/support/tolerances.h"

namespace duel::testing {

inline const Backend& cpu() { return backend(Device::cpu); }

/// Address of element `index`, counted in row-major order.
template <class T>
T& element(const Tensor& t, std::int64_t index) {
  std::int64_t at = 0;
  for (int d = t.dim() - 1; d >= 0; --d) {
    at += index % t.shape()[d] * t.strides()[d];
    index /= t.shape()[d];
  }
  return t.mutable_data<T>()[at];
}

/// All elements in row-major order, as double.
inline std::vector<double> values(const Tensor& t) {
  std::vector<double> v;
  dispatch(t.dtype(), [&](auto tag) {
    for (std::int64_t i = 0; i < t.numel(); ++i)
      v.push_back(static_cast<double>(element<typename decltype(tag)::type>(t, i)));
  });
  return v;
}

/// Writes f(i) to each element.
template <class F>
void generate(const Tensor& t, const F& f) {
  dispatch(t.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::int64_t i = 0; i < t.numel(); ++i) element<T>(t, i) = static_cast<T>(f(i));
  });
}

/// Gaussian numbers, the same for the same seed.
inline Tensor gaussian(const Tensor& t, unsigned seed, double mean = 0, double stddev = 1) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> draw(mean, stddev);
  generate(t, [&](std::int64_t) { return draw(engine); });
  return t;
}

/// Uninitialised tensors of one shape with different strides: row-major, channels-last, dense in reverse order, and
/// every other element of something larger.
inline std::vector<std::pair<std::string, Tensor>> layouts(const Shape& shape, DType dtype) {
  std::vector<std::pair<std::string, Tensor>> all;
  all.emplace_back("row-major", Tensor::empty(shape, {.dtype = dtype}));
  all.emplace_back("channels-last", Tensor::empty(shape, {.dtype = dtype, .layout = Layout::channels_last}));
  Shape reversed, order, larger = shape;
  for (int d = shape.dim() - 1; d >= 0; --d) {
    reversed.push_back(shape[d]);
    order.push_back(d);
    larger[d] = 2 * shape[d] + 1;
  }
  all.emplace_back("reversed", Tensor::empty(reversed, {.dtype = dtype}).permute(order));
  if (shape.numel() < 100000) {
    Tensor spaced = Tensor::empty(larger, {.dtype = dtype});
    for (int d = 0; d < shape.dim(); ++d) spaced = spaced.slice(d, 1, 2 * shape[d] + 1, 2);
    all.emplace_back("spaced", spaced);
  }
  return all;
}

/// Shapes at the edges: no dimensions, no elements, sizes of 1, odd sizes, more than one parallel piece.
inline std::vector<Shape> odd_shapes() {
  return {{},      {0},       {1}, {7}, {3, 0, 2}, {5, 1, 3}, {1, 1, 1, 1}, {33, 65}, {2, 3, 5, 7}, {2, 3, 1, 4, 5},
          {70001}, {3, 33000}};
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  const std::vector<double> va = values(a), vb = values(b);
  return va.size() == vb.size() && (va.empty() || std::memcmp(va.data(), vb.data(), va.size() * sizeof(double)) == 0);
}

/// Whether compute(), which returns a new tensor, gives the same bits with 1, 2 and 3 threads.
template <class F>
bool same_for_any_threads(const F& compute) {
  const int before = num_threads();
  set_num_threads(1);
  const Tensor one = compute();
  bool same = true;
  for (int threads : {2, 3}) {
    set_num_threads(threads);
    same = same && same_bits(one, compute());
  }
  set_num_threads(before);
  return same;
}

/// Largest |a - b| / (1 + |b|); infinite where one is NaN and the other is not.
inline double distance(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return INFINITY;
    if (std::isnan(a[i]) || a[i] == b[i]) continue;
    worst = std::fmax(worst, std::fabs(a[i] - b[i]) / (1 + std::fabs(b[i])));
  }
  return worst;
}

/// A few roundings.
inline double roundings(DType dtype) {
  return dtype == DType::float32 ? tolerance::kRoundingsSingle : tolerance::kRoundings;
}

/// None, ReLU, leaky ReLU.
inline constexpr Rectifier kRectifiers[] = {{}, {0}, {0.2}};

/// `value`, times the slope where z is not above 0: z itself rectified, or the gradient that comes in there.
inline double rectified(double value, double z, Rectifier r) { return z > 0 ? value : r.slope * value; }

}  // namespace duel::testing
