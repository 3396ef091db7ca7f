// Comparing CUDA's kernels with the CPU's, their twins, in float64 there: shared by the tests of this folder. These run
// on a GPU where there is one, and always on a simulated device (sim/).
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "duel/tensor/devices.h"
#include "duel/tensor/rng.h"

namespace duel::testing {

/// Decorates test cases that need a device; doctest counts those it skips.
inline auto on_cuda() { return doctest::skip(!is_available(Device::cuda)); }

inline const Backend& cuda() { return backend(Device::cuda); }
inline const Backend& twin() { return backend(Device::cpu); }

/// Sets the precision of float32 products for as long as it lives: else it is TF32's, whose roundings of 5e-4 are too
/// large for most comparisons.
class PrecisionGuard {
 public:
  explicit PrecisionGuard(Precision precision) { cuda_functions()->set_precision(precision); }
  ~PrecisionGuard() { cuda_functions()->set_precision(Precision::tf32); }
  PrecisionGuard(const PrecisionGuard&) = delete;
  PrecisionGuard& operator=(const PrecisionGuard&) = delete;
};

inline Tensor to_cuda(const Tensor& t) { return t.defined() ? t.to(Device::cuda) : t; }
/// On the CPU, in float64 if floating: what a twin computes with.
inline Tensor to_twin(const Tensor& t) {
  if (!t.defined()) return t;
  const Tensor host = t.to(Device::cpu);
  return is_floating(host.dtype()) ? host.to(DType::float64) : host;
}

/// Gaussian numbers on the device, the same for the same seed, rounded to `dtype`.
inline Tensor gaussian(const Shape& shape, DType dtype, std::uint64_t seed, Layout layout = Layout::row_major) {
  Tensor wide = Rng(seed).normal(shape, 0, 1, {DType::float64, Device::cpu, layout});
  return to_cuda(wide.to(dtype));
}

/// On the device, every byte set so that an element that is not written shows (NaN in floating dtypes).
inline Tensor poisoned(const Shape& shape, DType dtype, Layout layout = Layout::row_major) {
  return Tensor::full(shape, is_floating(dtype) ? NAN : 113, {dtype, Device::cuda, layout});
}

/// |actual - expected| / |expected| over all elements (Euclidean); infinite if one is NaN and the other is not.
inline double relative_error(const Tensor& actual, const Tensor& expected) {
  REQUIRE(actual.shape() == expected.shape());
  const std::vector<double> a = actual.to(Device::cpu).to(DType::float64).to_vector<double>();
  const std::vector<double> e = expected.to(Device::cpu).to(DType::float64).to_vector<double>();
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == e[i] || (std::isnan(a[i]) && std::isnan(e[i]))) {
      if (std::isfinite(e[i])) size += e[i] * e[i];
      continue;
    }
    if (!std::isfinite(a[i]) || !std::isfinite(e[i])) return INFINITY;
    difference += (a[i] - e[i]) * (a[i] - e[i]);
    size += e[i] * e[i];
  }
  return difference == 0 ? 0 : std::sqrt(difference / (size > 0 ? size : 1));
}

/// What a kernel's result may differ by, relative to its size, where its sums are not long.
inline double tolerance(DType dtype) { return dtype == DType::float64 ? 1e-12 : dtype == DType::float32 ? 1e-5 : 1e-2; }

inline const std::vector<DType>& computed_dtypes() {
  static const std::vector<DType> all{DType::float32, DType::float64, DType::bfloat16};
  return all;
}

}  // namespace duel::testing
