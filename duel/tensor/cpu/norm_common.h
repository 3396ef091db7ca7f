// What batch and group normalisation share: channels-last data as pixels of channels, arrays of one value per channel
// as the inner loops want them, sums over each sample, and the walk over all elements. Batch normalisation is the case
// of one channel a group and statistics that all samples share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "duel/tensor/backend.h"
#include "duel/tensor/cpu/simd/loops.h"
#include "duel/tensor/cpu/strided.h"
#include "duel/tensor/tensor.h"

namespace duel::cpu {

/// [N, C, S...], channels-last: N samples of S pixels of C channels.
struct NormGeometry {
  std::int64_t samples, pixels, channels;  // pixels of one sample
  std::int64_t period;  // what the inner loops see as channels: several pixels of few channels, so that vectors fill

  NormGeometry(std::int64_t n, std::int64_t s, std::int64_t c)
      : samples(n), pixels(s), channels(c), period(c < 32 ? 16 * c : c) {}
  explicit NormGeometry(const Tensor& x) : NormGeometry(x.size(0), pixels_of(x), x.size(1)) {}

  /// Pixels in a piece of parallel work; at least a few, for each piece handles arrays of `channels`.
  std::int64_t grain() const { return std::max<std::int64_t>(16, kGrain / channels); }

 private:
  static std::int64_t pixels_of(const Tensor& x) {
    std::int64_t pixels = 1;
    for (int i = 2; i < x.dim(); ++i) pixels *= x.size(i);
    return pixels;
  }
};

inline std::unique_ptr<double[]> uninitialized(std::int64_t n) {
  return std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(n));
}

/// The values of the channels, repeated to fill the period.
template <class T>
void repeat_channels(const NormGeometry& g, T* values) {
  for (std::int64_t c = g.channels; c < g.period; ++c) values[c] = values[c - g.channels];
}

/// One value per channel, made by f(c), repeated to fill the period.
template <class To, class F>
void fill_period(const NormGeometry& g, To* values, const F& f) {
  for (std::int64_t c = 0; c < g.channels; ++c) values[c] = static_cast<To>(f(c));
  repeat_channels(g, values);
}

/// The transpose: adds the period's values of each channel.
inline void fold_period(const NormGeometry& g, const double* values, double* channels) {
  std::copy_n(values, g.channels, channels);
  for (std::int64_t first = g.channels; first < g.period; first += g.channels)
    for (std::int64_t c = 0; c < g.channels; ++c) channels[c] += values[first + c];
}

/// Statistics [N, G], gain or bias [N, C], of any strides, or a constant.
template <class T>
struct PerSample {
  PerSample(const Tensor& t, T constant) : value(constant) {
    if (!t.defined()) return;
    data = t.data<T>();
    sample_step = t.size(0) > 1 ? t.strides()[0] : 0;
    step = t.strides()[1];
  }
  T operator()(std::int64_t n, std::int64_t i) const { return data ? data[n * sample_step + i * step] : value; }
  bool same_for_all_samples() const { return sample_step == 0; }

  T value;
  const T* data = nullptr;
  std::int64_t sample_step = 0, step = 0;
};

/// A normalisation of x: what makes it, sample by sample, and that as the inner loops want it.
template <class T>
struct SampleNormalization {
  static constexpr int kArrays = 3;

  SampleNormalization(const NormGeometry& geometry, const Tensor& means, const Tensor& rstds, const Tensor& gains,
                      const Tensor& biases, Rectifier r)
      : g(geometry),
        groups(means.size(1)),
        width(g.channels / groups),
        mean(means, 0),
        rstd(rstds, 1),
        gain(gains, 1),
        bias(biases, 0),
        slope(static_cast<T>(r.slope)) {}

  bool same_statistics() const { return mean.same_for_all_samples() && rstd.same_for_all_samples(); }
  bool same_for_all_samples() const {
    return same_statistics() && gain.same_for_all_samples() && bias.same_for_all_samples();
  }

  /// Fills kArrays arrays of one period each for sample n.
  void fill(std::int64_t n, T* arrays) const {
    fill_groups(arrays, [&](std::int64_t i) { return mean(n, i); });
    T *scale = arrays + g.period, *offset = scale + g.period;
    for (std::int64_t i = 0, c = 0; i < groups; ++i)
      for (const T r = rstd(n, i); c < (i + 1) * width; ++c) scale[c] = r * gain(n, c);
    repeat_channels(g, scale);
    fill_period(g, offset, [&](std::int64_t c) { return bias(n, c); });
  }
  Normalization<T> of(const T* arrays) const { return {arrays, arrays + g.period, arrays + 2 * g.period, slope}; }

  /// values[c] = f(group of c), repeated to fill the period.
  template <class F>
  void fill_groups(T* values, const F& f) const {
    for (std::int64_t i = 0; i < groups; ++i) std::fill_n(values + i * width, width, static_cast<T>(f(i)));
    repeat_channels(g, values);
  }

  const NormGeometry g;
  const std::int64_t groups, width;
  const PerSample<T> mean, rstd, gain, bias;
  const T slope;
};

/// Calls prepare(sample, scratch) and then f(first element, elements, scratch) for runs of pixels that share a sample
/// (all do, where `shared`), in parallel. `scratch` is `arrays` arrays of one period each.
template <class T, class Prepare, class F>
void for_each_run(const NormGeometry& g, bool shared, int arrays, const Prepare& prepare, const F& f) {
  const std::int64_t run = shared ? g.samples * g.pixels : g.pixels;
  parallel_for(g.samples * g.pixels, g.grain(), [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> scratch(static_cast<std::size_t>(arrays * g.period));
    while (begin < end) {
      const std::int64_t sample = begin / run, stop = std::min(end, (sample + 1) * run);
      prepare(sample, scratch.data());
      f(begin * g.channels, (stop - begin) * g.channels, scratch.data());
      begin = stop;
    }
  });
}

/// Two sums per channel of each sample, in double. prepare(sample, scratch) fills `arrays` arrays of one period each
/// (once, where `shared`); add(first element, elements, scratch, sums, sums2) adds a run of pixels to the sums per
/// place of the period; store(sample, sums, sums2) takes those per channel. Large samples are cut into pieces, put
/// together in order.
template <class T, class Prepare, class Add, class Store>
void sum_per_sample(const NormGeometry& g, bool shared, int arrays, const Prepare& prepare, const Add& add,
                    const Store& store) {
  const std::int64_t grain = std::min(g.grain(), g.pixels), pieces = ceil_div(g.pixels, grain), pair = 2 * g.channels;
  const auto partial = uninitialized(pieces > 1 ? g.samples * pieces * pair : 0);
  parallel_for(g.samples * pieces, g.grain() / grain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> scratch(static_cast<std::size_t>(arrays * g.period));
    std::vector<double> sums(static_cast<std::size_t>(2 * g.period)), folded(static_cast<std::size_t>(pair));
    std::int64_t prepared = -1;
    for (std::int64_t i = begin; i < end; ++i) {
      std::fill(sums.begin(), sums.end(), 0.0);
      const std::int64_t n = i / pieces, first = i % pieces * grain, count = std::min(grain, g.pixels - first);
      if (prepared < 0 || (!shared && prepared != n)) prepare(prepared = n, scratch.data());
      add((n * g.pixels + first) * g.channels, count * g.channels, scratch.data(), sums.data(), sums.data() + g.period);
      double* out = pieces > 1 ? partial.get() + i * pair : folded.data();
      fold_period(g, sums.data(), out);
      fold_period(g, sums.data() + g.period, out + g.channels);
      if (pieces == 1) store(n, out, out + g.channels);
    }
  });
  if (pieces == 1) return;
  parallel_for(g.samples, std::max<std::int64_t>(1, kGrain / (pair * pieces)),
               [&](std::int64_t begin, std::int64_t end) {
                 std::vector<double> total(static_cast<std::size_t>(pair));
                 for (std::int64_t n = begin; n < end; ++n) {
                   std::fill(total.begin(), total.end(), 0.0);
                   loops<double>().reduce.sum(partial.get() + n * pieces * pair, pieces, pair, pair, 1, total.data());
                   store(n, total.data(), total.data() + g.channels);
                 }
               });
}

/// y = the normalisation of x, rectified.
template <class T>
void normalize(const SampleNormalization<T>& f, const T* x, T* y) {
  for_each_run<T>(
      f.g, f.same_for_all_samples(), f.kArrays, [&](std::int64_t n, T* scratch) { f.fill(n, scratch); },
      [&](std::int64_t first, std::int64_t count, const T* scratch) {
        loops<T>().norm.normalize(x + first, y + first, count, f.g.period, f.of(scratch));
      });
}

/// dgain[n, c] = sum_s g * xhat and dbias[n, c] = sum_s g; then store(sample, sums of g, sums of g * xhat), per
/// channel.
template <class T, class Store>
void parameter_grads(const SampleNormalization<T>& f, const T* x, const T* dy, T* dgain, T* dbias, const Store& store) {
  sum_per_sample<T>(
      f.g, f.same_for_all_samples(), f.kArrays, [&](std::int64_t n, T* scratch) { f.fill(n, scratch); },
      [&](std::int64_t first, std::int64_t count, const T* scratch, double* sum, double* product) {
        loops<T>().norm.grad_sums(x + first, dy + first, count, f.g.period, f.of(scratch), sum, product);
      },
      [&](std::int64_t n, double* sum, double* product) {
        for (std::int64_t i = 0, c = 0; i < f.groups; ++i)
          for (const double r = f.rstd(n, i); c < (i + 1) * f.width; ++c) {
            product[c] *= r;
            dbias[n * f.g.channels + c] = static_cast<T>(sum[c]);
            dgain[n * f.g.channels + c] = static_cast<T>(product[c]);
          }
        store(n, sum, product);
      });
}

/// dx = rstd * (G - mean(G) - xhat * mean(G * xhat)) with G = g * gain and means over the `elements` that share
/// statistics (Ioffe and Szegedy 2015, section 3; Wu and He 2018), whose sums [N, G] or [1, G] are given.
template <class T>
void input_grad(const SampleNormalization<T>& f, double elements, const double* sums, const double* products,
                const T* x, const T* dy, T* dx) {
  const std::int64_t row = f.same_statistics() ? 0 : f.groups, period = f.g.period;
  for_each_run<T>(
      f.g, f.same_for_all_samples(), f.kArrays + 2,
      [&](std::int64_t n, T* scratch) {
        f.fill(n, scratch);
        T* linear = scratch + f.kArrays * period;
        const double *sum = sums + n * row, *product = products + n * row;
        f.fill_groups(linear, [&](std::int64_t i) { return -(f.rstd(n, i) * (f.rstd(n, i) * product[i] / elements)); });
        f.fill_groups(linear + period, [&](std::int64_t i) { return -(f.rstd(n, i) * sum[i] / elements); });
      },
      [&](std::int64_t first, std::int64_t count, const T* scratch) {
        const T* linear = scratch + f.kArrays * period;
        loops<T>().norm.grad(x + first, dy + first, dx + first, count, period, f.of(scratch), linear, linear + period);
      });
}

}  // namespace duel::cpu
