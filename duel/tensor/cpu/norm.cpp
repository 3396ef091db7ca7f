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

namespace {

// Statistics [C] as [N, C].
Tensor of_all_samples(const Tensor& statistic, const Tensor& x) {
  return statistic.expand({x.size(0), statistic.size(0)});
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

void normalize_channels(const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& gain, const Tensor& bias,
                        Rectifier r, const Tensor& y) {
  if (x.numel() == 0) return;
  dispatch_floating("normalize_channels", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const SampleNormalization<T> f(NormGeometry(x), of_all_samples(mean, x), of_all_samples(rstd, x), gain, bias, r);
    normalize(f, x.data<T>(), y.mutable_data<T>());
  });
}

// The sums over all samples are those of each, weighed by its gain.
void batch_norm_grad(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& rstd, const Tensor& gain,
                     const Tensor& bias, Rectifier r, const Tensor& dx, const Tensor& dgain, const Tensor& dbias) {
  if (x.numel() == 0) {
    fill(dgain, 0);
    fill(dbias, 0);
    return;
  }
  const NormGeometry whole(x);
  // With sums over all samples, the batch is one large sample.
  const NormGeometry g = dgain.size(0) == 1 ? NormGeometry(1, whole.samples * whole.pixels, whole.channels) : whole;
  dispatch_floating("batch_norm_grad", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const SampleNormalization<T> f(g, of_all_samples(mean, x), of_all_samples(rstd, x), gain, bias, r);
    parameter_grads(f, x.data<T>(), dy.data<T>(), dgain.mutable_data<T>(), dbias.mutable_data<T>(),
                    [](std::int64_t, const double*, const double*) {});
    const auto sums = uninitialized(g.channels), products = uninitialized(g.channels);
    weigh(g, f.gain, dbias.data<T>(), sums.get());
    weigh(g, f.gain, dgain.data<T>(), products.get());
    input_grad(f, static_cast<double>(g.samples * g.pixels), sums.get(), products.get(), x.data<T>(), dy.data<T>(),
               dx.mutable_data<T>());
  });
}

void update_running(const Tensor& mean, const Tensor& var, double var_scale, std::optional<double> momentum,
                    const RunningStatistics& running) {
  std::int64_t& count = *running.count.mutable_data<std::int64_t>();
  const double weight = momentum ? *momentum : 1 / static_cast<double>(count + 1);
  Tensor stored = var;
  if (var_scale != 1) {
    stored = Tensor::empty_like(var);
    unary(UnaryOp::affine, var, stored, {var_scale, 0});
  }
  binary(BinaryOp::lerp, running.mean, mean, running.mean, {weight});
  binary(BinaryOp::lerp, running.var, stored, running.var, {weight});
  ++count;
}

}  // namespace duel::cpu
