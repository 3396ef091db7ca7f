// The pointwise operations' transcendental functions against the standard library in double (long double) precision.
#include <doctest/doctest.h>

#include <bit>
#include <limits>

#include "duel/tensor/functors.h"
#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

// Every exponent, both signs, many mantissas; zeros, infinities, NaN, both ends of the denormals; and finely where
// functions bend.
std::vector<float> all_over() {
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 10007)
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  for (int i = -200'000; i <= 200'000; ++i) x.push_back(static_cast<float>(i) * 1e-4f);
  for (int i = -110'000; i <= 110'000; ++i) x.push_back(static_cast<float>(i) * 1e-3f);  // over- and underflow of exp
  using Limits = std::numeric_limits<float>;
  for (float v : {0.0f, 1.0f, Limits::infinity(), Limits::max(), Limits::min(), Limits::denorm_min(), 88.7228317f,
                  88.7228394f, 103.972076f, 103.972084f, 87.3365479f, 0x1.fffffcp-127f})
    x.insert(x.end(), {v, -v});
  x.push_back(Limits::quiet_NaN());
  return x;
}

std::vector<double> all_over_double() {
  std::vector<double> x;
  for (std::uint64_t i = 0; i < 300'000; ++i) x.push_back(std::bit_cast<double>(i * 61'489'146'912'365u));
  for (int i = -200'000; i <= 200'000; ++i) x.push_back(i * 1.9e-4);
  using Limits = std::numeric_limits<double>;
  for (double v : {0.0, 1.0, Limits::infinity(), Limits::max(), Limits::min(), Limits::denorm_min(), 709.782712893384,
                   709.7827128933841, 745.1332191019411, 745.1332191019412})
    x.insert(x.end(), {v, -v});
  x.push_back(Limits::quiet_NaN());
  return x;
}

// Distance in units in the last place of T at `expected`; infinite where only one is NaN or has overflowed, a
// neighbouring finite number apart.
template <class T, class Wide>
double ulps(T got, Wide expected) {
  const T nearest = static_cast<T>(expected);
  if (std::isnan(nearest) || std::isnan(got)) return std::isnan(nearest) == std::isnan(got) ? 0 : INFINITY;
  if (std::isinf(nearest) || std::isinf(got)) {
    if (got == nearest) return 0;
    return std::isinf(nearest) && std::fabs(got) == std::numeric_limits<T>::max() ? 1 : INFINITY;
  }
  const Wide size = std::fmax(std::fabs(expected), static_cast<Wide>(std::numeric_limits<T>::min()));
  const Wide ulp = std::ldexp(Wide(1), std::ilogb(size) + 1 - std::numeric_limits<T>::digits);
  return static_cast<double>(std::fabs(static_cast<Wide>(got) - expected) / ulp);
}

template <class T, class Wide>
double worst_ulps(UnaryOp op, const std::vector<T>& v, Wide (*reference)(Wide), Constants c = {}) {
  const Tensor x = Tensor::from(v, {static_cast<std::int64_t>(v.size())}), y = Tensor::empty_like(x);
  cpu().unary(op, x, y, c);
  double worst = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double u = ulps(y.data<T>()[i], reference(static_cast<Wide>(v[i])));
    if (u > worst) worst = u;
  }
  return worst;
}

double exact_sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
double exact_softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))) + 0 * x; }

}  // namespace

TEST_CASE("math: float32 to a few units in the last place, everywhere") {
  const std::vector<float> x = all_over();
  CHECK(worst_ulps<float, double>(UnaryOp::exp, x, std::exp) < 1);
  CHECK(worst_ulps<float, double>(UnaryOp::log, x, std::log) < 0.9);
  CHECK(worst_ulps<float, double>(UnaryOp::log1p, x, std::log1p) < 1.5);
  CHECK(worst_ulps<float, double>(UnaryOp::expm1, x, std::expm1) < 1.6);
  CHECK(worst_ulps<float, double>(UnaryOp::tanh, x, std::tanh) < 2.6);
  CHECK(worst_ulps<float, double>(UnaryOp::erf, x, std::erf) < 3);
  CHECK(worst_ulps<float, double>(UnaryOp::sigmoid, x, exact_sigmoid) < 2.6);
  CHECK(worst_ulps<float, double>(UnaryOp::sqrt, x, std::sqrt) <= 0.5);
  CHECK(worst_ulps<float, double>(UnaryOp::rsqrt, x, [](double v) { return 1 / std::sqrt(v); }) < 1.6);
  std::vector<float> no_infinity = x;
  std::erase_if(no_infinity, [](float v) { return std::isinf(v); });  // the reference fails there; see below
  CHECK(worst_ulps<float, double>(UnaryOp::softplus, no_infinity, exact_softplus) < 2);
}

TEST_CASE("math: erfc of float32") {
  double worst = 0;
  for (float x : all_over()) worst = std::fmax(worst, ulps(math::erfc(x), std::erfc(static_cast<double>(x))));
  CHECK(worst < 6);
}

TEST_CASE("math: powers of float32, and their special cases") {
  const std::vector<float> x = all_over();
  for (double p : {2.5, -3.0, 0.125, 7.0, -0.5, 0.0, 1.0, 33554432.0, 1e30}) {
    CAPTURE(p);
    const Tensor in = Tensor::from(x, {static_cast<std::int64_t>(x.size())}), y = Tensor::empty_like(in);
    cpu().unary(UnaryOp::pow, in, y, {p, 0});
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      worst = std::fmax(worst, ulps(y.data<float>()[i], std::pow(static_cast<double>(x[i]), p)));
    CHECK(worst < 0.6);
  }
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (float a : {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, -2.0f, inf, -inf, nan})
    for (float b : {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, -3.0f, 4.0f, 8388607.0f, 8388609.0f, inf, -inf, nan}) {
      CAPTURE(a);
      CAPTURE(b);
      const float got = math::pow(a, b), expected = std::pow(a, b);
      CHECK((std::isnan(got) ? std::isnan(expected) : got == expected && std::signbit(got) == std::signbit(expected)));
    }
}

TEST_CASE("math: float64 to two or three units in the last place") {
  const std::vector<double> x = all_over_double();
  CHECK(worst_ulps<double, long double>(UnaryOp::exp, x, std::exp) < 1);
  CHECK(worst_ulps<double, long double>(UnaryOp::log, x, std::log) < 0.8);
  CHECK(worst_ulps<double, long double>(UnaryOp::log1p, x, std::log1p) < 1.5);
  CHECK(worst_ulps<double, long double>(UnaryOp::expm1, x, std::expm1) < 2);
  CHECK(worst_ulps<double, long double>(UnaryOp::tanh, x, std::tanh) < 2.6);
}

TEST_CASE("math: saturation is exact and signs of zero stay") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::from<float>({-inf, -1e30f, -200, 200, 1e30f, inf, -0.0f}, {7}), y = Tensor::empty({7});
  const auto is = [&](UnaryOp op, const std::vector<double>& expected) {
    cpu().unary(op, x, y, {1, 1});
    CHECK(values(y) == expected);
  };
  is(UnaryOp::exp, {0, 0, 0, inf, inf, inf, 1});
  is(UnaryOp::expm1, {-1, -1, -1, inf, inf, inf, 0});
  is(UnaryOp::tanh, {-1, -1, -1, 1, 1, 1, 0});
  is(UnaryOp::erf, {-1, -1, -1, 1, 1, 1, 0});
  is(UnaryOp::sigmoid, {0, 0, 0, 1, 1, 1, 0.5});
  is(UnaryOp::softplus, {0, 0, 0, 200, 1e30f, inf, std::log(2.0f)});
  for (UnaryOp op : {UnaryOp::expm1, UnaryOp::tanh, UnaryOp::erf, UnaryOp::log1p}) {
    cpu().unary(op, x, y, {});
    CHECK(std::signbit(y.data<float>()[6]));
  }
}

// Vector bodies, what is left over after them, other steps: the same bits.
TEST_CASE_TEMPLATE("pointwise: an element's bits depend on its value alone", T, float, double) {
  constexpr std::int64_t n = 150, places = 67;
  const DType dtype = dtype_of<T>();
  const Tensor a = gaussian(Tensor::empty({n}, {.dtype = dtype}), 11, 0.5, 2);
  const Tensor b = gaussian(Tensor::empty({n}, {.dtype = dtype}), 12, 0.5, 2);
  const Tensor wide_a = Tensor::empty({n, 3}, {.dtype = dtype}), wide_b = Tensor::empty({n, 2}, {.dtype = dtype});
  wide_a.select(1, 1).copy_(a);
  wide_b.select(1, 1).copy_(b);
  constexpr Constants c{-0.3, 0.7};
  const auto all_places = [&](const auto& compute) {
    const Tensor whole = compute(a, b);
    for (std::int64_t from = 0; from < places; ++from)
      if (!same_bits(compute(a.slice(0, from, n - from / 2), b.slice(0, from, n - from / 2)),
                     whole.slice(0, from, n - from / 2)))
        return false;
    return same_bits(compute(wide_a.select(1, 1), wide_b.select(1, 1)), whole);
  };
  for (int i = 0; i < static_cast<int>(UnaryOp::count); ++i) {
    CAPTURE(i);
    CHECK(all_places([&](const Tensor& x, const Tensor&) {
      const Tensor y = Tensor::empty(x.shape(), {.dtype = dtype});
      cpu().unary(static_cast<UnaryOp>(i), x, y, c);
      return y;
    }));
  }
  for (int i = 0; i < static_cast<int>(BinaryOp::count); ++i) {
    CAPTURE(i);
    CHECK(all_places([&](const Tensor& x, const Tensor& z) {
      const Tensor y = Tensor::empty(x.shape(), {.dtype = dtype});
      cpu().binary(static_cast<BinaryOp>(i), x, z, y, c);
      return y;
    }));
  }
}
