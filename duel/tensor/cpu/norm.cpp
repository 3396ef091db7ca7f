// Batch normalisation over channels-last data: [N, C, S...] lies in memory as N * S pixels of C channels.
//
// Statistics are sums in double over pieces of pixels, cut by size and put together in order.
#include <algorithm>
#include <vector>

#include "duel/tensor/cpu/kernels.h"
#include "duel/tensor/cpu/norm_common.h"

namespace duel::cpu {

void channel_moments(const Tensor& x, const Tensor& mean, const Tensor& var) {
  const NormGeometry g(x);
  if (g.channels == 0) return;
  const std::int64_t pixels = g.samples * g.pixels, pieces = ceil_div(pixels, g.grain());
  check(pixels > 0, "channel_moments", "no elements in a channel of shape ", x.shape());
  dispatch_floating("channel_moments", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* px = x.data<T>();
    // Subtracting any value of the channel itself keeps the sums near 0, so that squares do not cancel.
    const auto shift = uninitialized(g.period), partial = uninitialized(pieces * 2 * g.channels);
    fill_period(g, shift.get(), [&](std::int64_t c) { return px[c]; });
    parallel_for(pieces, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> sums(static_cast<std::size_t>(2 * g.period));
      for (std::int64_t i = begin; i < end; ++i) {
        std::fill(sums.begin(), sums.end(), 0.0);
        const std::int64_t first = i * g.grain(), count = std::min(g.grain(), pixels - first);
        loops<T>().norm.moments(px + first * g.channels, count * g.channels, g.period, shift.get(), sums.data(),
                                sums.data() + g.period);
        double* out = partial.get() + i * 2 * g.channels;
        fold_period(g, sums.data(), out);
        fold_period(g, sums.data() + g.period, out + g.channels);
      }
    });
    T *pm = mean.mutable_data<T>(), *pv = var.mutable_data<T>();
    const std::int64_t ms = mean.strides()[0], vs = var.strides()[0];
    parallel_for(g.channels, std::max<std::int64_t>(16, kGrain / pieces), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c) {
        double sum = 0, square = 0;
        for (std::int64_t i = 0; i < pieces; ++i) {
          sum += partial[static_cast<std::size_t>((2 * i) * g.channels + c)];
          square += partial[static_cast<std::size_t>((2 * i + 1) * g.channels + c)];
        }
        const double m = sum / static_cast<double>(pixels), v = square / static_cast<double>(pixels) - m * m;
        pm[c * ms] = static_cast<T>(shift[static_cast<std::size_t>(c)] + m);
        pv[c * vs] = static_cast<T>(v < 0 ? 0 : v);  // NaN stays NaN
      }
    });
  });
}

void normalize_channels(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain, const Tensor& bias,
                        const Tensor& y) {
  const NormGeometry g(x);
  if (x.numel() == 0) return;
  dispatch_floating("normalize_channels", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const PerSample<T> scale(gain, 1), offset(bias, 0);
    const T *px = x.data<T>(), *pm = mean.data<T>(), *pr = rstd.data<T>();
    T* py = y.mutable_data<T>();
    const std::int64_t ms = mean.strides()[0], rs = rstd.strides()[0];
    for_each_run<T>(
        g, scale.same_for_all_samples() && offset.same_for_all_samples(), 3,
        [&](std::int64_t n, T* scratch) {
          fill_period(g, scratch, [&](std::int64_t c) { return pm[c * ms]; });
          fill_period(g, scratch + g.period, [&](std::int64_t c) { return pr[c * rs] * scale(n, c); });
          fill_period(g, scratch + 2 * g.period, [&](std::int64_t c) { return offset(n, c); });
        },
        [&](std::int64_t first, std::int64_t count, const T* scratch) {
          loops<T>().norm.normalize(px + first, py + first, count, g.period, scratch, scratch + g.period,
                                    scratch + 2 * g.period);
        });
  });
}

namespace {

// dgain[n, c] = sum_s dy * xhat and dbias[n, c] = sum_s dy.
template <class T>
void parameter_grads(const NormGeometry& g, const T* x, const T* dy, const T* mean, const T* rstd, T* dgain, T* dbias) {
  const auto means = uninitialized(g.period);
  fill_period(g, means.get(), [&](std::int64_t c) { return mean[c]; });
  sum_per_sample(
      g, [&](std::int64_t, double*) { return means.get(); },
      [&](std::int64_t first, std::int64_t count, const double* shift, double* sum, double* product) {
        loops<T>().norm.grad_sums(x + first, dy + first, count, g.period, shift, sum, product);
      },
      [&](std::int64_t n, const double* sum, const double* product) {
        for (std::int64_t c = 0; c < g.channels; ++c) {
          dbias[n * g.channels + c] = static_cast<T>(sum[c]);
          dgain[n * g.channels + c] = static_cast<T>(product[c] * rstd[c]);
        }
      });
}

// sums[c] = sum_n gain[n, c] * grads[n, c]
template <class T>
void weigh(const NormGeometry& g, const PerSample<T>& gain, const T* grads, double* sums) {
  parallel_for(g.channels, std::max<std::int64_t>(16, kGrain / g.samples), [&](std::int64_t begin, std::int64_t end) {
    std::fill(sums + begin, sums + end, 0.0);
    if (gain.same_for_all_samples()) {
      loops<T>().reduce.sum(grads + begin, g.samples, g.channels, end - begin, 1, sums + begin);
      for (std::int64_t c = begin; c < end; ++c) sums[c] *= gain(0, c);
    } else {
      for (std::int64_t n = 0; n < g.samples; ++n)
        for (std::int64_t c = begin; c < end; ++c)
          sums[c] += static_cast<double>(gain(n, c)) * static_cast<double>(grads[n * g.channels + c]);
    }
  });
}

}  // namespace

// With G = dy * gain and means over the M elements of a channel (Ioffe and Szegedy 2015, section 3):
//   dx = rstd * (G - mean(G) - xhat * mean(G * xhat)),
// where M * mean(G) and M * mean(G * xhat) are dbias and dgain weighed by gain and summed over the samples.
void batch_norm_grad(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                     const Tensor& dx, const Tensor& dgain, const Tensor& dbias) {
  const NormGeometry g(x);
  if (x.numel() == 0) {
    fill(dgain, 0);
    fill(dbias, 0);
    return;
  }
  dispatch_floating("batch_norm_grad", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor dense_mean = mean.row_major(), dense_rstd = rstd.row_major();
    const T *px = x.data<T>(), *pd = dy.data<T>(), *pm = dense_mean.data<T>(), *pr = dense_rstd.data<T>();
    parameter_grads(g, px, pd, pm, pr, dgain.mutable_data<T>(), dbias.mutable_data<T>());
    const PerSample<T> scale(gain, 1);
    const auto sums = uninitialized(g.channels), products = uninitialized(g.channels);
    weigh(g, scale, dbias.data<T>(), sums.get());
    weigh(g, scale, dgain.data<T>(), products.get());
    const double elements = static_cast<double>(g.samples * g.pixels);
    T* out = dx.mutable_data<T>();
    for_each_run<T>(
        g, scale.same_for_all_samples(), 4,
        [&](std::int64_t n, T* scratch) {
          fill_period(g, scratch, [&](std::int64_t c) { return pm[c]; });
          fill_period(g, scratch + g.period, [&](std::int64_t c) { return pr[c] * scale(n, c); });
          fill_period(g, scratch + 2 * g.period,
                      [&](std::int64_t c) { return -(pr[c] * (pr[c] * products[c] / elements)); });
          fill_period(g, scratch + 3 * g.period, [&](std::int64_t c) { return -(pr[c] * sums[c] / elements); });
        },
        [&](std::int64_t first, std::int64_t count, const T* scratch) {
          loops<T>().norm.grad(px + first, pd + first, out + first, count, g.period, scratch, scratch + g.period,
                               scratch + 2 * g.period, scratch + 3 * g.period);
        });
  });
}

}  // namespace duel::cpu
