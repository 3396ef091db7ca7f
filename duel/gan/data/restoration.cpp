#include "duel/gan/data/restoration.h"

#include <algorithm>

#include "duel/gan/data/resize.h"

namespace duel {

Example spoilt(const RestorationOptions& o, const Tensor& picture, Rng& draws) {
  check(o.downscale >= 1 && o.noise >= 0, "restoration", "downscale must be 1 or more and noise not negative, got ",
        o.downscale, " and ", o.noise);
  check(picture.dim() == 3 && picture.numel() > 0, "restoration", "needs a picture [C, H, W], got ", picture);
  const std::int64_t h = picture.size(1), w = picture.size(2), by = o.downscale;
  Tensor worse = picture;
  if (by > 1) {
    const Size2 small{(h + by - 1) / by, (w + by - 1) / by};
    worse = resize(resize(picture, small, ResizeFilter::bilinear), {h, w}, ResizeFilter::bilinear);
  }
  if (o.noise == 0) return {worse, picture};
  Tensor noisy = worse.to(DType::float32).row_major().clone();
  const Tensor noise = draws.normal(noisy.shape(), 0, o.noise * 127.5);
  float* to = noisy.mutable_data<float>();
  std::transform(to, to + noisy.numel(), noise.data<float>(), to,
                 [](float x, float e) { return std::clamp(x + e, 0.0f, 255.0f); });
  return {noisy, picture};
}

}  // namespace duel
