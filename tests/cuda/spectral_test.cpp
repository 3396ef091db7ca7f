#include "duel/tensor/captured_step.h"
#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

// Weights [R, C, K] as they lie in memory, by the order of their dimensions there; two that are not dense matrices; and
// one whose first element is not aligned.
enum class Lie {
  row_major,
  channels_last,
  rows_innermost,
  rows_then_channels_innermost,
  rows_between,
  gaps,
  unaligned
};

constexpr Lie kLies[] = {Lie::row_major,    Lie::channels_last, Lie::rows_innermost, Lie::rows_then_channels_innermost,
                         Lie::rows_between, Lie::gaps,          Lie::unaligned};

// A weight of shape [r, c, k] that is yet to be written.
Tensor lying(Lie lie, const Shape& shape, DType dtype) {
  const std::int64_t r = shape[0], c = shape[1], k = shape[2];
  switch (lie) {
    case Lie::row_major: return poisoned({r, c, k}, dtype);
    case Lie::channels_last: return poisoned({r, k, c}, dtype).permute({0, 2, 1});
    case Lie::rows_innermost: return poisoned({c, k, r}, dtype).permute({2, 0, 1});
    case Lie::rows_then_channels_innermost: return poisoned({k, c, r}, dtype).permute({2, 1, 0});
    case Lie::rows_between: return poisoned({c, r, k}, dtype).permute({1, 0, 2});
    case Lie::gaps: return poisoned({r, c, 2 * k}, dtype).slice(2, 0, 2 * k, 2);
    case Lie::unaligned: return poisoned({r * c * k + 1}, dtype).slice(0, 1, r * c * k + 1).reshape({r, c, k});
  }
  return {};
}

Tensor gaussian_lying(Lie lie, const Shape& shape, DType dtype, std::uint64_t seed) {
  Tensor t = lying(lie, shape, dtype);
  t.copy_(gaussian(shape, dtype, seed));
  return t;
}

// What the caller keeps: nothing, vectors in the place of those it began with, or all of it elsewhere.
enum class Keep { nothing, in_place, elsewhere };

// Those in place are not aligned.
PowerMethod problem(const Tensor& weight, Keep keep, std::uint64_t seed) {
  const DType dtype = weight.dtype();
  const std::int64_t rows = weight.size(0), columns = weight.size(1) * weight.size(2);
  const std::int64_t first = keep == Keep::in_place ? 1 : 0;
  PowerMethod p{.weight = weight,
                .from_u = gaussian({first + rows}, dtype, seed + 1).slice(0, first, first + rows),
                .from_v = gaussian({first + columns}, dtype, seed + 2).slice(0, first, first + columns),
                .u = poisoned({rows}, dtype),
                .v = poisoned({columns}, dtype),
                .divisor = poisoned({1}, dtype),
                .to_u = {},
                .to_v = {},
                .to_sigma = {}};
  if (keep == Keep::nothing) return p;
  p.to_u = keep == Keep::in_place ? p.from_u : gaussian({rows}, dtype, seed + 3);
  if (keep == Keep::in_place) p.to_v = p.from_v;
  p.to_sigma = poisoned({1}, dtype);
  return p;
}

// The same on the CPU in float64, with a memory of its own.
PowerMethod to_twin(const PowerMethod& p) {
  PowerMethod t{.weight = testing::to_twin(p.weight),
                .from_u = testing::to_twin(p.from_u),
                .from_v = testing::to_twin(p.from_v),
                .u = testing::to_twin(p.u),
                .v = testing::to_twin(p.v),
                .divisor = testing::to_twin(p.divisor),
                .to_u = testing::to_twin(p.to_u),
                .to_v = testing::to_twin(p.to_v),
                .to_sigma = testing::to_twin(p.to_sigma)};
  if (p.to_u.defined() && p.to_u.storage() == p.from_u.storage()) t.to_u = t.from_u;
  if (p.to_v.defined() && p.to_v.storage() == p.from_v.storage()) t.to_v = t.from_v;
  return t;
}

void check_same(const PowerMethod& actual, const PowerMethod& expected) {
  const double few = tolerance(actual.weight.dtype());
  for (Tensor PowerMethod::*result : {&PowerMethod::u, &PowerMethod::v, &PowerMethod::divisor, &PowerMethod::to_u,
                                      &PowerMethod::to_v, &PowerMethod::to_sigma})
    if ((actual.*result).defined()) CHECK(relative_error(actual.*result, expected.*result) <= few);
}

void check_power_method(const std::vector<PowerMethod>& weights, std::int64_t iterations, double eps = 1e-6) {
  CAPTURE(iterations);
  std::vector<PowerMethod> twins;
  for (const PowerMethod& p : weights) twins.push_back(to_twin(p));
  cuda().power_method(weights, iterations, eps);
  twin().power_method(twins, iterations, eps);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    CAPTURE(i);
    CAPTURE(weights[i].weight);
    check_same(weights[i], twins[i]);
  }
}

// v = unit(W' u), u = unit(W v), as it is written; W [R, C * K] row-major.
void iterate(const std::vector<double>& w, std::vector<double>& u, std::vector<double>& v) {
  const auto normalize = [](std::vector<double>& x) {
    double squares = 0;
    for (const double e : x) squares += e * e;
    for (double& e : x) e /= std::sqrt(squares);
  };
  for (std::size_t j = 0; j < v.size(); ++j) {
    v[j] = 0;
    for (std::size_t i = 0; i < u.size(); ++i) v[j] += w[i * v.size() + j] * u[i];
  }
  normalize(v);
  for (std::size_t i = 0; i < u.size(); ++i) {
    u[i] = 0;
    for (std::size_t j = 0; j < v.size(); ++j) u[i] += w[i * v.size() + j] * v[j];
  }
  normalize(u);
}

// dx is dy where both are the same tensor.
void check_grad(const Tensor& y, const Tensor& dy, const Tensor& dx) {
  CAPTURE(y);
  const DType dtype = y.dtype();
  const Tensor u = gaussian({y.size(0)}, dtype, 11), v = gaussian({y.size(1) * y.size(2)}, dtype, 12),
               divisor = Tensor::full({1}, -1.75, {dtype, Device::cuda});
  const Tensor want = Tensor::empty(y.shape(), {.dtype = DType::float64});
  twin().spectral_norm_grad(testing::to_twin(y), testing::to_twin(dy), testing::to_twin(u), testing::to_twin(v),
                            testing::to_twin(divisor), want);
  cuda().spectral_norm_grad(y, dy, u, v, divisor, dx);
  CHECK(relative_error(dx, want) <= 5 * tolerance(dtype));
}

}  // namespace

TEST_CASE("cuda power_method: weights however they lie, all in one call" * on_cuda()) {
  for (const DType dtype : {DType::float32, DType::float64})
    for (const std::int64_t iterations : {0, 1, 2}) {
      std::vector<PowerMethod> weights;
      for (const Lie lie : kLies)
        for (const Shape& shape : {Shape{70, 24, 9}, Shape{33, 5, 7}, Shape{3, 8, 1}, Shape{5, 1, 4}}) {
          const std::uint64_t seed = 10 * weights.size();
          const Keep keep = weights.size() % 2 ? Keep::in_place : Keep::elsewhere;
          weights.push_back(problem(gaussian_lying(lie, shape, dtype, seed), keep, seed));
        }
      check_power_method(weights, iterations);
    }
}

TEST_CASE("cuda power_method: sizes that are cut into parts, and those of 1" * on_cuda()) {
  for (const DType dtype : {DType::float32, DType::float64})
    for (const std::int64_t iterations : {0, 1}) {
      if (dtype == DType::float64 && iterations == 0) continue;
      std::vector<PowerMethod> weights;
      for (const Shape& shape : {Shape{1100, 3, 3}, Shape{6, 1050, 4}, Shape{1, 400, 1}, Shape{400, 1, 1},
                                 Shape{1, 1, 1}, Shape{300, 130, 1}})
        for (const Lie lie : {Lie::channels_last, Lie::rows_innermost}) {
          const std::uint64_t seed = 10 * weights.size();
          weights.push_back(problem(gaussian_lying(lie, shape, dtype, seed), Keep::elsewhere, seed));
        }
      check_power_method(weights, iterations);
    }
  check_power_method({problem(gaussian({2, 13000, 1}, DType::float32, 1), Keep::nothing, 1)}, 1);
}

TEST_CASE("cuda power_method: more weights than a launch takes, or none" * on_cuda()) {
  std::vector<PowerMethod> weights;
  for (std::int64_t i = 0; i < 100; ++i) {
    const Shape shape{1 + i % 7, 2 + i % 3, 1 + i % 4};
    const auto seed = static_cast<std::uint64_t>(10 * i);
    weights.push_back(problem(gaussian(shape, DType::float32, seed), static_cast<Keep>(i % 3), seed));
    weights.back().from_v = Tensor();
    if (i % 3 == 1) weights.back().to_v = Tensor();
  }
  check_power_method(weights, 1);
  cuda().power_method({}, 1, 1e-6);
}

TEST_CASE("cuda power_method: as its formula is written" * on_cuda()) {
  const Shape shape{40, 6, 9};
  for (const Lie lie : {Lie::channels_last, Lie::rows_innermost}) {
    const PowerMethod p = problem(gaussian_lying(lie, shape, DType::float64, 1), Keep::in_place, 1);
    const std::vector<double> w = p.weight.to(Device::cpu).to_vector<double>();
    std::vector<double> u = p.from_u.to(Device::cpu).to_vector<double>(), v(54);
    for (int i = 0; i < 3; ++i) iterate(w, u, v);
    double sigma = 0;
    for (std::size_t i = 0; i < u.size(); ++i)
      for (std::size_t j = 0; j < v.size(); ++j) sigma += u[i] * w[i * v.size() + j] * v[j];
    cuda().power_method(std::span(&p, 1), 3, 1e-12);
    for (const Tensor& t : {p.u, p.to_u}) CHECK(relative_error(t, Tensor::from(u, {40})) <= 1e-12);
    for (const Tensor& t : {p.v, p.to_v}) CHECK(relative_error(t, Tensor::from(v, {54})) <= 1e-12);
    for (const Tensor& t : {p.divisor, p.to_sigma}) CHECK(t.item() == doctest::Approx(sigma).epsilon(1e-12));
  }
}

TEST_CASE("cuda power_method: what has no direction, or a negative sigma, is not kept" * on_cuda()) {
  for (const DType dtype : {DType::float32, DType::float64})
    for (const std::int64_t iterations : {0, 1, 2}) {
      const auto weight = [dtype](double value) { return Tensor::full({40, 3, 9}, value, {dtype, Device::cuda}); };
      std::vector<PowerMethod> weights{
          problem(weight(0), Keep::in_place, 1),
          problem(weight(1e-4), Keep::elsewhere, 2),  // a sigma below eps
          problem(weight(2), Keep::in_place, 3),
          problem(weight(-0.05), Keep::in_place, 4),
      };
      for (const PowerMethod& p : weights) {
        cuda().fill(p.from_u, 1);
        cuda().fill(p.from_v, 1);
      }
      check_power_method(weights, iterations, 0.5);
      CHECK(relative_error(weights[0].u, Tensor::zeros({40})) == 0);
      CHECK(weights[0].divisor.item() == 1);
      CHECK(relative_error(weights[0].from_u, Tensor::full({40}, 1)) == 0);
      CHECK(weights[1].divisor.item() == 1);
      CHECK((weights[3].divisor.item() < 0) == (iterations == 0));
    }
}

TEST_CASE("cuda power_method: recorded, it goes on from what it kept" * on_cuda()) {
  std::vector<PowerMethod> weights, twins;
  for (const Lie lie : {Lie::channels_last, Lie::rows_between})  // the latter is copied
    weights.push_back(problem(gaussian_lying(lie, {40, 6, 9}, DType::float32, 1), Keep::in_place, 1));
  for (const PowerMethod& p : weights) twins.push_back(to_twin(p));
  CapturedStep step(Device::cuda, Capture::on);
  for (int i = 0; i < 4; ++i) {
    step({}, [&](const CapturedStep::Inputs&, Doing) -> CapturedStep::Outputs {
      cuda().power_method(weights, 1, 1e-6);
      return {};
    });
    twin().power_method(twins, 1, 1e-6);
  }
  CHECK(step.replays() == 3);
  for (std::size_t i = 0; i < weights.size(); ++i) check_same(weights[i], twins[i]);
}

TEST_CASE("cuda spectral_norm_grad: whatever the strides of each tensor" * on_cuda()) {
  for (const DType dtype : {DType::float32, DType::float64})
    for (const Shape& shape : {Shape{35, 12, 9}, Shape{33, 5, 2}}) {
      for (const Lie lie : kLies) {
        const Tensor y = gaussian_lying(lie, shape, dtype, 1), dy = gaussian_lying(lie, shape, dtype, 2);
        check_grad(y, dy, lying(lie, shape, dtype));
        check_grad(y, dy, dy);
        const Tensor other = gaussian_lying(Lie::rows_innermost, shape, dtype, 3);
        check_grad(y, other, lying(Lie::channels_last, shape, dtype));
        check_grad(other, y, other);
      }
      const Tensor one = Tensor::full({1, 1, 1}, 1.5, {dtype, Device::cuda}).expand(shape);
      check_grad(gaussian(shape, dtype, 4), one, poisoned(shape, dtype));
    }
}

TEST_CASE("cuda spectral_norm_grad: sizes that several blocks share, and those of 1" * on_cuda()) {
  const auto check_in_place = [](const Shape& shape, Lie lie, DType dtype) {
    const Tensor dy = gaussian_lying(lie, shape, dtype, 2);
    check_grad(gaussian_lying(lie, shape, dtype, 1), dy, dy);
  };
  for (const DType dtype : {DType::float32, DType::float64})
    for (const Shape& shape : {Shape{1, 1, 1}, Shape{1, 700, 1}, Shape{700, 1, 1}, Shape{1, 1, 5}, Shape{300, 70, 4}})
      for (const Lie lie : {Lie::channels_last, Lie::rows_innermost}) check_in_place(shape, lie, dtype);
  check_in_place({2, 25000, 1}, Lie::channels_last, DType::float64);  // blocks with several tiles of columns
  const Tensor none = Tensor::empty({0, 3, 1}, {.device = Device::cuda});
  cuda().spectral_norm_grad(none, none, Tensor::empty({0}, {.device = Device::cuda}), gaussian({3}, DType::float32, 1),
                            gaussian({1}, DType::float32, 1), none);
}
