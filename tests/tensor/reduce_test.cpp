#include <doctest/doctest.h>

#include <limits>

#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

// y's shape for the dimensions in the bit mask reduced to 1.
Shape reduced(const Shape& shape, unsigned mask) {
  Shape out = shape;
  for (int d = 0; d < shape.dim(); ++d)
    if (mask >> d & 1) out[d] = 1;
  return out;
}

// For each element of x (row-major) the element of y it goes to.
std::int64_t target(const Shape& x, const Shape& y, std::int64_t index) {
  std::int64_t at = 0, scale = 1;
  for (int d = x.dim() - 1; d >= 0; --d) {
    if (y[d] == x[d]) at += index % x[d] * scale;
    index /= x[d];
    scale *= y[d];
  }
  return at;
}

std::vector<double> naive(const Tensor& x, const Shape& y, bool largest) {
  std::vector<long double> out(static_cast<std::size_t>(y.numel()), largest ? -INFINITY : 0);
  const std::vector<double> v = values(x);
  for (std::size_t i = 0; i < v.size(); ++i) {
    long double& o = out[static_cast<std::size_t>(target(x.shape(), y, static_cast<std::int64_t>(i)))];
    o = largest ? std::fmax(o, static_cast<long double>(v[i])) : o + v[i];
  }
  return {out.begin(), out.end()};
}

void check_all_dims(const Tensor& x) {
  for (unsigned mask = 0; mask < 1u << x.dim(); ++mask) {
    CAPTURE(mask);
    const Shape shape = reduced(x.shape(), mask);
    for (auto& [y_layout, y] : layouts(shape, x.dtype())) {
      CAPTURE(y_layout);
      cpu().sum(x, y);
      CHECK(distance(values(y), naive(x, shape, false)) <=
            (x.dtype() == DType::float32 ? tolerance::kSumSingle : tolerance::kSum));
      if (x.numel() == 0) continue;
      cpu().amax(x, y);
      CHECK(values(y) == naive(x, shape, true));
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("sum, amax: every set of dimensions of every layout", T, float, double) {
  for (const Shape& shape : odd_shapes())
    for (auto& [layout, x] : layouts(shape, dtype_of<T>())) {
      CAPTURE(shape);
      CAPTURE(layout);
      check_all_dims(gaussian(x, 1));
    }
}

TEST_CASE("sum, amax: sizes around those of tiles, pieces and lanes") {
  for (const Shape& shape :
       {Shape{5, 513}, {1100, 31}, {700, 129}, {3, 700, 17}, {40000, 3}, {1025, 64}, {2, 64, 600}, {2, 5, 7, 9, 3}})
    for (auto& [layout, x] : layouts(shape, DType::float32)) {
      CAPTURE(shape);
      CAPTURE(layout);
      check_all_dims(gaussian(x, 2));
    }
}

TEST_CASE("sum, amax: broadcast inputs") {
  const Shape shape{3, 4, 5, 6};
  for (const Shape& small : {Shape{}, {1, 4, 1, 1}, {3, 1, 1, 6}, {5, 1}, {3, 1, 5, 6}}) {
    CAPTURE(small);
    check_all_dims(gaussian(Tensor::empty(small), 3).expand(shape));
  }
}

TEST_CASE("sum: ten million elements") {
  constexpr std::int64_t n = 10'000'000;
  const Tensor x = Tensor::empty({n}), y = Tensor::empty({1});
  float* p = x.mutable_data<float>();
  double exact = 0;
  for (std::int64_t i = 0; i < n; ++i) exact += p[i] = 0.1f + static_cast<float>(i % 1000) * 1e-3f;
  cpu().sum(x, y);
  CHECK(std::fabs(y.item() - exact) <= tolerance::kSumSingle * exact);
}

TEST_CASE("amax: NaN wins wherever it is") {
  for (std::int64_t n : {1, 5, 31, 64, 1000, 70000})
    for (std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) {
      CAPTURE(n);
      CAPTURE(at);
      for (const Shape& shape : {Shape{1, n}, {n, 1}, {n, 3}}) {
        const Tensor x = gaussian(Tensor::empty(shape), 4);
        element<float>(x, at * (x.numel() / n)) = std::numeric_limits<float>::quiet_NaN();
        const Tensor y = Tensor::empty({1, x.numel() / n == 3 ? 3 : 1});
        cpu().amax(x, y);
        CHECK(std::isnan(values(y)[0]));
        if (y.numel() == 3) CHECK(!std::isnan(values(y)[1]));
      }
    }
}

TEST_CASE("sum, amax: nothing to reduce") {
  const Tensor y = Tensor::full({2, 1}, 5);
  cpu().sum(Tensor::empty({2, 0}), y);
  CHECK(values(y) == std::vector<double>{0, 0});
  CHECK_THROWS_AS(cpu().amax(Tensor::empty({2, 0}), y), Error);
  cpu().amax(Tensor::empty({0, 3}), Tensor::empty({0, 1}));
  const Tensor low = Tensor::full({3}, -INFINITY), largest = Tensor::empty({1});
  cpu().amax(low, largest);
  CHECK(largest.item() == -INFINITY);
}

TEST_CASE("sum: the same bits for any number of threads") {
  const Tensor x = gaussian(Tensor::empty({20, 30, 17, 19}, {.layout = Layout::channels_last}), 5);
  for (unsigned mask = 0; mask < 16; ++mask) {
    CAPTURE(mask);
    CHECK(same_for_any_threads([&] {
      Tensor y = Tensor::empty(reduced(x.shape(), mask));
      cpu().sum(x, y);
      return y;
    }));
  }
}
