#include "tests/cuda/twins.h"

using namespace duel;
using namespace duel::testing;

namespace {

DType statistic_dtype(DType dtype) { return dtype == DType::bfloat16 ? DType::float32 : dtype; }

/// What a normalisation is given, and on the CPU in float64.
struct Norm {
  Tensor x, dy, mean, rstd, gain, bias;

  Norm as_twin() const {
    return {to_twin(x).channels_last(),
            to_twin(dy).channels_last(),
            to_twin(mean),
            to_twin(rstd),
            to_twin(gain),
            to_twin(bias)};
  }
};

enum class Parameters { none, shared, per_sample };

Tensor parameter(const Tensor& x, Parameters kind, std::uint64_t seed) {
  const std::int64_t n = x.size(0), c = x.size(1);
  const DType dtype = statistic_dtype(x.dtype());
  if (kind == Parameters::none) return {};
  if (kind == Parameters::shared) return gaussian({c}, dtype, seed).expand({n, c});
  return gaussian({c, n}, dtype, seed).transpose(0, 1);
}

Norm make(const Shape& shape, DType dtype, Parameters kind) {
  const Tensor x = gaussian(shape, dtype, 1, Layout::channels_last),
               dy = gaussian(shape, dtype, 2, Layout::channels_last);
  const DType statistic = statistic_dtype(dtype);
  const Tensor mean = gaussian({shape[1]}, statistic, 3);
  const Tensor rstd = to_cuda(Rng(4).uniform({shape[1]}, 0.5, 2, {.dtype = DType::float64}).to(statistic));
  return {x, dy, mean, rstd, parameter(x, kind, 5), parameter(x, kind, 6)};
}

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all{{3, 5, 4, 7},   {2, 8, 5, 5}, {4, 64, 3},  {7, 33}, {1, 1, 9, 9},
                                      {2, 3, 16, 16}, {5, 100, 1},  {70, 16},    {1, 1},  {2, 24, 30, 33},
                                      {3, 270, 2, 2}, {2, 140, 40}, {3, 520, 30}};
  return all;
}

}  // namespace

TEST_CASE("channel_moments" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const Shape& shape : shapes()) {
      CAPTURE(dtype);
      CAPTURE(shape);
      const Tensor x = gaussian(shape, dtype, 1, Layout::channels_last);
      const Tensor both = poisoned({shape[1], 2}, statistic_dtype(dtype));  // results need not be dense
      const Tensor mean = both.select(1, 0), var = both.select(1, 1);
      cuda().channel_moments(x, mean, var);
      const Tensor expected_mean = Tensor::empty({shape[1]}, {.dtype = DType::float64}),
                   expected_var = expected_mean.clone();
      twin().channel_moments(to_twin(x), expected_mean, expected_var);
      CHECK(relative_error(mean, expected_mean) < tolerance(statistic_dtype(dtype)));
      CHECK(relative_error(var, expected_var) < tolerance(statistic_dtype(dtype)));
    }
}

TEST_CASE("the variance of what lies far from 0" * on_cuda()) {
  const Shape shape{6, 12, 20, 20};
  const Tensor x = Tensor::empty_like(gaussian(shape, DType::float32, 1, Layout::channels_last));
  cuda().unary(UnaryOp::affine, gaussian(shape, DType::float32, 1, Layout::channels_last), x, {1, 3000});
  const Tensor mean = poisoned({12}, DType::float32), var = poisoned({12}, DType::float32);
  cuda().channel_moments(x, mean, var);
  const Tensor expected_mean = Tensor::empty({12}, {.dtype = DType::float64}), expected_var = expected_mean.clone();
  twin().channel_moments(to_twin(x), expected_mean, expected_var);
  CHECK(relative_error(mean, expected_mean) < 1e-6);
  CHECK(relative_error(var, expected_var) < 1e-5);
}

TEST_CASE("moments of no elements" * on_cuda()) {
  const Tensor x = Tensor::empty({0, 3, 2, 2}, {DType::float32, Device::cuda, Layout::channels_last});
  const Tensor mean = poisoned({3}, DType::float32), none = poisoned({0}, DType::float32);
  CHECK_THROWS_AS(cuda().channel_moments(x, mean, mean), Error);
  cuda().channel_moments(Tensor::empty({3, 0, 2}, x.options()), none, none);
}

TEST_CASE("update_running" * on_cuda()) {
  for (const DType dtype : {DType::float32, DType::float64})
    for (const std::int64_t channels : {1, 3, 300, 5000})
      for (const std::optional<double> momentum : {std::optional<double>(0.1), std::optional<double>()}) {
        CAPTURE(dtype);
        CAPTURE(channels);
        CAPTURE(momentum.has_value());
        const RunningStatistics running{gaussian({channels}, dtype, 1), gaussian({channels}, dtype, 2),
                                        Tensor::zeros({1}, {DType::int64, Device::cuda})};
        const RunningStatistics expected{to_twin(running.mean), to_twin(running.var), to_twin(running.count)};
        for (std::uint64_t batch = 1; batch <= 3; ++batch) {
          const Tensor both = gaussian({channels, 2}, dtype, 2 + batch);  // statistics need not be dense
          const Tensor mean = both.select(1, 0), var = both.select(1, 1);
          const double var_scale = batch == 2 ? 1 : 1.25;
          cuda().update_running(mean, var, var_scale, momentum, running);
          twin().update_running(to_twin(mean), to_twin(var), var_scale, momentum, expected);
          CHECK(relative_error(running.mean, expected.mean) < tolerance(dtype));
          CHECK(relative_error(running.var, expected.var) < tolerance(dtype));
          CHECK(running.count.to(Device::cpu).to_vector<std::int64_t>() ==
                std::vector{static_cast<std::int64_t>(batch)});
        }
      }
}

TEST_CASE("normalize_channels" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const Shape& shape : shapes())
      for (const Parameters kind : {Parameters::none, Parameters::shared, Parameters::per_sample}) {
        CAPTURE(dtype);
        CAPTURE(shape);
        const Norm n = make(shape, dtype, kind), e = n.as_twin();
        const Rectifier r{kind == Parameters::none ? 1.0 : kind == Parameters::shared ? 0.2 : 0.0};
        const Tensor y = poisoned(shape, dtype, Layout::channels_last), expected = Tensor::empty_like(e.x);
        cuda().normalize_channels(n.x, n.mean, n.rstd, n.gain, n.bias, r, y);
        twin().normalize_channels(e.x, e.mean, e.rstd, e.gain, e.bias, r, expected);
        CHECK(relative_error(y, expected) < tolerance(dtype));
      }
}

namespace {

void check_grad(const Norm& n, Rectifier r, std::int64_t rows) {
  const DType dtype = n.x.dtype();
  const std::int64_t channels = n.x.size(1);
  const Norm e = n.as_twin();
  const Tensor dgain = poisoned({rows, channels}, statistic_dtype(dtype)),
               dbias = poisoned({rows, channels}, statistic_dtype(dtype));
  const Tensor dx = n.dy.clone();  // in place
  cuda().batch_norm_grad(n.x, dx, n.mean, n.rstd, n.gain, n.bias, r, dx, dgain, dbias);
  const Tensor expected_dx = Tensor::empty_like(e.x);
  const Tensor expected_dgain = Tensor::empty({rows, channels}, {.dtype = DType::float64}),
               expected_dbias = expected_dgain.clone();
  twin().batch_norm_grad(e.x, e.dy, e.mean, e.rstd, e.gain, e.bias, r, expected_dx, expected_dgain, expected_dbias);
  CHECK(relative_error(dx, expected_dx) < tolerance(dtype));
  CHECK(relative_error(dgain, expected_dgain) < tolerance(statistic_dtype(dtype)));
  CHECK(relative_error(dbias, expected_dbias) < tolerance(statistic_dtype(dtype)));
  CHECK(dgain.dtype() == statistic_dtype(dtype));
}

}  // namespace

TEST_CASE("batch_norm_grad" * on_cuda()) {
  for (const DType dtype : computed_dtypes())
    for (const Shape& shape : shapes())
      for (const Parameters kind : {Parameters::none, Parameters::shared, Parameters::per_sample}) {
        CAPTURE(dtype);
        CAPTURE(shape);
        const Norm n = make(shape, dtype, kind);
        if (kind != Parameters::per_sample) check_grad(n, {kind == Parameters::none ? 1.0 : 0.2}, 1);
        check_grad(n, {kind == Parameters::shared ? 0.0 : 0.2}, shape[0]);
      }
}

TEST_CASE("batch_norm_grad of nothing" * on_cuda()) {
  const Tensor x = Tensor::empty({0, 3, 2, 2}, {DType::float32, Device::cuda, Layout::channels_last});
  const Tensor stat = gaussian({3}, DType::float32, 1), dgain = poisoned({1, 3}, DType::float32),
               dbias = poisoned({1, 3}, DType::float32);
  cuda().batch_norm_grad(x, x, stat, stat, {}, {}, {}, x, dgain, dbias);
  CHECK(dgain.to(Device::cpu).to_vector<float>() == std::vector<float>(3, 0));
  CHECK(dbias.to(Device::cpu).to_vector<float>() == std::vector<float>(3, 0));
}

TEST_CASE("normalisation of data that is not aligned to packs" * on_cuda()) {
  const Tensor memory = gaussian({5 * 16 * 9 + 1}, DType::float32, 1);
  const Tensor x(memory.storage(), {5, 16, 9}, {16 * 9, 1, 16}, 1, DType::float32);
  const Tensor mean = poisoned({16}, DType::float32), var = poisoned({16}, DType::float32);
  cuda().channel_moments(x, mean, var);
  const Tensor expected_mean = Tensor::empty({16}, {.dtype = DType::float64}), expected_var = expected_mean.clone();
  twin().channel_moments(to_twin(x), expected_mean, expected_var);
  CHECK(relative_error(mean, expected_mean) < 1e-5);
  CHECK(relative_error(var, expected_var) < 1e-5);
  Norm n = make({5, 16, 9}, DType::float32, Parameters::per_sample);
  n.x = x;
  check_grad(n, {0.2}, 5);
}
