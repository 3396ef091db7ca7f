#include "duel/autograd/upfirdn2d.h"

#include <algorithm>

#include "duel/autograd/check_picture.h"
#include "duel/autograd/pointwise.h"

namespace duel {
namespace {

// One axis of the operation.
struct Axis {
  std::int64_t in, kernel, up, down;
  Padding padding;

  std::int64_t out() const {
    const std::int64_t room = in * up + padding.before + padding.after - kernel;
    return room < 0 ? 0 : room / down + 1;
  }
};

Axis checked_axis(const Variable& x, std::int64_t in, std::int64_t kernel, std::int64_t up, std::int64_t down,
                  Padding p) {
  check(std::min(up, down) >= 1 && std::max(up, down) <= kMostPixels, "upfirdn2d", "up and down must be from 1 to ",
        kMostPixels, ", got ", up, " and ", down);
  check(std::min(p.before, p.after) >= -kMostPixels && std::max(p.before, p.after) <= kMostPixels, "upfirdn2d",
        "a padding is beyond ", kMostPixels);
  const Axis axis{in, kernel, up, down, p};
  check(axis.out() > 0, "upfirdn2d", "a filter of ", kernel, " taps is longer than ", in * up + p.before + p.after,
        " pixels, those of ", x.value(), " enlarged and padded");
  return axis;
}

// [KH, KW] as a sum of separable filters, one per row; [K] is separable as it is.
struct Separable {
  std::vector<double> h, w;
};

std::vector<Separable> separated(const Tensor& filter, FilterMode mode) {
  std::vector<double> taps = filter.to(DType::float64).to_vector<double>();
  if (mode == FilterMode::convolution) std::reverse(taps.begin(), taps.end());  // in both dimensions
  if (filter.dim() == 1) return {{taps, taps}};
  std::vector<Separable> terms;
  const auto rows = static_cast<std::size_t>(filter.size(0)), columns = taps.size() / rows;
  for (std::size_t k = 0; k < rows; ++k) {
    const auto row = taps.begin() + static_cast<std::ptrdiff_t>(k * columns);
    terms.push_back({std::vector<double>(rows, 0), {row, row + static_cast<std::ptrdiff_t>(columns)}});
    terms.back().h[k] = 1;
  }
  return terms;
}

}  // namespace

Variable upfirdn2d(const Variable& x, const Tensor& filter, const Upfirdn2dOptions& o) {
  check_picture("upfirdn2d", x);
  check(
      filter.defined() && (filter.dim() == 1 || filter.dim() == 2) && is_floating(filter.dtype()) && filter.numel() > 0,
      "upfirdn2d", "needs a float filter [K] or [KH, KW], got ", filter);
  const Axis h = checked_axis(x, x.size(2), filter.size(0), o.up.h, o.down.h, o.padding.h);
  const Axis w = checked_axis(x, x.size(3), filter.size(-1), o.up.w, o.down.w, o.padding.w);
  Variable y;
  for (Separable& f : separated(filter, o.mode)) {
    for (double& tap : f.w) tap *= o.gain;
    const Variable term = resample2d(x, fir_taps(h.in, f.h, h.up, h.down, h.padding.before, h.out()),
                                     fir_taps(w.in, f.w, w.up, w.down, w.padding.before, w.out()));
    y = y.defined() ? y + term : term;
  }
  return y;
}

namespace {

void check_factor(const char* name, std::int64_t factor, const Tensor& filter) {
  check(factor >= 1 && factor <= kMostPixels, name, "the factor must be from 1 to ", kMostPixels, ", got ", factor);
  check(filter.defined() && filter.dim() >= 1, name, "needs a filter [K] or [KH, KW]");
}

std::int64_t floor_half(std::int64_t n) { return n >= 0 ? n / 2 : (n - 1) / 2; }

}  // namespace

Variable fir_upsample2d(const Variable& x, const Tensor& filter, std::int64_t factor) {
  check_factor("fir_upsample2d", factor, filter);
  const auto around = [factor](std::int64_t k) { return Padding{floor_half(k + factor - 1), floor_half(k - factor)}; };
  return upfirdn2d(x, filter,
                   {.up = {factor, factor},
                    .padding = {around(filter.size(0)), around(filter.size(-1))},
                    .gain = static_cast<double>(factor) * static_cast<double>(factor)});
}

Variable fir_downsample2d(const Variable& x, const Tensor& filter, std::int64_t factor) {
  check_factor("fir_downsample2d", factor, filter);
  const auto around = [factor](std::int64_t k) { return Padding{floor_half(k - factor + 1), floor_half(k - factor)}; };
  return upfirdn2d(x, filter, {.down = {factor, factor}, .padding = {around(filter.size(0)), around(filter.size(-1))}});
}

Tensor binomial_filter(std::int64_t taps) {
  check(taps >= 1 && taps <= 1000, "binomial_filter", "needs 1 to 1000 taps, got ", taps);
  std::vector<double> f{1};
  while (static_cast<std::int64_t>(f.size()) < taps) {  // a row of Pascal's triangle from the one above, halved
    f.push_back(0);
    for (std::size_t i = f.size() - 1; i > 0; --i) f[i] = (f[i] + f[i - 1]) / 2;
    f[0] /= 2;
  }
  return Tensor::from(f, {taps});
}

}  // namespace duel
