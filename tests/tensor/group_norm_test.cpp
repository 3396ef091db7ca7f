#include <doctest/doctest.h>

#include <algorithm>

#include "tests/tensor/reference.h"

using namespace duel;
using namespace duel::testing;

namespace {

struct Grouped {
  Shape shape;
  std::int64_t groups;
};
// Few and many channels, pixels and samples; samples of several parallel pieces.
const std::vector<Grouped> kCases{{{4, 6}, 3},        {{1, 4, 3}, 1},       {{2, 1, 3, 3}, 1}, {{3, 6, 5, 7}, 2},
                                  {{2, 32, 4, 4}, 8}, {{2, 40, 9, 9}, 40},  {{300, 130}, 1},   {{1, 3, 150, 151}, 3},
                                  {{2, 1, 70001}, 1}, {{1, 64, 60, 60}, 4}, {{70, 66, 9}, 33}, {{2, 2, 2, 3, 4}, 2}};

Tensor channels_last(const Shape& shape, DType dtype) {
  return Tensor::empty(shape, {.dtype = dtype, .layout = Layout::channels_last});
}

// The group of element `index` in row-major order, counted over the samples; its channel likewise.
struct Place {
  std::size_t group, channel;
};
Place place(const Grouped& c, std::size_t index) {
  const auto channels = static_cast<std::size_t>(c.shape[1]), groups = static_cast<std::size_t>(c.groups);
  const std::size_t channel = index / (static_cast<std::size_t>(c.shape.numel() / c.shape[0]) / channels);
  return {channel / (channels / groups), channel};
}

using Sums = std::vector<long double>;  // of which naive loops lose no digits that matter
std::vector<double> rounded(const Sums& sums) { return {sums.begin(), sums.end()}; }

struct Moments {
  std::vector<double> mean, var;
};
Moments naive_moments(const Grouped& c, const std::vector<double>& v) {
  const auto groups = static_cast<std::size_t>(c.shape[0] * c.groups);
  const double count = static_cast<double>(v.size()) / static_cast<double>(groups);
  Sums mean(groups), var(groups);
  for (std::size_t i = 0; i < v.size(); ++i) mean[place(c, i).group] += v[i] / count;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const std::size_t g = place(c, i).group;
    var[g] += (v[i] - mean[g]) * (v[i] - mean[g]) / count;
  }
  return {rounded(mean), rounded(var)};
}

// Undefined, one per channel, one per sample and channel, and the same transposed in memory.
std::vector<Tensor> parameters(const Shape& shape, DType dtype, unsigned seed) {
  const std::int64_t n = shape[0], c = shape[1];
  return {Tensor(), gaussian(Tensor::empty({c}, {.dtype = dtype}), seed).expand({n, c}),
          gaussian(Tensor::empty({n, c}, {.dtype = dtype}), seed),
          gaussian(Tensor::empty({c, n}, {.dtype = dtype}).transpose(0, 1), seed)};
}

// [N, C] in row-major order, or a constant.
std::vector<double> per_channel(const Tensor& parameter, const Shape& shape, double otherwise) {
  return parameter.defined() ? values(parameter)
                             : std::vector<double>(static_cast<std::size_t>(shape[0] * shape[1]), otherwise);
}

}  // namespace

TEST_CASE_TEMPLATE("group_moments: against two passes", T, float, double) {
  for (const Grouped& c : kCases) {
    CAPTURE(c.shape);
    const Tensor x = gaussian(channels_last(c.shape, dtype_of<T>()), 1, 3, 2);
    const Tensor mean = Tensor::empty({c.shape[0], c.groups}, {.dtype = dtype_of<T>()}), var = Tensor::empty_like(mean);
    cpu().group_moments(x, mean, var);
    const Moments expected = naive_moments(c, values(x));
    CHECK(distance(values(mean), expected.mean) <= 2 * roundings(x.dtype()));
    CHECK(distance(values(var), expected.var) <= 10 * roundings(x.dtype()));
  }
}

TEST_CASE("group_moments: a mean far from 0, constant groups, empty ones") {
  const Grouped c{{3, 6, 40, 40}, 2};
  const Tensor x = gaussian(channels_last(c.shape, DType::float32), 2, 1e4, 1);
  const Tensor mean = Tensor::empty({3, 2}), var = Tensor::empty({3, 2});
  cpu().group_moments(x, mean, var);
  const Moments expected = naive_moments(c, values(x));
  CHECK(distance(values(mean), expected.mean) <= tolerance::kSumSingle);
  CHECK(distance(values(var), expected.var) <= tolerance::kShiftedVarianceSingle);
  cpu().group_moments(Tensor::full({3, 4, 5}, 0.1, {.layout = Layout::channels_last}), mean, var);
  CHECK(values(var) == std::vector<double>(6, 0.0));
  CHECK_THROWS_AS(cpu().group_moments(Tensor::empty({3, 4, 0}), mean, var), Error);
  cpu().group_moments(Tensor::empty({0, 4, 5}), Tensor::empty({0, 2}), Tensor::empty({0, 2}));
}

TEST_CASE_TEMPLATE("normalize_groups and group_norm_grad: every kind of gain, bias and rectifier", T, float, double) {
  constexpr DType dtype = dtype_of<T>();
  for (const Grouped& c : kCases) {
    CAPTURE(c.shape);
    const Tensor x = gaussian(channels_last(c.shape, dtype), 3, 2, 3), dy = gaussian(channels_last(c.shape, dtype), 4);
    const Tensor mean = Tensor::empty({c.shape[0], c.groups}, {.dtype = dtype}), rstd = Tensor::empty_like(mean);
    const std::vector<double> v = values(x), d = values(dy);
    const Moments moments = naive_moments(c, v);
    generate(mean, [&](std::int64_t i) { return moments.mean[static_cast<std::size_t>(i)]; });
    generate(rstd, [&](std::int64_t i) { return 1 / std::sqrt(moments.var[static_cast<std::size_t>(i)] + 1e-2); });
    const std::vector<double> m = values(mean), r = values(rstd);
    const double count = static_cast<double>(v.size()) / static_cast<double>(m.size());
    const std::vector<Tensor> gains = parameters(c.shape, dtype, 5), biases = parameters(c.shape, dtype, 6);
    for (std::size_t kind = 0; kind < gains.size(); ++kind) {
      CAPTURE(kind);
      const Tensor &gain = gains[kind], &bias = biases[(kind + 1) % biases.size()];
      const Rectifier rectifier = kRectifiers[kind % 3];
      const std::vector<double> g = per_channel(gain, c.shape, 1), b = per_channel(bias, c.shape, 0);
      std::vector<double> y, dx, incoming;
      Sums dgain(g.size()), dbias(g.size()), mean_g(m.size()), mean_gx(m.size());
      for (std::size_t i = 0; i < v.size(); ++i) {
        const auto [group, channel] = place(c, i);
        const double xhat = (v[i] - m[group]) * r[group];
        const double z = xhat * g[channel] + b[channel];
        y.push_back(rectified(z, z, rectifier));
        incoming.push_back(rectified(d[i], z, rectifier));
        mean_g[group] += incoming[i] * g[channel] / count;
        mean_gx[group] += incoming[i] * g[channel] * xhat / count;
        dgain[channel] += incoming[i] * xhat;
        dbias[channel] += incoming[i];
      }
      for (std::size_t i = 0; i < v.size(); ++i) {
        const auto [group, channel] = place(c, i);
        const double xhat = (v[i] - m[group]) * r[group];
        dx.push_back(
            static_cast<double>(r[group] * (incoming[i] * g[channel] - mean_g[group] - xhat * mean_gx[group])));
      }
      const Tensor out = Tensor::empty_like(x), out_gain = Tensor::empty({c.shape[0], c.shape[1]}, {.dtype = dtype}),
                   out_bias = Tensor::empty_like(out_gain);
      cpu().normalize_groups(x, mean, rstd, gain, bias, rectifier, out);
      CHECK(distance(values(out), y) <= 2 * roundings(dtype));
      cpu().group_norm_grad(x, dy, mean, rstd, gain, bias, rectifier, out, out_gain, out_bias);
      CHECK(distance(values(out), dx) <= 10 * roundings(dtype));
      CHECK(distance(values(out_gain), rounded(dgain)) <= std::max(10 * roundings(dtype), tolerance::kSum));
      CHECK(distance(values(out_bias), rounded(dbias)) <= std::max(10 * roundings(dtype), tolerance::kSum));
    }
  }
}

TEST_CASE("group norm: the same bits for any number of threads") {
  for (const Grouped& c : {Grouped{{20, 30, 17, 19}, 5}, {{1, 4, 300, 200}, 1}, {{900, 200}, 1}}) {
    CAPTURE(c.shape);
    const Tensor x = gaussian(channels_last(c.shape, DType::float32), 7),
                 gain = parameters(c.shape, DType::float32, 8)[2];
    const auto run = [&](int which) {
      const Tensor mean = Tensor::empty({c.shape[0], c.groups}), var = Tensor::empty_like(mean);
      const Tensor y = Tensor::empty_like(x), dx = Tensor::empty_like(x);
      const Tensor dgain = Tensor::empty({c.shape[0], c.shape[1]}), dbias = Tensor::empty_like(dgain);
      cpu().group_moments(x, mean, var);
      cpu().normalize_groups(x, mean, var, gain, gain, {0.2}, y);
      cpu().group_norm_grad(x, y, mean, var, gain, gain, {0.2}, dx, dgain, dbias);
      return std::vector<Tensor>{mean, var, y, dx, dgain, dbias}[static_cast<std::size_t>(which)];
    };
    for (int which = 0; which < 6; ++which) {
      CAPTURE(which);
      CHECK(same_for_any_threads([&] { return run(which); }));
    }
  }
}
