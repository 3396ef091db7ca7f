#include "duel/autograd/folded_conv2d.h"

#include <algorithm>
#include <vector>

#include "duel/autograd/check_picture.h"
#include "duel/autograd/conv2d.h"
#include "duel/autograd/mixed_precision.h"
#include "duel/autograd/pool.h"
#include "duel/autograd/resample.h"
#include "duel/autograd/shape_ops.h"

namespace duel {
namespace {

constexpr Size2 kOne{1, 1}, kNone{0, 0};

enum class TapOrder : std::uint8_t { same, reversed };

/// The matrix [taps + 1, taps] that adds neighbours: element t of the result is share * (w[t - 1] + w[t]).
Taps fold_taps(std::int64_t taps, double share, TapOrder order) {
  std::vector<std::vector<Tap>> rows;
  for (std::int64_t row = 0; row <= taps; ++row) {
    const std::int64_t t = order == TapOrder::same ? row : taps - row;
    auto& sum = rows.emplace_back();
    if (t > 0) sum.push_back({t - 1, share});
    if (t < taps) sum.push_back({t, share});
  }
  return make_taps(rows);
}

/// [O, C, KH, KW] -> [O, C, KH + 1, KW + 1]
Variable folded(const Variable& weight, double share, TapOrder order) {
  return resample2d(weight, fold_taps(weight.size(2), share, order), fold_taps(weight.size(3), share, order));
}

void check_operands(const char* name, const Variable& x, const Variable& weight, const Conv2dGeometry& g) {
  check_filled_picture(name, x);
  check(weight.defined() && weight.dim() == 4 && can_follow(weight.dtype(), x.dtype()), name,
        "needs a weight of 4 dimensions and the dtype of ", x.value());
  check(g.groups >= 1 && x.size(1) == weight.size(1) * g.groups, name, "input ", x.value(), " does not fit weight ",
        weight.value(), " [out, in / groups, KH, KW] with ", g.groups, " groups");
  check(std::min(weight.size(2), weight.size(3)) >= 1, name, "needs a kernel of at least 1 x 1, got ", weight.value());
  check(std::min(g.padding.h, g.padding.w) >= 0 && std::max(g.padding.h, g.padding.w) <= kMostPixels, name,
        "the padding must be from 0 to ", kMostPixels);
}

bool steps_by_one(const Conv2dGeometry& g) { return g.stride == kOne && g.dilation == kOne; }

/// Such a convolution and any resampling can be taken in either order.
bool is_pointwise(const Variable& weight, const Conv2dGeometry& g) {
  return steps_by_one(g) && g.padding == kNone && weight.size(2) == 1 && weight.size(3) == 1;
}

/// Folded weights are larger, the more so as Winograd's algorithms transform them, and where they are many and pixels
/// few that takes longer than the fold saves: with 256 to 1024 channels and AVX-512 it paid from `least` pixels of the
/// smaller picture on.
bool pays(const Variable& weight, std::int64_t pixels, std::int64_t least) {
  constexpr std::int64_t kMany = 64 * 64;
  return pixels >= least || weight.size(0) * weight.size(1) < kMany;
}
constexpr std::int64_t kLeastUpsampled = 1000, kLeastPooled = 100;

Variable doubled(const Variable& x) { return upsample_nearest(x, {.scale = {2, 2}}); }

}  // namespace

Variable upsample_conv2d(const Variable& x, const Variable& weight, const Variable& bias, const Conv2dGeometry& g,
                         Rectifier r) {
  check_operands("upsample_conv2d", x, weight, g);
  if (is_pointwise(weight, g)) return doubled(conv2d(x, weight, bias, g, r));
  const Size2 padding{weight.size(2) - 1 - g.padding.h, weight.size(3) - 1 - g.padding.w};  // of the transposed one
  if (!steps_by_one(g) || g.groups != 1 || padding.h < 0 || padding.w < 0 ||
      !pays(weight, x.size(0) * x.size(2) * x.size(3), kLeastUpsampled))
    return conv2d(doubled(x), weight, bias, g, r);
  check(2 * (x.size(2) + g.padding.h) >= weight.size(2) && 2 * (x.size(3) + g.padding.w) >= weight.size(3),
        "upsample_conv2d", "the kernel of weight ", weight.value(), " is larger than the doubled and padded input ",
        x.value());
  // Reversed, because a transposed convolution meets its kernel from the other end.
  const Variable kernel = transpose(folded(weight, 1, TapOrder::reversed), 0, 1);
  return conv_transpose2d(x, kernel, bias, {.stride = {2, 2}, .padding = padding}, {0, 0}, r);
}

Variable conv2d_avg_pool2d(const Variable& x, const Variable& weight, const Variable& bias, const Conv2dGeometry& g) {
  check_operands("conv2d_avg_pool2d", x, weight, g);
  if (is_pointwise(weight, g)) return conv2d(avg_pool2d(x), weight, bias, g);
  if (!steps_by_one(g) || !pays(weight, x.size(0) * x.size(2) * x.size(3) / 4, kLeastPooled))
    return avg_pool2d(conv2d(x, weight, bias, g));
  check(x.size(2) + 2 * g.padding.h > weight.size(2) && x.size(3) + 2 * g.padding.w > weight.size(3),
        "conv2d_avg_pool2d", "weight ", weight.value(), " and the padded input ", x.value(),
        " give less than 2 x 2 pixels");
  return conv2d(x, folded(weight, 0.5, TapOrder::same), bias,
                {.stride = {2, 2}, .padding = g.padding, .groups = g.groups});
}

}  // namespace duel
