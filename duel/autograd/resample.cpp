#include "duel/autograd/resample.h"

#include <algorithm>
#include <cmath>

#include "duel/autograd/check_picture.h"

namespace duel {
namespace {

class SavedTaps {
 public:
  explicit SavedTaps(const Taps& t) : first_(t.first), index_(t.index), weight_(t.weight) {}
  Taps get() const { return {first_.get().value(), index_.get().value(), weight_.get().value()}; }

 private:
  Saved first_, index_, weight_;
};

}  // namespace

Variable resample2d(const Variable& x, const Taps& h, const Taps& w) {
  check_picture("resample2d", x);
  check_taps("resample2d", h, x.size(2));
  check_taps("resample2d", w, x.size(3));
  Tensor y = Tensor::empty({x.size(0), x.size(1), h.first.numel() - 1, w.first.numel() - 1},
                           {x.dtype(), x.value().device(), Layout::channels_last});
  backend(y.device()).resample2d(x.value().channels_last(), h, w, y);
  return record(
      "resample2d", {x}, std::move(y),
      [h = SavedTaps(h), w = SavedTaps(w), height = x.size(2), width = x.size(3)](const Backward& b) -> Variables {
        return {resample2d(b.grad, transposed(h.get(), height), transposed(w.get(), width))};
      });
}

namespace {

using TapsMaker = Taps (*)(std::int64_t in, std::int64_t out, double step);

Variable upsample(const char* name, TapsMaker make, const Variable& x, const UpsampleOptions& o) {
  check_filled_picture(name, x);
  const bool by_size = o.size.h != 0 || o.size.w != 0, by_scale = o.scale.h != 0 || o.scale.w != 0;
  check(by_size != by_scale, name, "give either a size or a scale");
  const auto axis = [&](std::int64_t in, std::int64_t size, double scale) {
    if (by_size) {
      check(size >= 1 && size <= kMostPixels, name, "a size must be from 1 to ", kMostPixels, ", got ", o.size.h, " x ",
            o.size.w);
      return make(in, size, static_cast<double>(in) / static_cast<double>(size));
    }
    const double out = std::floor(static_cast<double>(in) * scale);
    check(out >= 1 && out <= static_cast<double>(kMostPixels), name, "scale ", scale, " of ", in,
          " pixels does not give 1 to ", kMostPixels, " of them");
    return make(in, static_cast<std::int64_t>(out), 1 / scale);
  };
  return resample2d(x, axis(x.size(2), o.size.h, o.scale.h), axis(x.size(3), o.size.w, o.scale.w));
}

}  // namespace

Variable upsample_nearest(const Variable& x, const UpsampleOptions& o) {
  return upsample("upsample_nearest", nearest_taps, x, o);
}

Variable upsample_bilinear(const Variable& x, const UpsampleOptions& o) {
  return upsample("upsample_bilinear", bilinear_taps, x, o);
}

Variable pad2d(const Variable& x, const Padding2& padding, PadMode mode) {
  check_picture("pad2d", x);
  const auto axis = [&](std::int64_t in, Padding p) {
    for (std::int64_t n : {p.before, p.after})
      check(n >= -kMostPixels && n <= kMostPixels, "pad2d", "a padding of ", n, " is beyond ", kMostPixels);
    const std::int64_t out = in + p.before + p.after;
    check(out >= 0, "pad2d", "cropping ", -p.before, " and ", -p.after, " from ", in, " pixels of ", x.value());
    check(mode != PadMode::replicate || in >= 1 || out == 0, "pad2d", "nothing to replicate in ", x.value());
    check(mode != PadMode::reflect || std::max({p.before, p.after, std::int64_t{0}}) < std::max<std::int64_t>(in, 1),
          "pad2d", "reflecting ", p.before, " and ", p.after, " pixels needs more than that, got ", in, " of ",
          x.value());
    return pad_taps(in, p.before, out, mode);
  };
  return resample2d(x, axis(x.size(2), padding.h), axis(x.size(3), padding.w));
}

// Both end in a reshape of [N, H, W, C], so that the copy it makes is channels-last.

Variable pixel_shuffle(const Variable& x, std::int64_t factor) {
  check_picture("pixel_shuffle", x);
  const std::int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3), r = factor;
  check(r >= 1 && r <= kMostPixels && c % (r * r) == 0, "pixel_shuffle", "the channels of ", x.value(),
        " are not a multiple of ", r, " x ", r);
  const Variable blocks = permute(reshape(x, {n, c / (r * r), r, r, h, w}), {0, 4, 2, 5, 3, 1});
  return permute(reshape(blocks, {n, h * r, w * r, c / (r * r)}), {0, 3, 1, 2});
}

Variable pixel_unshuffle(const Variable& x, std::int64_t factor) {
  check_picture("pixel_unshuffle", x);
  const std::int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3), r = factor;
  check(r >= 1 && r <= kMostPixels && h % r == 0 && w % r == 0, "pixel_unshuffle", "the sides of ", x.value(),
        " are not multiples of ", r);
  const Variable blocks = permute(reshape(x, {n, c, h / r, r, w / r, r}), {0, 2, 4, 1, 3, 5});
  return permute(reshape(blocks, {n, h / r, w / r, c * r * r}), {0, 3, 1, 2});
}

}  // namespace duel
