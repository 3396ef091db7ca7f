#include <doctest/doctest.h>

#include <algorithm>

#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

const std::vector<Shape> kShapes{{4, 5},       {1, 3},        {2, 1, 3, 3},   {1, 7, 1, 1}, {3, 3, 5, 7},
                                 {2, 31, 3},   {2, 32, 4, 4}, {1, 40, 9, 9},  {300, 130},   {1, 3, 150, 151},
                                 {5, 600, 11}, {70, 64, 9},   {2, 2, 2, 3, 4}};

Tensor channels_last(const Shape& shape, DType dtype) {
  return Tensor::empty(shape, {.dtype = dtype, .layout = Layout::channels_last});
}

// Sample and channel of element `index` in row-major order.
struct Place {
  std::size_t n, c;
};
Place place(const Shape& shape, std::size_t index) {
  const auto channels = static_cast<std::size_t>(shape[1]),
             per_sample = static_cast<std::size_t>(shape.numel() / shape[0]);
  return {index / per_sample, index % per_sample / (per_sample / channels)};
}

struct Moments {
  std::vector<double> mean, var;
};
Moments naive_moments(const Tensor& x) {
  const auto channels = static_cast<std::size_t>(x.size(1));
  const double count = static_cast<double>(x.numel() / x.size(1));
  Moments m{std::vector<double>(channels), std::vector<double>(channels)};
  const std::vector<double> v = values(x);
  for (std::size_t i = 0; i < v.size(); ++i) m.mean[place(x.shape(), i).c] += v[i] / count;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const std::size_t c = place(x.shape(), i).c;
    m.var[c] += (v[i] - m.mean[c]) * (v[i] - m.mean[c]) / count;
  }
  return m;
}

// Undefined, one per channel, one per sample and channel, and the same transposed in memory.
std::vector<Tensor> parameters(const Shape& shape, DType dtype, unsigned seed) {
  const std::int64_t n = shape[0], c = shape[1];
  return {Tensor(), gaussian(Tensor::empty({c}, {.dtype = dtype}), seed).expand({n, c}),
          gaussian(Tensor::empty({n, c}, {.dtype = dtype}), seed),
          gaussian(Tensor::empty({c, n}, {.dtype = dtype}).transpose(0, 1), seed)};
}

std::vector<double> per_place(const Tensor& parameter, const Shape& shape, double otherwise) {
  std::vector<double> out;
  const auto v = parameter.defined() ? values(parameter) : std::vector<double>();
  for (std::size_t i = 0; i < static_cast<std::size_t>(shape.numel()); ++i) {
    const Place p = place(shape, i);
    out.push_back(v.empty() ? otherwise : v[p.n * static_cast<std::size_t>(shape[1]) + p.c]);
  }
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE("channel_moments: against two passes", T, float, double) {
  for (const Shape& shape : kShapes) {
    CAPTURE(shape);
    const Tensor x = gaussian(channels_last(shape, dtype_of<T>()), 1, 3, 2);
    const Tensor mean = Tensor::empty({shape[1]}, {.dtype = dtype_of<T>()}), var = Tensor::empty_like(mean);
    cpu().channel_moments(x, mean, var);
    const Moments expected = naive_moments(x);
    CHECK(distance(values(mean), expected.mean) <= 2 * roundings(x.dtype()));
    CHECK(distance(values(var), expected.var) <= 2 * roundings(x.dtype()));
  }
}

TEST_CASE("channel_moments: a mean far from 0") {
  const Tensor x = gaussian(channels_last({16, 6, 40, 40}, DType::float32), 2, 1e4, 1);
  const Tensor mean = Tensor::empty({6}), var = Tensor::empty({6});
  cpu().channel_moments(x, mean, var);
  const Moments expected = naive_moments(x);
  CHECK(distance(values(mean), expected.mean) <= tolerance::kSumSingle);
  CHECK(distance(values(var), expected.var) <= tolerance::kShiftedVarianceSingle);
}

TEST_CASE("channel_moments: constant channels have variance 0, empty ones are refused") {
  const Tensor mean = Tensor::empty({3}), var = Tensor::empty({3});
  cpu().channel_moments(Tensor::full({4, 3, 5}, 0.1, {.layout = Layout::channels_last}), mean, var);
  CHECK(values(var) == std::vector<double>(3, 0.0));
  CHECK_THROWS_AS(cpu().channel_moments(Tensor::empty({0, 3}), mean, var), Error);
  cpu().channel_moments(Tensor::empty({4, 0, 5}), Tensor::empty({0}), Tensor::empty({0}));
}

TEST_CASE_TEMPLATE("normalize_channels: every kind of gain, bias and rectifier", T, float, double) {
  constexpr DType dtype = dtype_of<T>();
  for (const Shape& shape : kShapes) {
    const Tensor x = gaussian(channels_last(shape, dtype), 3), y = Tensor::empty_like(x);
    const Tensor mean = gaussian(Tensor::empty({shape[1]}, {.dtype = dtype}), 4);
    const Tensor rstd = gaussian(Tensor::empty({shape[1]}, {.dtype = dtype}), 5);
    const std::vector<double> v = values(x), m = values(mean), r = values(rstd);
    const std::vector<Tensor> gains = parameters(shape, dtype, 6), biases = parameters(shape, dtype, 7);
    for (std::size_t kind = 0; kind < gains.size(); ++kind) {
      CAPTURE(shape);
      CAPTURE(kind);
      const Tensor &gain = gains[kind], &bias = biases[(kind + 1) % biases.size()];
      const std::vector<double> g = per_place(gain, shape, 1), b = per_place(bias, shape, 0);
      const Rectifier rectifier = kRectifiers[kind % 3];
      std::vector<double> expected;
      for (std::size_t i = 0; i < v.size(); ++i) {
        const std::size_t c = place(shape, i).c;
        const double z = (v[i] - m[c]) * r[c] * g[i] + b[i];
        expected.push_back(rectified(z, z, rectifier));
      }
      cpu().normalize_channels(x, mean, rstd, gain, bias, rectifier, y);
      CHECK(distance(values(y), expected) <= 2 * roundings(dtype));
    }
  }
}

TEST_CASE_TEMPLATE("batch_norm_grad: every kind of gain, bias and rectifier", T, float, double) {
  constexpr DType dtype = dtype_of<T>();
  for (const Shape& shape : kShapes) {
    const Tensor x = gaussian(channels_last(shape, dtype), 8, 2, 3), dy = gaussian(channels_last(shape, dtype), 9);
    const Tensor mean = Tensor::empty({shape[1]}, {.dtype = dtype}), rstd = Tensor::empty_like(mean);
    const Moments moments = naive_moments(x);
    generate(mean, [&](std::int64_t c) { return moments.mean[static_cast<std::size_t>(c)]; });
    generate(rstd, [&](std::int64_t c) { return 1 / std::sqrt(moments.var[static_cast<std::size_t>(c)] + 1e-2); });
    const std::vector<double> v = values(x), d = values(dy), m = values(mean), r = values(rstd);
    const double count = static_cast<double>(x.numel() / x.size(1));
    const std::vector<Tensor> gains = parameters(shape, dtype, 10), biases = parameters(shape, dtype, 13);
    for (std::size_t kind = 0; kind < gains.size(); ++kind) {
      CAPTURE(shape);
      CAPTURE(kind);
      const Tensor &gain = gains[kind], &bias = biases[(kind + 1) % biases.size()];
      const Rectifier rectifier = kRectifiers[kind % 3];
      const std::vector<double> g = per_place(gain, shape, 1), b = per_place(bias, shape, 0);
      const auto channels = static_cast<std::size_t>(shape[1]), samples = static_cast<std::size_t>(shape[0]);
      std::vector<double> mean_g(channels), mean_gx(channels), dx, incoming;
      std::vector<long double> dgain(samples * channels),
          dbias(samples * channels);  // the loop's own error stays small
      for (std::size_t i = 0; i < v.size(); ++i) {
        const auto [n, c] = place(shape, i);
        const double xhat = (v[i] - m[c]) * r[c];
        incoming.push_back(rectified(d[i], xhat * g[i] + b[i], rectifier));
        mean_g[c] += incoming[i] * g[i] / count;
        mean_gx[c] += incoming[i] * g[i] * xhat / count;
        dgain[n * channels + c] += incoming[i] * xhat;
        dbias[n * channels + c] += incoming[i];
      }
      for (std::size_t i = 0; i < v.size(); ++i) {
        const std::size_t c = place(shape, i).c;
        dx.push_back(r[c] * (incoming[i] * g[i] - mean_g[c] - (v[i] - m[c]) * r[c] * mean_gx[c]));
      }
      const Tensor out = Tensor::empty_like(x), out_gain = Tensor::empty({shape[0], shape[1]}, {.dtype = dtype}),
                   out_bias = Tensor::empty_like(out_gain);
      cpu().batch_norm_grad(x, dy, mean, rstd, gain, bias, rectifier, out, out_gain, out_bias);
      CHECK(distance(values(out), dx) <= 10 * roundings(dtype));
      CHECK(distance(values(out_gain), {dgain.begin(), dgain.end()}) <=
            std::max(10 * roundings(dtype), tolerance::kSum));
      CHECK(distance(values(out_bias), {dbias.begin(), dbias.end()}) <=
            std::max(10 * roundings(dtype), tolerance::kSum));
    }
  }
}

TEST_CASE_TEMPLATE("batch_norm_grad: sums over all samples are the sums of each", T, float, double) {
  constexpr DType dtype = dtype_of<T>();
  for (const Shape& shape : kShapes) {
    CAPTURE(shape);
    const Tensor x = gaussian(channels_last(shape, dtype), 14), dy = gaussian(channels_last(shape, dtype), 15);
    const Tensor mean = Tensor::full({shape[1]}, 0.1, {.dtype = dtype}),
                 rstd = Tensor::full({shape[1]}, 0.9, {.dtype = dtype});
    const Tensor gain = parameters(shape, dtype, 16)[1], bias = parameters(shape, dtype, 17)[1];
    const auto run = [&](std::int64_t rows) {
      const Tensor dx = Tensor::empty_like(x), dgain = Tensor::empty({rows, shape[1]}, {.dtype = dtype}),
                   dbias = Tensor::empty_like(dgain), sums = Tensor::empty({2, 1, shape[1]}, {.dtype = dtype});
      cpu().batch_norm_grad(x, dy, mean, rstd, gain, bias, {0.2}, dx, dgain, dbias);
      cpu().sum(dgain, sums.select(0, 0));
      cpu().sum(dbias, sums.select(0, 1));
      return std::pair(values(dx), values(sums));
    };
    const auto [dx, sums] = run(1);
    const auto [each_dx, each_sums] = run(shape[0]);
    CHECK(distance(dx, each_dx) <= roundings(dtype));
    CHECK(distance(sums, each_sums) <= std::max(10 * roundings(dtype), tolerance::kSum));
  }
}

TEST_CASE("normalize_channels, batch_norm_grad: empty tensors") {
  const Tensor x = Tensor::empty({2, 3, 0, 4}, {.layout = Layout::channels_last}), c = Tensor::full({3}, 1);
  const Tensor dgain = Tensor::full({2, 3}, 5), dbias = Tensor::full({2, 3}, 5);
  cpu().normalize_channels(x, c, c, Tensor(), Tensor(), {}, x);
  cpu().batch_norm_grad(x, x, c, c, Tensor(), Tensor(), {}, x, dgain, dbias);
  CHECK(values(dgain) == std::vector<double>(6, 0.0));
  CHECK(values(dbias) == std::vector<double>(6, 0.0));
}

TEST_CASE("batch norm: the same bits for any number of threads") {
  for (const Shape& shape : {Shape{20, 30, 17, 19}, {1, 5, 300, 200}, {900, 200}}) {
    CAPTURE(shape);
    const Tensor x = gaussian(channels_last(shape, DType::float32), 11),
                 gain = parameters(shape, DType::float32, 12)[2];
    const auto run = [&](int which) {
      const Tensor mean = Tensor::empty({shape[1]}), var = Tensor::empty({shape[1]}), y = Tensor::empty_like(x);
      const Tensor dgain = Tensor::empty({shape[0], shape[1]}), dbias = Tensor::empty_like(dgain);
      cpu().channel_moments(x, mean, var);
      if (which < 2) return which == 0 ? mean : var;
      cpu().normalize_channels(x, mean, var, gain, gain, {0.2}, y);
      if (which == 2) return y;
      cpu().batch_norm_grad(x, y, mean, var, gain, gain, {0.2}, y, dgain, dbias);
      return which == 3 ? y : which == 4 ? dgain : dbias;
    };
    for (int which = 0; which < 6; ++which) {
      CAPTURE(which);
      CHECK(same_for_any_threads([&] { return run(which); }));
    }
  }
}
