// What batch and group normalisation share: channels-last data as pixels of channels, arrays of one value per channel
// as the inner loops want them, sums over each sample, and the walk over all elements.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

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

/// gain or bias: [N, C] of any strides, or a constant.
template <class T>
struct PerSample {
  PerSample(const Tensor& t, T constant) : value(constant) {
    if (!t.defined()) return;
    data = t.data<T>();
    sample_step = t.size(0) > 1 ? t.strides()[0] : 0;
    channel_step = t.strides()[1];
  }
  T operator()(std::int64_t n, std::int64_t c) const { return data ? data[n * sample_step + c * channel_step] : value; }
  /// Those of sample n.
  void copy(std::int64_t n, std::int64_t channels, T* out) const {
    const T* row = data + n * sample_step;
    if (!data)
      std::fill_n(out, channels, value);
    else if (channel_step == 1)
      std::copy_n(row, channels, out);
    else
      for (std::int64_t c = 0; c < channels; ++c) out[c] = row[c * channel_step];
  }
  bool same_for_all_samples() const { return sample_step == 0; }

  T value;
  const T* data = nullptr;
  std::int64_t sample_step = 0, channel_step = 0;
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

/// Two sums per channel of each sample, in double. prepare(sample, scratch) gives one number per place of the period
/// (in `scratch` or elsewhere); add(first element, elements, those, sums, sums2) adds a run of pixels to the sums per
/// place; store(sample, sums, sums2) takes those per channel. Large samples are cut into pieces, put together in order.
template <class Prepare, class Add, class Store>
void sum_per_sample(const NormGeometry& g, const Prepare& prepare, const Add& add, const Store& store) {
  const std::int64_t grain = std::min(g.grain(), g.pixels), pieces = ceil_div(g.pixels, grain), pair = 2 * g.channels;
  const auto partial = uninitialized(pieces > 1 ? g.samples * pieces * pair : 0);
  parallel_for(g.samples * pieces, g.grain() / grain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> scratch(static_cast<std::size_t>(g.period)), sums(static_cast<std::size_t>(2 * g.period)),
        folded(static_cast<std::size_t>(pair));
    for (std::int64_t i = begin; i < end; ++i) {
      std::fill(sums.begin(), sums.end(), 0.0);
      const std::int64_t n = i / pieces, first = i % pieces * grain, count = std::min(grain, g.pixels - first);
      add((n * g.pixels + first) * g.channels, count * g.channels, prepare(n, scratch.data()), sums.data(),
          sums.data() + g.period);
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

}  // namespace duel::cpu
