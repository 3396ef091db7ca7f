// Group normalisation over channels-last data: each sample's groups of channels have statistics of their own. One group
// per channel is instance normalisation, one group is layer normalisation.
#include <algorithm>

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/norm_common.h"

namespace duel::cpu {
namespace {

// How the statistics are gathered: channels that make one group need not be told apart.
NormGeometry moments_geometry(const NormGeometry& g, std::int64_t groups) {
  return groups == 1 ? NormGeometry(g.samples, g.pixels * g.channels, 1) : g;
}

}  // namespace

void group_moments(const Tensor& x, const Tensor& mean, const Tensor& var) {
  if (mean.numel() == 0) return;
  check(x.numel() > 0, "group_moments", "no elements in a group of shape ", x.shape());
  const std::int64_t groups = mean.size(1);
  const NormGeometry g = moments_geometry(NormGeometry(x), groups);
  const std::int64_t width = g.channels / groups;
  dispatch_floating("group_moments", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* px = x.data<T>();
    T *pm = mean.mutable_data<T>(), *pv = var.mutable_data<T>();
    const double elements = static_cast<double>(g.pixels * width);
    // Subtracting any value of the group itself keeps the sums near 0, so that squares do not cancel.
    const auto shift = [&](std::int64_t n, std::int64_t group) {
      return static_cast<double>(px[n * g.pixels * g.channels + group * width]);
    };
    sum_per_sample<double>(
        g, false, 1,
        [&](std::int64_t n, double* shifts) {
          for (std::int64_t i = 0; i < groups; ++i) std::fill_n(shifts + i * width, width, shift(n, i));
          repeat_channels(g, shifts);
        },
        [&](std::int64_t first, std::int64_t count, const double* shifts, double* sum, double* square) {
          loops<T>().norm.moments(px + first, count, g.period, shifts, sum, square);
        },
        [&](std::int64_t n, const double* sums, const double* squares) {
          for (std::int64_t i = 0; i < groups; ++i) {
            double sum = 0, square = 0;
            for (std::int64_t c = i * width; c < (i + 1) * width; ++c) {
              sum += sums[c];
              square += squares[c];
            }
            const double m = sum / elements, v = square / elements - m * m;
            pm[n * groups + i] = static_cast<T>(shift(n, i) + m);
            pv[n * groups + i] = static_cast<T>(v < 0 ? 0 : v);  // NaN stays NaN
          }
        });
  });
}

void normalize_groups(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain, const Tensor& bias,
                      Rectifier r, const Tensor& y) {
  if (x.numel() == 0) return;
  dispatch_floating("normalize_groups", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const SampleNormalization<T> f(NormGeometry(x), mean, rstd, gain, bias, r);
    normalize(f, x.data<T>(), y.mutable_data<T>());
  });
}

void group_norm_grad(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                     const Tensor& bias, Rectifier r, const Tensor& dx, const Tensor& dgain, const Tensor& dbias) {
  if (x.numel() == 0) {
    fill(dgain, 0);
    fill(dbias, 0);
    return;
  }
  dispatch_floating("group_norm_grad", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const SampleNormalization<T> f(NormGeometry(x), mean, rstd, gain, bias, r);
    const auto sums = uninitialized(mean.numel()), products = uninitialized(mean.numel());
    parameter_grads(f, x.data<T>(), dy.data<T>(), dgain.mutable_data<T>(), dbias.mutable_data<T>(),
                    [&](std::int64_t n, const double* sum, const double* product) {
                      for (std::int64_t i = 0, c = 0; i < f.groups; ++i) {
                        double weighed_sum = 0, weighed_product = 0;
                        for (; c < (i + 1) * f.width; ++c) {
                          weighed_sum += f.gain(n, c) * sum[c];
                          weighed_product += f.gain(n, c) * product[c];
                        }
                        sums[n * f.groups + i] = weighed_sum;
                        products[n * f.groups + i] = weighed_product;
                      }
                    });
    input_grad(f, static_cast<double>(f.g.pixels * f.width), sums.get(), products.get(), x.data<T>(), dy.data<T>(),
               dx.mutable_data<T>());
  });
}

}  // namespace duel::cpu
