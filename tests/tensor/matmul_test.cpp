#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "duel/tensor/cpu/isa.h"
#include "duel/tensor/cpu/simd/gemm.h"
#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

enum class Order { row_major, transposed, spaced, repeated };  // `repeated`: one matrix for the whole batch

Tensor matrices(std::int64_t batch, std::int64_t rows, std::int64_t columns, Order order, DType dtype) {
  switch (order) {
    case Order::row_major: return Tensor::empty({batch, rows, columns}, {.dtype = dtype});
    case Order::transposed: return Tensor::empty({batch, columns, rows}, {.dtype = dtype}).transpose(1, 2);
    case Order::spaced: return Tensor::empty({batch, rows, columns, 2}, {.dtype = dtype}).select(3, 1);
    case Order::repeated: return Tensor::empty({1, rows, columns}, {.dtype = dtype}).expand({batch, rows, columns});
  }
  return {};
}

/// Against the definition, into memory full of NaN, with the same bits for any number of threads.
void check_product(const Tensor& a, const Tensor& b, Order order, const Tensor& bias = {}) {
  const std::int64_t batch = a.size(0), m = a.size(1), k = a.size(2), n = b.size(2);
  CAPTURE(a);
  CAPTURE(b);
  CAPTURE(a.strides());
  CAPTURE(b.strides());
  CAPTURE(static_cast<int>(order));
  CAPTURE(bias);
  const auto run = [&] {
    const Tensor y = matrices(batch, m, n, order, a.dtype());
    generate(y, [](std::int64_t) { return NAN; });
    backend(Device::cpu).matmul(a, b, y, bias);
    return y;
  };
  const std::vector<double> as = values(a), bs = values(b), ys = values(run());
  const std::vector<double> biases = bias.defined() ? values(bias) : std::vector<double>(static_cast<std::size_t>(n));
  double worst = 0;
  for (std::int64_t i = 0; i < batch * m * n; ++i) {
    const double *row = as.data() + i / n * k, *column = bs.data() + i / n / m * k * n + i % n;
    double value = biases[static_cast<std::size_t>(i % n)], magnitude = 1e-30 + std::fabs(value);
    for (std::int64_t q = 0; q < k; ++q) {
      value += row[q] * column[q * n];
      magnitude += std::fabs(row[q] * column[q * n]);
    }
    const double y = ys[static_cast<std::size_t>(i)];
    worst = std::isnan(y) ? INFINITY : std::fmax(worst, std::fabs(y - value) / magnitude);
  }
  CHECK(worst < roundings(a.dtype()));
  CHECK(same_for_any_threads(run));
}

void check_sizes(std::int64_t batch, std::int64_t m, std::int64_t n, std::int64_t k, Order a, Order b, Order y) {
  for (DType dtype : {DType::float32, DType::float64})
    check_product(gaussian(matrices(batch, m, k, a, dtype), 1), gaussian(matrices(batch, k, n, b, dtype), 2), y);
}

constexpr Order kOrders[] = {Order::row_major, Order::transposed, Order::spaced, Order::repeated};

}  // namespace

TEST_CASE("products of all sizes around the register tiles, in mixed orders") {
  unsigned turn = 0;
  for (std::int64_t m : {0, 1, 3, 7, 12, 13, 50})
    for (std::int64_t n : {0, 1, 2, 5, 8, 16, 17, 33, 70})
      for (std::int64_t k : {0, 1, 7, 16, 300}) {
        turn = turn * 1664525 + 1013904223;  // a congruential generator
        check_sizes(1 + (turn >> 8) % 3, m, n, k, kOrders[(turn >> 12) % 4], kOrders[(turn >> 16) % 4],
                    kOrders[(turn >> 20) % 3]);
      }
}

TEST_CASE("products of every combination of orders") {
  for (Order a : kOrders)
    for (Order b : kOrders)
      for (Order y : {Order::row_major, Order::transposed, Order::spaced}) {
        check_sizes(2, 29, 37, 19, a, b, y);
        check_sizes(2, 2, 37, 19, a, b, y);
        check_sizes(2, 29, 3, 19, a, b, y);
      }
}

TEST_CASE("products of several cache blocks") {
  check_sizes(1, 250, 530, 300, Order::row_major, Order::transposed, Order::row_major);
  check_sizes(2, 70, 600, 270, Order::transposed, Order::repeated, Order::row_major);
  check_sizes(1, 600, 40, 520, Order::row_major, Order::row_major, Order::transposed);
  check_sizes(1, 500, 3, 1000, Order::row_major, Order::row_major, Order::row_major);
  check_sizes(1, 1, 500, 1000, Order::row_major, Order::transposed, Order::row_major);
}

TEST_CASE("products plus a bias") {
  for (DType dtype : {DType::float32, DType::float64})
    for (Order y : {Order::row_major, Order::transposed, Order::spaced})
      for (std::int64_t batch : {1, 3})
        for (std::int64_t n : {0, 1, 5, 37})
          for (std::int64_t k : {0, 1, 19}) {
            const Tensor a = gaussian(matrices(batch, 7, k, Order::row_major, dtype), 1);
            const Tensor b = gaussian(matrices(batch, k, n, Order::repeated, dtype), 2);
            check_product(a, b, y, gaussian(Tensor::empty({n}, {.dtype = dtype}), 3));
          }
}

TEST_CASE("an infinity stays in its row and column") {
  const Tensor a = gaussian(Tensor::empty({1, 30, 20}), 1), b = gaussian(Tensor::empty({1, 20, 40}), 2);
  const Tensor y = Tensor::empty({1, 30, 40});
  element<float>(a, 7 * 20 + 3) = INFINITY;
  backend(Device::cpu).matmul(a, b, y, {});
  for (std::int64_t i = 0; i < 30; ++i)
    for (std::int64_t j = 0; j < 40; ++j) CHECK(std::isfinite(element<float>(y, i * 40 + j)) == (i != 7));
}

namespace {

/// The kernels by themselves: whole numbers, so that sums are exact and orders can't matter.
template <class T>
void check_kernels(const cpu::GemmKernels<T>& kernels) {
  const auto fill = [](std::int64_t count, std::int64_t factor) {
    std::vector<T> v(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<T>(static_cast<std::int64_t>(i) * factor % 17 - 8);
    return v;
  };
  const std::int64_t n = kernels.columns + 3, k = 21, panels = 2 * kernels.columns * k;
  for (std::int64_t m = 1; m <= 2 * kernels.rows; ++m) {
    const std::vector<T> a = fill(m * k, 5), b = fill(n * k, 7);  // [m, k], [n, k]
    std::vector<T> wide = fill(m * n, 3), narrow = wide, expected = wide, packed(static_cast<std::size_t>(panels));
    std::vector<T*> wide_rows, narrow_rows;
    for (std::int64_t i = 0; i < m; ++i) {
      wide_rows.push_back(wide.data() + i * n);
      narrow_rows.push_back(narrow.data() + i * n);
      for (std::int64_t j = 0; j < n; ++j)
        expected[static_cast<std::size_t>(i * n + j)] +=
            std::inner_product(a.data() + i * k, a.data() + (i + 1) * k, b.data() + j * k, T(0));
    }
    kernels.pack({k, n, b.data(), 1, k, kernels.columns, packed.data(), k * kernels.columns});
    kernels.multiply({m, n, k, a.data(), kernels.rows * k, k, cpu::TileOrder::rows, packed.data(), k * kernels.columns,
                      kernels.columns, wide_rows.data(), 1, cpu::StoreMode::accumulate});
    kernels.multiply_narrow({m, n, k, a.data(), k, b.data(), k, narrow_rows.data(), 1, cpu::StoreMode::accumulate});
    CHECK(wide == expected);
    CHECK(narrow == expected);
  }
}

}  // namespace

TEST_CASE("the kernels of every instruction set of this processor") {
  check_kernels(cpu::simd_baseline::gemm_float32);
  check_kernels(cpu::simd_baseline::gemm_float64);
#ifdef __x86_64__
  if (isa() >= Isa::avx2) {
    check_kernels(cpu::simd_avx2::gemm_float32);
    check_kernels(cpu::simd_avx2::gemm_float64);
  }
  if (isa() >= Isa::avx512) {
    check_kernels(cpu::simd_avx512::gemm_float32);
    check_kernels(cpu::simd_avx512::gemm_float64);
  }
#endif
}
