// What networks are given, checked in one way (pictures, latent vectors and labels), and what discriminators return.
#pragma once

#include "duel/autograd/ops.h"
#include "duel/tensor/backend.h"

namespace duel {

/// Throws, in the name of `network`, unless x is pictures [N, channels, H, W].
inline void check_pictures(const char* network, const Variable& x, std::int64_t channels) {
  check(x.defined(), network, "needs pictures [N, ", channels, ", H, W], got none");
  check(x.dim() == 4 && x.size(1) == channels, network, "needs pictures [N, ", channels, ", H, W], got ", x.value());
}

/// The same, of one size.
inline void check_pictures(const char* network, const Variable& x, std::int64_t channels, Size2 size) {
  check_pictures(network, x, channels);
  check(x.size(2) == size.h && x.size(3) == size.w, network, "is made for pictures of ", size.h, " x ", size.w,
        ", got ", x.value());
}

/// Throws unless both sides of the pictures are multiples of 2^halvings, at least once that.
inline void check_halves(const char* network, const Variable& x, std::int64_t halvings) {
  const std::int64_t step = std::int64_t{1} << halvings, h = x.size(2), w = x.size(3);
  check(h >= step && w >= step && h % step == 0 && w % step == 0, network, "halves pictures ", halvings,
        " times, so their sides must be multiples of ", step, ", got ", h, " x ", w,
        "; resize them to such sizes, or let the network halve them less often");
}

/// Throws unless z is [N, latent].
inline void check_latents(const char* network, const Variable& z, std::int64_t latent) {
  check(z.defined(), network, "needs latents [N, ", latent, "], got none");
  check(z.dim() == 2 && z.size(1) == latent, network, "needs latents [N, ", latent, "], got ", z.value());
}

/// Throws unless a network of `classes` > 0 is given labels int64 [N], one for each of x, and an unconditional one
/// none.
inline void check_labels(const char* network, const Tensor& labels, const Variable& x, std::int64_t classes) {
  if (classes == 0) {
    check(!labels.defined(), network, "has no classes, but was given labels ", labels);
    return;
  }
  check(labels.defined() && labels.dtype() == DType::int64 && labels.shape() == Shape{x.size(0)}, network,
        "needs a label of ", classes, " classes for each of ", x.value(), ", got ", labels);
}

/// What a discriminator returns: numbers for the losses on logits, or their sigmoid for the loss "gan".
enum class Scores : std::uint8_t { logits, probabilities };

inline Variable scores_of(const Variable& logits, Scores scores) {
  return scores == Scores::probabilities ? sigmoid(logits) : logits;
}

}  // namespace duel
