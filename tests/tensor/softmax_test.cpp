// Softmax's and attention's kernels: row lengths around whole packets, tiles and parts, and the number of threads.
#include <doctest/doctest.h>

#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

Tensor random(const Shape& shape, DType dtype, unsigned seed) {
  return gaussian(Tensor::empty(shape, {.dtype = dtype}), seed);
}

}  // namespace

TEST_CASE_TEMPLATE("softmax and its relatives: rows of every length", T, float, double) {
  constexpr DType dtype = dtype_of<T>();
  for (std::int64_t n : {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 1025, 40000}) {
    CAPTURE(n);
    const Tensor x = random({3, n}, dtype, 1), dy = random({3, n}, dtype, 2);
    const std::vector<double> v = values(x), d = values(dy);
    std::vector<double> p, log_p, dp, dlog_p;
    for (std::size_t row = 0; row < 3; ++row) {
      const auto size = static_cast<std::size_t>(n);
      double total = 0, mean = 0, sum = 0;
      for (std::size_t i = row * size; i < (row + 1) * size; ++i) total += std::exp(v[i]);
      for (std::size_t i = row * size; i < (row + 1) * size; ++i) {
        p.push_back(std::exp(v[i]) / total);
        log_p.push_back(v[i] - std::log(total));
        mean += p[i] * d[i];
        sum += d[i];
      }
      for (std::size_t i = row * size; i < (row + 1) * size; ++i) {
        dp.push_back(p[i] * (d[i] - mean));
        dlog_p.push_back(d[i] - p[i] * sum);
      }
    }
    const Tensor y = Tensor::empty_like(x), dx = Tensor::empty_like(x);
    cpu().softmax(x, y);
    CHECK(distance(values(y), p) <= 2 * roundings(dtype));
    cpu().softmax_grad(y, dy, dx);
    CHECK(distance(values(dx), dp) <= 10 * roundings(dtype));
    cpu().log_softmax(x, y);
    CHECK(distance(values(y), log_p) <= 2 * roundings(dtype));
    cpu().log_softmax_grad(y, dy, dx);
    CHECK(distance(values(dx), dlog_p) <= 10 * roundings(dtype));
  }
}

TEST_CASE("softmax: the same bits for any number of threads") {
  const Tensor x = random({301, 517}, DType::float32, 3), g = random({301, 517}, DType::float32, 4);
  CHECK(same_for_any_threads([&] {
    const Tensor y = Tensor::empty_like(x), dx = Tensor::empty_like(x);
    cpu().softmax(x, y);
    cpu().softmax_grad(y, g, dx);
    return dx;
  }));
}

TEST_CASE("attention: the same bits for any number of threads, in one part and in many") {
  for (const Shape& sizes : {Shape{1, 1000, 130}, {20, 60, 70}}) {
    CAPTURE(sizes);
    const std::int64_t b = sizes[0], t = sizes[1], s = sizes[2];
    const Tensor q = random({b, t, 24}, DType::float32, 5), k = random({b, s, 24}, DType::float32, 6),
                 v = random({b, s, 40}, DType::float32, 7), dy = random({b, t, 40}, DType::float32, 8);
    for (std::size_t which = 0; which < 5; ++which) {
      CAPTURE(which);
      CHECK(same_for_any_threads([&] {
        const Tensor y = Tensor::empty_like(dy), lse = Tensor::empty({b, t});
        const Tensor dq = Tensor::empty_like(q), dk = Tensor::empty_like(k), dv = Tensor::empty_like(v);
        cpu().attention(q, k, v, 0.3, y, lse);
        cpu().attention_grad(q, k, v, 0.3, y, lse, dy, dq, dk, dv);
        return std::vector<Tensor>{y, lse, dq, dk, dv}[which];
      }));
    }
  }
}

TEST_CASE("attention: lse is the logarithm of the softmax's denominator") {
  const Tensor q = random({2, 50, 5}, DType::float64, 9), k = random({2, 200, 5}, DType::float64, 10),
               v = random({2, 200, 3}, DType::float64, 11);
  const Tensor y = Tensor::empty({2, 50, 3}, {.dtype = DType::float64}),
               lse = Tensor::empty({2, 50}, {.dtype = DType::float64});
  cpu().attention(q, k, v, 0.7, y, lse);
  std::vector<double> expected;
  for (std::int64_t row = 0; row < 100; ++row) {
    double total = 0;
    for (std::int64_t s = 0; s < 200; ++s) {
      double score = 0;
      for (std::int64_t c = 0; c < 5; ++c)
        score += element<double>(q, row * 5 + c) * element<double>(k, (row / 50 * 200 + s) * 5 + c);
      total += std::exp(0.7 * score);
    }
    expected.push_back(std::log(total));
  }
  CHECK(distance(values(lse), expected) <= roundings(DType::float64));
}
