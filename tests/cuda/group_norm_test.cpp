#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

DType statistic_dtype(DType dtype) { return dtype == DType::bfloat16 ? DType::float32 : dtype; }

struct Case {
  Shape shape;
  std::int64_t groups;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{{{3, 5, 4, 7}, 5},   {{2, 12, 5, 5}, 3},  {{2, 64, 9}, 32},     {{4, 8, 6, 2}, 1},
                                     {{1, 6, 20, 20}, 2}, {{40, 48}, 1},       {{9, 50}, 1},         {{9, 50}, 10},
                                     {{2, 1, 9001}, 1},   {{1, 3, 70, 70}, 3}, {{2, 1, 32, 40}, 1},  {{3, 1500}, 1},
                                     {{2, 130, 3}, 65},   {{2, 280, 40}, 28},  {{2, 16, 18, 18}, 16}};
  return all;
}

/// gain or bias [N, C]: one of each sample, or for odd seeds the same for all.
Tensor parameter(const Tensor& x, std::uint64_t seed) {
  const std::int64_t n = x.size(0), c = x.size(1);
  const DType dtype = statistic_dtype(x.dtype());
  return seed % 2 ? gaussian({c}, dtype, seed).expand({n, c}) : gaussian({n, c}, dtype, seed);
}

Tensor wide(const Shape& shape) { return Tensor::empty(shape, {.dtype = DType::float64}); }

}  // namespace

TEST_CASE("group_moments" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const auto& [shape, groups] : cases()) {
      CAPTURE(dtype);
      CAPTURE(shape);
      CAPTURE(groups);
      const Tensor x = gaussian(shape, dtype, 1, Layout::channels_last);
      const Shape statistics{shape[0], groups};
      const Tensor mean = poisoned(statistics, statistic_dtype(dtype)),
                   var = poisoned(statistics, statistic_dtype(dtype));
      cuda().group_moments(x, mean, var);
      const Tensor expected_mean = wide(statistics), expected_var = wide(statistics);
      twin().group_moments(to_twin(x).channels_last(), expected_mean, expected_var);
      CHECK(relative_error(mean, expected_mean) < tolerance(statistic_dtype(dtype)));
      CHECK(relative_error(var, expected_var) < tolerance(statistic_dtype(dtype)));
    }
}

TEST_CASE("group moments of large samples" * on_cuda()) {  // that several blocks share
  const Tensor x = gaussian({2, 4, 90, 70}, DType::float32, 1, Layout::channels_last);
  const Tensor mean = poisoned({2, 1}, DType::float32), var = poisoned({2, 1}, DType::float32);
  cuda().group_moments(x, mean, var);
  const Tensor expected_mean = wide({2, 1}), expected_var = wide({2, 1});
  twin().group_moments(to_twin(x).channels_last(), expected_mean, expected_var);
  CHECK(relative_error(mean, expected_mean) < 1e-5);
  CHECK(relative_error(var, expected_var) < 1e-5);
}

TEST_CASE("group moments of no elements" * on_cuda()) {
  const Tensor x = Tensor::empty({2, 4, 0}, {DType::float32, Device::cuda, Layout::channels_last});
  const Tensor mean = poisoned({2, 2}, DType::float32), none = poisoned({0, 2}, DType::float32);
  CHECK_THROWS_AS(cuda().group_moments(x, mean, mean), Error);
  cuda().group_moments(Tensor::empty({0, 4, 3}, x.options()), none, none);
}

TEST_CASE("normalize_groups and its gradient" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const auto& [shape, groups] : cases())
      for (const double slope : {1.0, 0.2, 0.0}) {
        CAPTURE(dtype);
        CAPTURE(shape);
        CAPTURE(groups);
        CAPTURE(slope);
        const Rectifier r{slope};
        const DType statistic = statistic_dtype(dtype);
        const Shape statistics{shape[0], groups}, parameters{shape[0], shape[1]};
        const Tensor x = gaussian(shape, dtype, 1, Layout::channels_last),
                     dy = gaussian(shape, dtype, 2, Layout::channels_last);
        const Tensor mean = gaussian(statistics, statistic, 3);
        const Tensor rstd = to_cuda(Rng(4).uniform(statistics, 0.5, 2, {.dtype = DType::float64}).to(statistic));
        const Tensor gain = slope == 1 ? Tensor() : parameter(x, slope == 0 ? 5 : 6);
        const Tensor bias = slope == 1 ? Tensor() : parameter(x, 8);
        const Tensor wide_x = to_twin(x).channels_last(), wide_dy = to_twin(dy).channels_last();

        const Tensor y = poisoned(shape, dtype, Layout::channels_last), expected_y = Tensor::empty_like(wide_x);
        cuda().normalize_groups(x, mean, rstd, gain, bias, r, y);
        twin().normalize_groups(wide_x, to_twin(mean), to_twin(rstd), to_twin(gain), to_twin(bias), r, expected_y);
        CHECK(relative_error(y, expected_y) < tolerance(dtype));

        const Tensor dx = poisoned(shape, dtype, Layout::channels_last), expected_dx = Tensor::empty_like(wide_x);
        const Tensor dgain = poisoned(parameters, statistic), dbias = poisoned(parameters, statistic);
        const Tensor expected_dgain = wide(parameters), expected_dbias = wide(parameters);
        cuda().group_norm_grad(x, dy, mean, rstd, gain, bias, r, dx, dgain, dbias);
        twin().group_norm_grad(wide_x, wide_dy, to_twin(mean), to_twin(rstd), to_twin(gain), to_twin(bias), r,
                               expected_dx, expected_dgain, expected_dbias);
        CHECK(relative_error(dx, expected_dx) < tolerance(dtype));
        CHECK(relative_error(dgain, expected_dgain) < tolerance(statistic));
        CHECK(relative_error(dbias, expected_dbias) < tolerance(statistic));
      }
}
