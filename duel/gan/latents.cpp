#include "duel/gan/latents.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "duel/tensor/error.h"

namespace duel {
namespace {

constexpr double kHubLimit = 2;

// Draws the values of `z`, row-major, that lie beyond the limit again, until none does.
void resample_beyond(Rng& rng, const Tensor& z, double limit) {
  float* values = z.mutable_data<float>();
  const auto bound = static_cast<float>(limit);
  std::vector<std::int64_t> beyond;
  for (std::int64_t i = 0; i < z.numel(); ++i)
    if (std::abs(values[i]) > bound) beyond.push_back(i);
  while (!beyond.empty()) {
    const std::vector<float> drawn = rng.normal({static_cast<std::int64_t>(beyond.size())}).to_vector<float>();
    std::size_t kept = 0;
    for (std::size_t i = 0; i < beyond.size(); ++i) {
      values[beyond[i]] = drawn[i];
      if (std::abs(drawn[i]) > bound) beyond[kept++] = beyond[i];
    }
    beyond.resize(kept);
  }
}

// One row, in double.
void between_rows(const float* a, const float* b, float* to, std::int64_t n, double t, Path path) {
  double wa = 1 - t, wb = t;
  if (path == Path::slerp) {
    double aa = 0, bb = 0, ab = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      aa += double{a[i]} * a[i];
      bb += double{b[i]} * b[i];
      ab += double{a[i]} * b[i];
    }
    const double cosine = aa > 0 && bb > 0 ? std::clamp(ab / std::sqrt(aa * bb), -1.0, 1.0) : 1;
    const double angle = std::acos(cosine), sine = std::sin(angle);
    if (sine > 1e-6) {
      wa = std::sin((1 - t) * angle) / sine;
      wb = std::sin(t * angle) / sine;
    }
  }
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(wa * a[i] + wb * b[i]);
}

}  // namespace

void check_options(const LatentOptions& o) {
  check(std::isfinite(o.scale) && o.scale > 0, "draw_latents", "the scale must be positive, got ", o.scale);
  check(std::isfinite(o.truncation) && o.truncation >= 0, "draw_latents", "the truncation must not be negative, got ",
        o.truncation);
  const bool scarce = o.style == TruncationStyle::resample && o.truncation > 0 && o.truncation < kLeastTruncation;
  check(!scarce, "draw_latents", "a truncation of ", o.truncation, " leaves hardly anything to draw: at least ",
        kLeastTruncation, ", or another style");
}

Tensor draw_latents(Rng& rng, const Shape& shape, const LatentOptions& o) {
  check_options(o);
  const bool truncated = o.truncation > 0, resamples = o.style == TruncationStyle::resample;
  const Tensor z = rng.normal(shape);
  if (truncated && o.style != TruncationStyle::scale) resample_beyond(rng, z, resamples ? o.truncation : kHubLimit);
  const double factor = o.scale * (truncated && !resamples ? o.truncation : 1);
  float* values = z.mutable_data<float>();
  if (factor != 1)
    std::transform(values, values + z.numel(), values, [&](float v) { return static_cast<float>(factor * v); });
  return z;
}

Tensor between(const Tensor& a, const Tensor& b, double t, Path path) {
  check(a.defined() && b.defined() && a.dim() == 2 && a.shape() == b.shape() && a.dtype() == DType::float32 &&
            b.dtype() == DType::float32,
        "between", "needs two tensors float32 [N, latent] of one shape, got ", a, " and ", b);
  const Tensor from = a.row_major(), to = b.row_major(), result = Tensor::empty(a.shape());
  const std::int64_t n = a.size(1);
  for (std::int64_t row = 0; row < a.size(0); ++row)
    between_rows(from.data<float>() + row * n, to.data<float>() + row * n, result.mutable_data<float>() + row * n, n, t,
                 path);
  return result;
}

}  // namespace duel
