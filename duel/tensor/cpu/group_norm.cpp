// Group normalisation over channels-last data: each sample's groups of channels have statistics of their own. One group
// per channel is instance normalisation, one group is layer normalisation.
#include <algorithm>

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/norm_common.h"

namespace duel::cpu {
namespace {

// [N, G] statistics of groups of `width` channels.
struct Groups {
  std::int64_t count, width;

  Groups(const NormGeometry& g, const Tensor& statistics)
      : count(statistics.size(1)), width(g.channels / std::max<std::int64_t>(1, count)) {}
};

// values[c] = f(group of c), repeated to fill the period.
template <class T, class F>
void fill_groups(const NormGeometry& g, const Groups& groups, T* values, const F& f) {
  for (std::int64_t i = 0; i < groups.count; ++i)
    std::fill_n(values + i * groups.width, groups.width, static_cast<T>(f(i)));
  repeat_channels(g, values);
}

// values[c] = rstd of c's group * gain of c in sample n, likewise.
template <class T>
void fill_scale(const NormGeometry& g, const Groups& groups, const T* rstd, const PerSample<T>& gain, std::int64_t n,
                T* values) {
  gain.copy(n, g.channels, values);
  for (std::int64_t i = 0; i < groups.count; ++i) {
    const T r = rstd[i];
    T* row = values + i * groups.width;
    for (std::int64_t c = 0; c < groups.width; ++c) row[c] *= r;
  }
  repeat_channels(g, values);
}

// How the statistics are gathered: channels that make one group need not be told apart.
NormGeometry moments_geometry(const NormGeometry& g, std::int64_t groups) {
  return groups == 1 ? NormGeometry(g.samples, g.pixels * g.channels, 1) : g;
}

}  // namespace

void group_moments(const Tensor& x, const Tensor& mean, const Tensor& var) {
  const NormGeometry whole(x);
  if (mean.numel() == 0) return;
  check(x.numel() > 0, "group_moments", "no elements in a group of shape ", x.shape());
  const NormGeometry g = moments_geometry(whole, mean.size(1));
  const Groups groups(g, mean);
  dispatch_floating("group_moments", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* px = x.data<T>();
    T *pm = mean.mutable_data<T>(), *pv = var.mutable_data<T>();
    const double elements = static_cast<double>(g.pixels * groups.width);
    // Subtracting any value of the group itself keeps the sums near 0, so that squares do not cancel.
    const auto shift = [&](std::int64_t n, std::int64_t group) {
      return static_cast<double>(px[n * g.pixels * g.channels + group * groups.width]);
    };
    sum_per_sample(
        g,
        [&](std::int64_t n, double* shifts) {
          fill_groups(g, groups, shifts, [&](std::int64_t i) { return shift(n, i); });
          return shifts;
        },
        [&](std::int64_t first, std::int64_t count, const double* shifts, double* sum, double* square) {
          loops<T>().norm.moments(px + first, count, g.period, shifts, sum, square);
        },
        [&](std::int64_t n, const double* sums, const double* squares) {
          for (std::int64_t i = 0; i < groups.count; ++i) {
            double sum = 0, square = 0;
            for (std::int64_t c = i * groups.width; c < (i + 1) * groups.width; ++c) {
              sum += sums[c];
              square += squares[c];
            }
            const double m = sum / elements, v = square / elements - m * m;
            pm[n * groups.count + i] = static_cast<T>(shift(n, i) + m);
            pv[n * groups.count + i] = static_cast<T>(v < 0 ? 0 : v);  // NaN stays NaN
          }
        });
  });
}

void normalize_groups(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain, const Tensor& bias,
                      const Tensor& y) {
  if (x.numel() == 0) return;
  const NormGeometry g(x);
  const Groups groups(g, mean);
  dispatch_floating("normalize_groups", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const PerSample<T> scale(gain, 1), offset(bias, 0);
    const T *px = x.data<T>(), *means = mean.data<T>(), *rstds = rstd.data<T>();
    T* py = y.mutable_data<T>();
    for_each_run<T>(
        g, false, 3,
        [&](std::int64_t n, T* scratch) {
          const T *pm = means + n * groups.count, *pr = rstds + n * groups.count;
          fill_groups(g, groups, scratch, [&](std::int64_t i) { return pm[i]; });
          fill_scale(g, groups, pr, scale, n, scratch + g.period);
          offset.copy(n, g.channels, scratch + 2 * g.period);
          repeat_channels(g, scratch + 2 * g.period);
        },
        [&](std::int64_t first, std::int64_t count, const T* scratch) {
          loops<T>().norm.normalize(px + first, py + first, count, g.period, scratch, scratch + g.period,
                                    scratch + 2 * g.period);
        });
  });
}

namespace {

// dgain[n, c] = sum_s dy * xhat and dbias[n, c] = sum_s dy; and their sums over each group, weighed by gain.
template <class T>
void group_parameter_grads(const NormGeometry& g, const Groups& groups, const T* x, const T* dy, const T* mean,
                           const T* rstd, const PerSample<T>& gain, T* dgain, T* dbias, double* sums,
                           double* products) {
  sum_per_sample(
      g,
      [&](std::int64_t n, double* means) {
        fill_groups(g, groups, means, [&](std::int64_t i) { return mean[n * groups.count + i]; });
        return means;
      },
      [&](std::int64_t first, std::int64_t count, const double* means, double* sum, double* product) {
        loops<T>().norm.grad_sums(x + first, dy + first, count, g.period, means, sum, product);
      },
      [&](std::int64_t n, const double* sum, const double* product) {
        for (std::int64_t i = 0; i < groups.count; ++i) {
          const std::int64_t at = n * groups.count + i;
          double weighed_sum = 0, weighed_product = 0;
          for (std::int64_t c = i * groups.width; c < (i + 1) * groups.width; ++c) {
            dbias[n * g.channels + c] = static_cast<T>(sum[c]);
            dgain[n * g.channels + c] = static_cast<T>(product[c] * rstd[at]);
            weighed_sum += gain(n, c) * sum[c];
            weighed_product += gain(n, c) * (product[c] * rstd[at]);
          }
          sums[at] = weighed_sum;
          products[at] = weighed_product;
        }
      });
}

}  // namespace

// With G = dy * gain and means over the M elements of a group (Wu and He 2018; as in batch normalisation):
//   dx = rstd * (G - mean(G) - xhat * mean(G * xhat)).
void group_norm_grad(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                     const Tensor& dx, const Tensor& dgain, const Tensor& dbias) {
  if (x.numel() == 0) {
    fill(dgain, 0);
    fill(dbias, 0);
    return;
  }
  const NormGeometry g(x);
  const Groups groups(g, mean);
  dispatch_floating("group_norm_grad", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *px = x.data<T>(), *pd = dy.data<T>(), *means = mean.data<T>(), *rstds = rstd.data<T>();
    const PerSample<T> scale(gain, 1);
    const auto sums = uninitialized(mean.numel()), products = uninitialized(mean.numel());
    group_parameter_grads(g, groups, px, pd, means, rstds, scale, dgain.mutable_data<T>(), dbias.mutable_data<T>(),
                          sums.get(), products.get());
    const double elements = static_cast<double>(g.pixels * groups.width);
    T* out = dx.mutable_data<T>();
    for_each_run<T>(
        g, false, 4,
        [&](std::int64_t n, T* scratch) {
          const std::int64_t row = n * groups.count;
          const T *pm = means + row, *pr = rstds + row;
          fill_groups(g, groups, scratch, [&](std::int64_t i) { return pm[i]; });
          fill_scale(g, groups, pr, scale, n, scratch + g.period);
          fill_groups(g, groups, scratch + 2 * g.period,
                      [&](std::int64_t i) { return -(pr[i] * (pr[i] * products[row + i] / elements)); });
          fill_groups(g, groups, scratch + 3 * g.period,
                      [&](std::int64_t i) { return -(pr[i] * sums[row + i] / elements); });
        },
        [&](std::int64_t first, std::int64_t count, const T* scratch) {
          loops<T>().norm.grad(px + first, pd + first, out + first, count, g.period, scratch, scratch + g.period,
                               scratch + 2 * g.period, scratch + 3 * g.period);
        });
  });
}

}  // namespace duel::cpu
