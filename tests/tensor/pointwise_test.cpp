#include <doctest/doctest.h>

#include <limits>

#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

template <class T>
T apply(UnaryOp op, T x, T p, T q) {
  switch (op) {
#define DUEL_CASE(name) \
  case UnaryOp::name: return functors::name::apply(x, p, q);
    DUEL_UNARY_OPS(DUEL_CASE)
#undef DUEL_CASE
    case UnaryOp::count: break;
  }
  return 0;
}

template <class T>
T apply(BinaryOp op, T a, T b, T p, T q) {
  switch (op) {
#define DUEL_CASE(name) \
  case BinaryOp::name: return functors::name::apply(a, b, p, q);
    DUEL_BINARY_OPS(DUEL_CASE)
#undef DUEL_CASE
    case BinaryOp::count: break;
  }
  return 0;
}

// Some take no negative numbers.
Tensor positive(const Tensor& t, unsigned seed) {
  gaussian(t, seed);
  const std::vector<double> v = values(t);
  generate(t, [&](std::int64_t i) { return std::fabs(v[static_cast<std::size_t>(i)]) + 0.1; });
  return t;
}

bool needs_positive(UnaryOp op) {
  for (UnaryOp o : {UnaryOp::log, UnaryOp::log1p, UnaryOp::sqrt, UnaryOp::rsqrt, UnaryOp::reciprocal, UnaryOp::pow})
    if (op == o) return true;
  return false;
}

template <class T>
void check_unary(UnaryOp op, const Tensor& x, const Tensor& y) {
  constexpr Constants c{-0.25, 0.75};
  std::vector<double> expected;
  for (double v : values(x)) expected.push_back(apply(op, static_cast<T>(v), T(c.p), T(c.q)));
  cpu().unary(op, x, y, c);
  CHECK(distance(values(y), expected) <= roundings(x.dtype()));
}

template <class T>
void check_binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) {
  constexpr Constants c{-0.25, 0.75};
  std::vector<double> expected;
  const std::vector<double> va = values(a), vb = values(b);
  for (std::size_t i = 0; i < va.size(); ++i)
    expected.push_back(apply(op, static_cast<T>(va[i]), static_cast<T>(vb[i]), T(c.p), T(c.q)));
  cpu().binary(op, a, b, y, c);
  CHECK(distance(values(y), expected) <= roundings(a.dtype()));
}

}  // namespace

TEST_CASE_TEMPLATE("pointwise: every unary operation", T, float, double) {
  const Shape shape{2, 3, 5, 7};
  for (int i = 0; i < static_cast<int>(UnaryOp::count); ++i) {
    const auto op = static_cast<UnaryOp>(i);
    CAPTURE(i);
    for (auto& [x_layout, x] : layouts(shape, dtype_of<T>())) {
      CAPTURE(x_layout);
      needs_positive(op) ? positive(x, 1) : gaussian(x, 1);
      check_unary<T>(op, x, Tensor::empty_like(x));
      check_unary<T>(op, x, Tensor::empty(shape, {.dtype = dtype_of<T>()}));
    }
  }
}

TEST_CASE_TEMPLATE("pointwise: every binary operation", T, float, double) {
  const Shape shape{2, 3, 5, 7};
  for (int i = 0; i < static_cast<int>(BinaryOp::count); ++i) {
    CAPTURE(i);
    for (auto& [a_layout, a] : layouts(shape, dtype_of<T>()))
      for (auto& [b_layout, b] : layouts(shape, dtype_of<T>())) {
        CAPTURE(a_layout);
        CAPTURE(b_layout);
        gaussian(a, 1);
        positive(b, 2);
        check_binary<T>(static_cast<BinaryOp>(i), a, b, Tensor::empty_like(a));
      }
  }
}

TEST_CASE("pointwise: odd shapes and layouts") {
  for (const Shape& shape : odd_shapes())
    for (auto& [x_layout, x] : layouts(shape, DType::float32))
      for (auto& [y_layout, y] : layouts(shape, DType::float32)) {
        CAPTURE(shape);
        CAPTURE(x_layout);
        CAPTURE(y_layout);
        gaussian(x, 3);
        check_unary<float>(UnaryOp::leaky_relu, x, y);
        check_binary<float>(BinaryOp::lerp, x, x, y);
      }
}

TEST_CASE("pointwise: broadcast inputs") {
  const Shape shape{3, 4, 5, 6};
  for (const Shape& small :
       {Shape{1, 1, 1, 1}, {1, 4, 1, 1}, {3, 1, 1, 1}, {3, 4, 1, 1}, {1, 1, 5, 6}, {3, 1, 5, 1}, {}, {6}})
    for (auto& [layout, full] : layouts(shape, DType::float32)) {
      CAPTURE(small);
      CAPTURE(layout);
      gaussian(full, 4);
      const Tensor part = gaussian(Tensor::empty(small), 5).expand(shape);
      check_unary<float>(UnaryOp::affine, part, Tensor::empty_like(full));
      check_binary<float>(BinaryOp::sub, full, part, Tensor::empty_like(full));
      check_binary<float>(BinaryOp::sub, part, full, Tensor::empty_like(full));
      check_binary<float>(BinaryOp::sub, part, part, Tensor::empty_like(full));
    }
}

TEST_CASE_TEMPLATE("where: any layouts and broadcasts", T, float, double) {
  const Shape shape{3, 4, 5, 6};
  for (auto& [c_layout, c] : layouts(shape, dtype_of<T>()))
    for (auto& [a_layout, a] : layouts(shape, dtype_of<T>()))
      for (const Shape& small : {Shape{}, {1, 4, 1, 1}, {3, 1, 1, 6}, {3, 4, 5, 6}}) {
        CAPTURE(c_layout);
        CAPTURE(a_layout);
        CAPTURE(small);
        generate(c, [](std::int64_t i) { return i % 3 - 1; });
        gaussian(a, 1);
        const Tensor b = gaussian(Tensor::empty(small, {.dtype = dtype_of<T>()}), 2).expand(shape);
        const std::vector<double> vc = values(c), va = values(a), vb = values(b);
        std::vector<double> expected;
        for (std::size_t i = 0; i < vc.size(); ++i) expected.push_back(vc[i] != 0 ? va[i] : vb[i]);
        const Tensor y = Tensor::empty_like(c);
        cpu().where(c, a, b, y);
        CHECK(values(y) == expected);
        cpu().where(c, b, a, y);
        for (std::size_t i = 0; i < vc.size(); ++i) expected[i] = vc[i] != 0 ? vb[i] : va[i];
        CHECK(values(y) == expected);
      }
}

TEST_CASE("pointwise: an output may be the input") {
  const Tensor x = gaussian(Tensor::empty({1000}), 6);
  std::vector<double> expected = values(x);
  for (double& v : expected) v = 2 * v;
  cpu().binary(BinaryOp::add, x, x, x, {});
  CHECK(values(x) == expected);
}

TEST_CASE("pointwise: NaN and infinity stay what they are") {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> v(40, 0.5f);
  v[3] = v[39] = nan;
  v[17] = inf;
  const Tensor x = Tensor::from(v, {40}), y = Tensor::empty({40});
  for (UnaryOp op : {UnaryOp::relu, UnaryOp::leaky_relu, UnaryOp::clamp, UnaryOp::softplus, UnaryOp::square}) {
    CAPTURE(static_cast<int>(op));
    cpu().unary(op, x, y, {0, 1});
    const std::vector<double> result = values(y);
    CHECK(std::isnan(result[3]));
    CHECK(std::isnan(result[39]));
    CHECK(result[17] == (op == UnaryOp::clamp ? 1 : inf));
  }
}

TEST_CASE("pointwise: the same bits for any number of threads") {
  const Tensor a = gaussian(Tensor::empty({3, 50000}), 7),
               b = gaussian(Tensor::empty({1, 50000}), 8).expand({3, 50000});
  CHECK(same_for_any_threads([&] {
    Tensor y = Tensor::empty_like(a);
    cpu().binary(BinaryOp::softplus_grad, a, b, y, {});
    return y;
  }));
}

TEST_CASE("pointwise: integer tensors are refused") {
  const Tensor x = Tensor::empty({2}, {.dtype = DType::int64});
  CHECK_THROWS_AS(cpu().unary(UnaryOp::abs, x, x, {}), Error);
}
