// ImagePool: generated pictures kept for later updates of a discriminator.
#pragma once

#include "duel/nn/module.h"

namespace duel {

/// The history of generated pictures of Shrivastava et al. 2017, as pytorch-CycleGAN-and-pix2pix keeps it (50 for each
/// discriminator). While it is not full, a picture is stored and returned. Then half of the pictures are returned as
/// they are; each of the others takes a random place in the pool, and the one that was there is returned.
class ImagePool {
 public:
  /// For `capacity` pictures of this shape, [C, H, W] say, and dtype; 0 returns everything as it is. Memory is taken at
  /// once, so that a checkpoint's always fits.
  ImagePool(std::int64_t capacity, const Shape& picture, TensorOptions options = {});

  /// Pictures [N, C, H, W], one after the other, to as many: new memory, no gradient. A full pool takes one number
  /// k = rng.below(2 * capacity) for each picture: the place to exchange it with if k < capacity, none otherwise.
  Tensor query(const Tensor& pictures, Rng& rng);

  std::int64_t capacity() const { return pictures_.size(0); }
  std::int64_t size() const { return static_cast<std::int64_t>(count_.item()); }  ///< of those stored
  /// The state for a checkpoint: "pictures" [capacity, C, H, W] and "count" [].
  void visit(Visitor& v);

 private:
  Tensor pictures_;
  Tensor count_ = Tensor::zeros({}, {.dtype = DType::int64});
};

}  // namespace duel
